#include "models/base/calibration.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace millesime {
namespace {

constexpr double kPriorSquare = 0.05;   // standard deviation of Scale's second number; of the first: HeldOutLogits::spread
constexpr double kSignificant = 3.841;  // chi square with one degree of freedom, 95 %

// p ~ exp(-(linear d + square d^2)), where d is the distance to the largest logit.
struct Scale {
  double linear = 1, square = 0;
  double of(double distance) const { return (linear + square * distance) * distance; }
};

struct HeldOutRow {
  std::vector<double> distance;  // [class]
  int target, winner;            // of several with the highest logit the first
  int group;                     // 0, 1, 2... in order of appearance
};

std::vector<HeldOutRow> rows_of(const HeldOutLogits& held_out) {
  std::map<std::int64_t, int> numbers;
  std::vector<HeldOutRow> rows;
  for (std::size_t i = 0; i < held_out.target.size(); ++i) {
    const int number = numbers.emplace(held_out.group[i], static_cast<int>(numbers.size())).first->second;
    const auto first = held_out.logits.begin() + static_cast<std::ptrdiff_t>(i) * held_out.n_classes;
    const auto winner = std::max_element(first, first + held_out.n_classes);
    HeldOutRow row{{first, first + held_out.n_classes}, held_out.target[i], static_cast<int>(winner - first), number};
    const double highest = *winner;
    for (double& d : row.distance) d = highest - d;
    rows.push_back(std::move(row));
  }
  return rows;
}

// A mean over rows times the number of groups, so that a group counts as one sample.
double weight_of(const std::vector<HeldOutRow>& rows) {
  std::set<int> groups;
  for (const HeldOutRow& row : rows) groups.insert(row.group);
  return static_cast<double>(groups.size()) / static_cast<double>(rows.size());
}

double sum_of(const HeldOutRow& row, const Scale& scale) {
  double sum = 0;
  for (const double d : row.distance) sum += std::exp(-scale.of(d));
  return sum;
}

double loss(const std::vector<HeldOutRow>& rows, const Scale& scale) {
  double sum = 0;
  for (const HeldOutRow& row : rows) sum += std::log(sum_of(row, scale)) + scale.of(row.distance[static_cast<std::size_t>(row.target)]);
  return sum * weight_of(rows);
}

double posterior(const std::vector<HeldOutRow>& rows, const Scale& scale, double spread) {
  const double linear = (scale.linear - 1) / spread, square = scale.square / kPriorSquare;
  return loss(rows, scale) + 0.5 * (linear * linear + square * square);
}

// Newton's step from `scale`: the gradient is d and d^2 of the target class minus their mean over the classes, the Hessian is their
// covariance.
Scale newton_step(const std::vector<HeldOutRow>& rows, const Scale& scale, bool squares, double spread) {
  double g_linear = 0, g_square = 0, h_linear = 0, h_both = 0, h_square = 0;
  for (const HeldOutRow& row : rows) {
    const double sum = sum_of(row, scale);
    double m1 = 0, m2 = 0, m3 = 0, m4 = 0;  // means of d, d^2, d^3, d^4
    for (const double d : row.distance) {
      const double p = std::exp(-scale.of(d)) / sum;
      m1 += p * d, m2 += p * d * d, m3 += p * d * d * d, m4 += p * d * d * d * d;
    }
    const double d = row.distance[static_cast<std::size_t>(row.target)];
    g_linear += d - m1, g_square += d * d - m2;
    h_linear += m2 - m1 * m1, h_both += m3 - m1 * m2, h_square += m4 - m2 * m2;
  }
  const double weight = weight_of(rows), wide = 1 / (spread * spread), narrow = 1 / (kPriorSquare * kPriorSquare);
  g_linear = g_linear * weight + (scale.linear - 1) * wide, g_square = g_square * weight + scale.square * narrow;
  h_linear = h_linear * weight + wide, h_both *= weight, h_square = h_square * weight + narrow;
  if (!squares) return {-g_linear / h_linear, 0};
  const double determinant = h_linear * h_square - h_both * h_both;
  return {(h_both * g_square - h_square * g_linear) / determinant, (h_both * g_linear - h_linear * g_square) / determinant};
}

Scale best_scale(const std::vector<HeldOutRow>& rows, bool squares, double spread) {
  constexpr double kLeast = 0.05;  // of linear: a temperature of 20
  Scale best;
  double best_value = posterior(rows, best, spread);
  for (int i = 0; i < 50; ++i) {
    Scale step = newton_step(rows, best, squares, spread);
    if (best.square == 0 && step.square < 0) step = newton_step(rows, best, false, spread);  // at the border, along it
    double length = 1, value = best_value;
    Scale next;
    for (; length > 1e-4; length *= 0.5) {  // shorter if the full step overshoots
      next = {std::max(kLeast, best.linear + length * step.linear), std::max(0.0, best.square + length * step.square)};
      if ((value = posterior(rows, next, spread)) < best_value) break;
    }
    const double gained = best_value - value;
    if (!(gained > 0)) break;
    best = next, best_value = value;
    if (gained < 1e-9) break;
  }
  return best;
}

void add(Calibration& calibration, const std::vector<HeldOutRow>& rows, const Scale& scale) {
  for (const HeldOutRow& row : rows) calibration.add(std::clamp(1 / sum_of(row, scale), 0.0, 1.0), row.winner == row.target);
}

// Each half of the groups is judged with the numbers fitted on the other half.
double crossed_error(const std::vector<HeldOutRow>& rows, bool squares, double spread) {
  std::vector<HeldOutRow> halves[2];
  for (const HeldOutRow& row : rows) halves[row.group % 2].push_back(row);
  Calibration calibration;
  for (int half = 0; half < 2; ++half) add(calibration, halves[half], best_scale(halves[1 - half], squares, spread));
  return calibration.expected_error();
}

}  // namespace

CalibrationChoice choose_calibration(const HeldOutLogits& held_out) {
  const auto rows = rows_of(held_out);
  CalibrationChoice choice;
  if (rows.empty()) return choice;
  Calibration before;
  add(before, rows, {});
  choice.error = choice.error_before = before.expected_error();
  if (std::ranges::all_of(rows, [](const HeldOutRow& row) { return row.group == 0; })) return choice;

  Scale chosen;
  for (const bool squares : {false, true}) {
    const Scale scale = best_scale(rows, squares, held_out.spread);
    const int numbers = squares && chosen.linear == 1 ? 2 : 1;  // that differ
    if (2 * (loss(rows, chosen) - loss(rows, scale)) < kSignificant * numbers) continue;
    const double error = crossed_error(rows, squares, held_out.spread);
    if (error >= choice.error) continue;
    chosen = scale;
    choice.error = error;
  }
  choice.temperature = 1 / chosen.linear;
  choice.sharpening = chosen.square / (chosen.linear * chosen.linear);
  return choice;
}

std::vector<int> halves_of_groups(const std::vector<std::int64_t>& groups) {
  std::map<std::int64_t, int> numbers;
  std::vector<int> halves;
  for (const std::int64_t group : groups) halves.push_back(numbers.emplace(group, static_cast<int>(numbers.size())).first->second % 2);
  return halves;
}

std::vector<float> calibrated_probabilities(const std::vector<double>& logits, int n_classes, double temperature, double sharpening) {
  std::vector<float> probabilities;
  probabilities.reserve(logits.size());
  for (auto first = logits.begin(); first != logits.end(); first += n_classes) {
    const double highest = *std::max_element(first, first + n_classes);
    std::vector<double> p;
    double sum = 0;
    for (auto at = first; at != first + n_classes; ++at) {
      const double u = (highest - *at) / temperature;
      sum += p.emplace_back(std::exp(-(u + sharpening * u * u)));
    }
    for (const double value : p) probabilities.push_back(static_cast<float>(value / sum));
  }
  return probabilities;
}

void enter_calibration(ModelSpec& spec, const HeldOutLogits& held_out) {
  const CalibrationChoice choice = choose_calibration(held_out);
  spec.temperature = choice.temperature, spec.sharpening = choice.sharpening;
  ConfusionMatrix confusion;
  if (held_out.crossed[0].empty()) {
    for (const HeldOutRow& row : rows_of(held_out)) confusion.add(row.target, row.winner);
    enter_held_out(spec, confusion, choice.error_before, choice.error, held_out.chose_epoch);
    return;
  }
  const bool scaled = choice.temperature != 1 || choice.sharpening != 0;
  Calibration before, after;
  for (const int half : {0, 1}) {  // chooses epoch, temperature and sharpening for the other one
    HeldOutLogits own = held_out;
    own.logits = held_out.crossed[static_cast<std::size_t>(half)];
    std::vector<HeldOutRow> choosing, judging;
    for (HeldOutRow& row : rows_of(own)) (row.group % 2 == half ? choosing : judging).push_back(std::move(row));
    for (const HeldOutRow& row : judging) confusion.add(row.target, row.winner);
    add(before, judging, {});
    add(after, judging, scaled ? best_scale(choosing, choice.sharpening > 0, held_out.spread) : Scale{});
  }
  enter_held_out(spec, confusion, before.expected_error(), after.expected_error(), false);
}

void enter_held_out(ModelSpec& spec, const ConfusionMatrix& confusion, double error_before, double error, bool chose_epoch) {
  auto counts = nlohmann::json::array();  // [reference][produced], in the order of the model's classes
  for (int reference = 0; reference < spec.n_classes(); ++reference) {
    counts.push_back(nlohmann::json::array());
    for (int produced = 0; produced < spec.n_classes(); ++produced) counts.back().push_back(confusion.count(reference, produced));
  }
  const Accuracy accuracy = measure(confusion);
  spec.metrics["held_out"] = {{"samples", confusion.total()},
                              {"accuracy", accuracy.overall},
                              {"f_score", accuracy.macro_f},
                              {"confusion", counts},
                              {"calibration_error_before", error_before},
                              {"calibration_error", error},
                              {"chose_epoch", chose_epoch}};
}

}  // namespace millesime
