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

constexpr double kSpread = 0.4;       // expected deviation of the power's logarithm from 0
constexpr double kEqualGroups = 20;   // of the prior of the weights
constexpr int kMostIterations = 500;  // of the weights; they change little after a hundred

struct Mixture {
  std::vector<double> weights;  // [model], sum 1
  double power = 1;
};

// The held-out samples of several models together. `kind` [model]: models of one kind have the same weight.
class JudgedTogether {
 public:
  JudgedTogether(const std::vector<HeldOutProbabilities>& models, const std::vector<int>& kind, int n_classes)
      : target_(models.front().target), group_(models.front().group), kind_(kind), n_classes_(static_cast<std::size_t>(n_classes)) {
    constexpr double kLeast = 1e-12;  // shares of votes may be 0
    for (const auto& model : models)
      for (const float p : model.probabilities) logarithm_.push_back(std::log(std::max(static_cast<double>(p), kLeast)));
  }

  std::size_t size() const { return target_.size(); }

  // The mean of the models' probabilities of a sample, each raised to the power.
  std::vector<double> mean(std::size_t sample, const Mixture& mixture) const {
    std::vector<double> sum(n_classes_, 0), one(n_classes_);
    for (std::size_t m = 0; m < kind_.size(); ++m) {
      const std::size_t first = (m * size() + sample) * n_classes_;
      double total = 0;
      for (std::size_t k = 0; k < n_classes_; ++k) total += one[k] = std::exp(mixture.power * logarithm_[first + k]);
      for (std::size_t k = 0; k < n_classes_; ++k) sum[k] += mixture.weights[m] * one[k] / total;
    }
    return sum;
  }

  Mixture fit(const std::vector<std::size_t>& rows) const {
    Mixture mixture{weights(rows), 1};
    mixture.power = best_power(rows, mixture);
    return mixture;
  }
  // Weights of any sum.
  static Mixture of_weights(std::vector<double> weights) {
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (double& weight : weights) weight /= sum;
    return {std::move(weights), 1};
  }

  std::vector<double> weights(const std::vector<std::size_t>& rows) const {
    const std::size_t models = kind_.size(), kinds = static_cast<std::size_t>(*std::ranges::max_element(kind_)) + 1;
    std::vector<double> of_kind(kinds, 1.0 / static_cast<double>(kinds)), members(kinds, 0), likelihood;
    for (const int kind : kind_) ++members[static_cast<std::size_t>(kind)];
    // [row][kind]: the probability of the right class, the mean over the kind's models
    for (const std::size_t row : rows) {
      const std::size_t first = likelihood.size();
      likelihood.resize(first + kinds, 0);
      for (std::size_t m = 0; m < models; ++m) {
        const auto kind = static_cast<std::size_t>(kind_[m]);
        likelihood[first + kind] +=
            std::exp(logarithm_[(m * size() + row) * n_classes_ + static_cast<std::size_t>(target_[row])]) / members[kind];
      }
    }
    const double groups = groups_of(rows), share = groups / static_cast<double>(std::max<std::size_t>(1, rows.size()));
    for (int iteration = 0; iteration < kMostIterations && kinds > 1; ++iteration) {
      std::vector<double> next(kinds, kEqualGroups / static_cast<double>(kinds));
      for (std::size_t first = 0; first < likelihood.size(); first += kinds) {
        double total = 0;
        for (std::size_t k = 0; k < kinds; ++k) total += of_kind[k] * likelihood[first + k];
        for (std::size_t k = 0; k < kinds; ++k) next[k] += share * of_kind[k] * likelihood[first + k] / total;
      }
      for (std::size_t k = 0; k < kinds; ++k) of_kind[k] = next[k] / (groups + kEqualGroups);
    }
    std::vector<double> weights;
    for (const int kind : kind_) weights.push_back(of_kind[static_cast<std::size_t>(kind)] / members[static_cast<std::size_t>(kind)]);
    return weights;
  }

  Calibration calibration(const std::vector<std::size_t>& rows, const Mixture& mixture, ConfusionMatrix* confusion = nullptr) const {
    Calibration out;
    for (const std::size_t row : rows) {
      const auto p = mean(row, mixture);
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

  // The power of the best posterior, in steps of one percent.
  double best_power(const std::vector<std::size_t>& rows, Mixture mixture) const {
    constexpr int kFarthest = 110;  // from a third to three
    const double share = rows.empty() ? 0 : groups_of(rows) / static_cast<double>(rows.size());
    const auto posterior = [&](int step) {
      mixture.power = std::exp(step / 100.0);
      double loss = 0;
      for (const std::size_t row : rows) loss -= std::log(mean(row, mixture)[static_cast<std::size_t>(target_[row])]);
      const double spread = step / 100.0 / kSpread;
      return loss * share + 0.5 * spread * spread;
    };
    int best = 0;
    double least = posterior(0);
    for (const int way : {-1, 1})
      while (std::abs(best + way) <= kFarthest) {
        const double next = posterior(best + way);
        if (!(next < least)) break;
        best += way, least = next;
      }
    return std::exp(best / 100.0);
  }

 private:
  double groups_of(const std::vector<std::size_t>& rows) const {
    std::set<std::int64_t> groups;
    for (const std::size_t row : rows) groups.insert(group_[row]);
    return static_cast<double>(groups.size());
  }

  const std::vector<int>& target_;
  const std::vector<std::int64_t>& group_;
  const std::vector<int>& kind_;
  std::size_t n_classes_;
  std::vector<double> logarithm_;  // of the probabilities, [model][sample][class]
};

// The members of all models in order, those of an ensemble one by one.
std::vector<const ModelSpec*> member_specs(const std::vector<LearnedModel>& models) {
  std::vector<const ModelSpec*> specs;
  for (const LearnedModel& model : models) {
    if (model.model.members.empty()) specs.push_back(&model.model.spec);
    for (const ModelFile& member : model.model.members) specs.push_back(&member.spec);
  }
  return specs;
}

// A number for each member, the same for those of one architecture with the same parameters.
std::vector<int> kinds_of(const std::vector<const ModelSpec*>& specs) {
  std::vector<std::string> names;
  std::vector<int> kinds;
  for (const ModelSpec* spec : specs) {
    const std::string name = spec->architecture + spec->parameters.dump();
    const auto at = std::ranges::find(names, name);
    kinds.push_back(static_cast<int>(at - names.begin()));
    if (at == names.end()) names.push_back(name);
  }
  return kinds;
}

std::vector<HeldOutProbabilities> held_out_of(const std::vector<LearnedModel>& models) {
  std::vector<HeldOutProbabilities> all;
  for (const LearnedModel& model : models) {
    MILLESIME_CHECK(model.held_out.size() == std::max<std::size_t>(1, model.model.members.size()),
                    "the probabilities of a member are missing");
    all.insert(all.end(), model.held_out.begin(), model.held_out.end());
  }
  return all;
}

// What is reported comes from epochs that the samples did not choose, as far as possible.
std::vector<HeldOutProbabilities> reported_of(std::vector<HeldOutProbabilities> models) {
  for (auto& member : models)
    if (!member.crossed.empty()) member.probabilities = member.crossed;
  return models;
}

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

std::vector<double> fit_weights(const std::vector<LearnedModel>& models) {
  const auto judged = reported_of(held_out_of(models));
  if (!judged_alike(judged)) return std::vector<double>(judged.size(), 1);
  const auto specs = member_specs(models);
  const auto kinds = kinds_of(specs);
  const JudgedTogether together(judged, kinds, specs.front()->n_classes());
  std::vector<double> weights = together.weights(together.all());
  for (double& weight : weights) weight *= static_cast<double>(weights.size());
  return weights;
}

LearnedModel join_models(const std::vector<LearnedModel>& models) {
  LearnedModel joined;
  std::vector<ModelFile> files;
  for (const LearnedModel& model : models) files.push_back(model.model);
  joined.held_out = held_out_of(models);
  joined.model = make_ensemble(files);
  if (!judged_alike(joined.held_out)) return joined;
  ModelSpec& spec = joined.model.spec;
  const auto kinds = kinds_of(member_specs(models));
  const auto reported = reported_of(joined.held_out);
  const std::vector<double> weights = fit_weights(models);
  for (std::size_t m = 0; m < weights.size(); ++m) joined.model.members[m].spec.weight = weights[m];

  // The power of the probabilities that the model has: at the epochs that all groups chose.
  const JudgedTogether judged(joined.held_out, kinds, spec.n_classes()), judging(reported, kinds, spec.n_classes());
  const double power = judged.best_power(judged.all(), judged.of_weights(weights));
  ConfusionMatrix confusion;
  const double before = judging.calibration(judging.all(), judging.of_weights(weights)).expected_error();
  Calibration crossed;  // each half of the groups with the weights and the power fitted on the other half
  for (const int half : {0, 1}) crossed.merge(judging.calibration(judging.half(half), judging.fit(judging.half(1 - half)), &confusion));
  enter_held_out(spec, confusion, before, crossed.expected_error(), std::ranges::any_of(reported, &HeldOutProbabilities::chose_epoch));
  spec.metrics["power"] = power;
  raise(joined, power);
  return joined;
}

}  // namespace millesime
