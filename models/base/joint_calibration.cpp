#include "models/base/joint_calibration.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "models/base/calibration.h"
#include "models/base/ensemble.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace {

constexpr double kSpread = 0.2;  // expected deviation of the power's logarithm from 0

// The held-out samples of several models together.
class JudgedTogether {
 public:
  JudgedTogether(const std::vector<HeldOutProbabilities>& models, int n_classes)
      : target_(models.front().target), group_(models.front().group), n_classes_(static_cast<std::size_t>(n_classes)) {
    constexpr double kLeast = 1e-12;  // shares of votes may be 0
    for (const auto& model : models)
      for (const float p : model.probabilities) logarithm_.push_back(std::log(std::max(static_cast<double>(p), kLeast)));
  }

  std::size_t size() const { return target_.size(); }

  // The mean of the models' probabilities of a sample, each raised to the power.
  std::vector<double> mean(std::size_t sample, double power) const {
    std::vector<double> sum(n_classes_, 0), one(n_classes_);
    for (std::size_t first = sample * n_classes_; first < logarithm_.size(); first += size() * n_classes_) {
      double total = 0;
      for (std::size_t k = 0; k < n_classes_; ++k) total += one[k] = std::exp(power * logarithm_[first + k]);
      for (std::size_t k = 0; k < n_classes_; ++k) sum[k] += one[k] / total;
    }
    const double models = static_cast<double>(logarithm_.size()) / static_cast<double>(size() * n_classes_);
    for (double& p : sum) p /= models;
    return sum;
  }

  // The power of the best posterior, in steps of one percent.
  double best_power(const std::vector<std::size_t>& rows) const {
    constexpr int kFarthest = 70;  // from a half to two
    const auto power = [](int step) { return std::exp(step / 100.0); };
    int best = 0;
    double least = posterior(rows, 1);
    for (const int way : {-1, 1})
      while (std::abs(best + way) <= kFarthest) {
        const double next = posterior(rows, power(best + way));
        if (!(next < least)) break;
        best += way, least = next;
      }
    return power(best);
  }

  Calibration calibration(const std::vector<std::size_t>& rows, double power, ConfusionMatrix* confusion = nullptr) const {
    Calibration out;
    for (const std::size_t row : rows) {
      const auto p = mean(row, power);
      const auto winner = std::ranges::max_element(p);
      const int produced = static_cast<int>(winner - p.begin());
      out.add(std::clamp(*winner, 0.0, 1.0), produced == target_[row]);
      if (confusion) confusion->add(target_[row], produced);
    }
    return out;
  }

  std::vector<std::size_t> all() const {
    std::vector<std::size_t> rows;
    for (std::size_t row = 0; row < size(); ++row) rows.push_back(row);
    return rows;
  }

  // Every second group.
  std::vector<std::size_t> half(int which) const {
    const std::set<std::int64_t> distinct(group_.begin(), group_.end());
    std::set<std::int64_t> chosen;
    int number = 0;
    for (const std::int64_t group : distinct)
      if (number++ % 2 == which) chosen.insert(group);
    std::vector<std::size_t> rows = all();
    std::erase_if(rows, [&](std::size_t row) { return !chosen.contains(group_[row]); });
    return rows;
  }

 private:
  double posterior(const std::vector<std::size_t>& rows, double power) const {
    std::set<std::int64_t> groups;
    double loss = 0;
    for (const std::size_t row : rows) {
      loss -= std::log(mean(row, power)[static_cast<std::size_t>(target_[row])]);
      groups.insert(group_[row]);
    }
    const double spread = std::log(power) / kSpread;
    return rows.empty() ? 0 : loss * static_cast<double>(groups.size()) / static_cast<double>(rows.size()) + 0.5 * spread * spread;
  }

  const std::vector<int>& target_;
  const std::vector<std::int64_t>& group_;
  std::size_t n_classes_;
  std::vector<double> logarithm_;  // of the probabilities, [model][sample][class]
};

bool judged_alike(const std::vector<HeldOutProbabilities>& models) {
  const auto& first = models.front();
  return !first.target.empty() &&
         std::ranges::all_of(models, [&](const auto& m) { return m.target == first.target && m.group == first.group; });
}

void raise(LearnedModel& model, double power) {
  const auto n_classes = static_cast<std::ptrdiff_t>(model.model.spec.n_classes());
  for (std::size_t m = 0; m < model.model.members.size(); ++m) {
    // p^power of p ~ exp(-(u + sharpening u^2)), u = d / temperature
    ModelSpec& spec = model.model.members[m].spec;
    spec.temperature /= power, spec.sharpening /= power;
    for (auto* probabilities : {&model.held_out[m].probabilities, &model.held_out[m].crossed})
      for (auto row = probabilities->begin(); row != probabilities->end(); row += n_classes) {
        std::transform(row, row + n_classes, row, [power](float p) { return static_cast<float>(std::pow(p, power)); });
        const float sum = std::accumulate(row, row + n_classes, 0.0f);
        std::transform(row, row + n_classes, row, [sum](float p) { return p / sum; });
      }
  }
}

}  // namespace

LearnedModel join_models(const std::vector<LearnedModel>& models) {
  LearnedModel joined;
  std::vector<ModelFile> files;
  for (const LearnedModel& model : models) {
    files.push_back(model.model);
    MILLESIME_CHECK(model.held_out.size() == std::max<std::size_t>(1, model.model.members.size()),
                    "the probabilities of a member are missing");
    joined.held_out.insert(joined.held_out.end(), model.held_out.begin(), model.held_out.end());
  }
  joined.model = make_ensemble(files);
  if (!judged_alike(joined.held_out)) return joined;
  ModelSpec& spec = joined.model.spec;
  const JudgedTogether judged(joined.held_out, spec.n_classes());
  const double power = judged.best_power(judged.all());

  // What is reported comes from epochs that the samples did not choose, as far as possible.
  std::vector<HeldOutProbabilities> reported = joined.held_out;
  bool chose_epoch = false;
  for (auto& member : reported) {
    if (!member.crossed.empty()) member.probabilities = member.crossed;
    chose_epoch = chose_epoch || member.chose_epoch;
  }
  const JudgedTogether judging(reported, spec.n_classes());
  ConfusionMatrix confusion;
  const double before = judging.calibration(judging.all(), 1).expected_error();
  Calibration crossed;  // each half of the groups with the power fitted on the other half
  for (const int half : {0, 1})
    crossed.merge(judging.calibration(judging.half(half), judging.best_power(judging.half(1 - half)), &confusion));
  enter_held_out(spec, confusion, before, crossed.expected_error(), chose_epoch);
  spec.metrics["power"] = power;
  raise(joined, power);
  return joined;
}

}  // namespace millesime
