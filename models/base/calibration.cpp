#include "models/base/calibration.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "pipeline/core/accuracy.h"

namespace millesime {
namespace {

constexpr double kPrior = 0.2;          // standard deviation of the logarithm of the temperature
constexpr double kSignificant = 3.841;  // chi square with one degree of freedom, 95 %

struct Row {
  const double* logits;
  int target;
  int group;  // 0, 1, 2... in order of appearance
};

std::vector<Row> rows_of(const HeldOutLogits& held_out) {
  std::map<std::int64_t, int> numbers;
  std::vector<Row> rows;
  for (std::size_t i = 0; i < held_out.target.size(); ++i) {
    const int number = numbers.emplace(held_out.group[i], static_cast<int>(numbers.size())).first->second;
    rows.push_back({held_out.logits.data() + i * static_cast<std::size_t>(held_out.n_classes), held_out.target[i], number});
  }
  return rows;
}

double log_sum_exp(const double* logits, int n, double scale) {
  const double highest = *std::max_element(logits, logits + n);
  double sum = 0;
  for (int k = 0; k < n; ++k) sum += std::exp((logits[k] - highest) * scale);
  return highest * scale + std::log(sum);
}

// Mean cross entropy of the rows, times the number of their groups.
double loss(const std::vector<Row>& rows, int n_classes, double log_temperature) {
  const double scale = std::exp(-log_temperature);
  double sum = 0;
  std::set<int> groups;
  for (const Row& row : rows) {
    sum += log_sum_exp(row.logits, n_classes, scale) - row.logits[row.target] * scale;
    groups.insert(row.group);
  }
  return sum / static_cast<double>(rows.size()) * static_cast<double>(groups.size());
}

// Golden-section search.
double best_log_temperature(const std::vector<Row>& rows, int n_classes) {
  constexpr double kGolden = 0.6180339887498949;
  const auto posterior = [&](double x) { return loss(rows, n_classes, x) + 0.5 * std::pow(x / kPrior, 2); };
  double low = std::log(0.1), high = std::log(10.0);
  for (int i = 0; i < 30; ++i) {
    const double a = high - kGolden * (high - low), b = low + kGolden * (high - low);
    if (posterior(a) < posterior(b))
      high = b;
    else
      low = a;
  }
  return 0.5 * (low + high);
}

void add(Calibration& calibration, const std::vector<Row>& rows, int n_classes, double log_temperature) {
  const double scale = std::exp(-log_temperature);
  for (const Row& row : rows) {
    const auto winner = std::max_element(row.logits, row.logits + n_classes) - row.logits;
    const double confidence = std::exp(row.logits[winner] * scale - log_sum_exp(row.logits, n_classes, scale));
    calibration.add(std::clamp(confidence, 0.0, 1.0), winner == row.target);
  }
}

}  // namespace

TemperatureChoice choose_temperature(const HeldOutLogits& held_out) {
  const auto rows = rows_of(held_out);
  TemperatureChoice choice;
  if (rows.empty()) return choice;
  Calibration before;
  add(before, rows, held_out.n_classes, 0);
  choice.error = choice.error_before = before.expected_error();

  const double log_temperature = best_log_temperature(rows, held_out.n_classes);
  if (2 * (loss(rows, held_out.n_classes, 0) - loss(rows, held_out.n_classes, log_temperature)) < kSignificant) return choice;

  std::vector<Row> halves[2];
  for (const Row& row : rows) halves[row.group % 2].push_back(row);
  if (halves[1].empty()) return choice;
  Calibration after;
  for (int half = 0; half < 2; ++half)
    add(after, halves[half], held_out.n_classes, best_log_temperature(halves[1 - half], held_out.n_classes));
  if (after.expected_error() >= choice.error_before) return choice;
  choice.temperature = std::exp(log_temperature);
  choice.error = after.expected_error();
  return choice;
}

}  // namespace millesime
