#include "models/arch/random_forest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "models/arch/forest_trainer.h"
#include "models/base/calibration.h"
#include "pipeline/core/accuracy.h"
#include "pipeline/core/error.h"
#include "pipeline/core/memory_amount.h"

namespace millesime {
namespace {

constexpr double kVotesOfNone = 0.5;  // added to the votes of each class, so that no class is impossible

// Series and statics of each sample in one row.
void read_rows(const InputTable& learn, std::span<const std::int64_t> samples, float* rows) {
  const ModelInput input = learn.read(samples);
  for (std::int64_t i = 0; i < input.size(); ++i) {
    for (const InputSeries& series : input.series) {
      const std::int64_t width = std::int64_t{series.dates} * series.features;
      rows = std::copy_n(series.values.begin() + i * width, width, rows);
    }
    rows = std::copy_n(input.statics.begin() + i * input.n_statics, input.n_statics, rows);
  }
}

void check(const TrainedForest& forest, const std::string& origin) {
  const auto nodes = static_cast<std::int32_t>(forest.feature.size());
  const auto fail = [&](std::int32_t node, const std::string& what) {
    throw UserError(join_text(origin, ": node ", node, " of the forest: ", what));
  };
  if (forest.root.empty() || nodes == 0) throw UserError(join_text(origin, ": the forest has no trees"));
  for (const auto root : forest.root)
    if (root < 0 || root >= nodes) throw UserError(join_text(origin, ": a tree starts at node ", root, " of ", nodes));
  for (std::int32_t n = 0; n < nodes; ++n) {
    const auto i = static_cast<std::size_t>(n);
    if (forest.feature[i] < 0) {
      if (forest.leaf_class[i] < 0 || forest.leaf_class[i] >= forest.n_classes)
        fail(n, join_text("class index ", forest.leaf_class[i], " of ", forest.n_classes));
      continue;
    }
    if (forest.feature[i] >= forest.n_features) fail(n, join_text("feature ", forest.feature[i], " of ", forest.n_features));
    if (std::isnan(forest.threshold[i])) fail(n, "threshold is no number");
    for (const auto child : {forest.left[i], forest.right[i]})
      if (child <= n || child >= nodes) fail(n, join_text("child ", child, ", expected one of ", n + 1, " to ", nodes - 1));
  }
}

}  // namespace

std::vector<QuantilePlan> forest_quantiles(const ModelSpec& spec) {
  constexpr std::int64_t kMostQuantiles = 3840;  // the nodes of kernels/ops/forest.h have 12 bits for a feature; the rest is for statics
  if (!spec.parameters.contains("features") || spec.choice("features", {"series", "quantiles"}) == "series") return {};
  std::vector<std::int64_t> numbers;  // of each source's series, in proportion to which the sources share the quantiles
  for (std::size_t s = 0; s < spec.sources.size(); ++s)
    numbers.push_back(static_cast<std::int64_t>(spec.days_of(s).size()) * spec.sources[s].features());
  const std::int64_t all = std::accumulate(numbers.begin(), numbers.end(), std::int64_t{0});
  std::vector<QuantilePlan> plans;
  for (std::size_t s = 0; s < spec.sources.size(); ++s)
    plans.push_back(quantile_plan(static_cast<int>(spec.days_of(s).size()), spec.sources[s].features(),
                                  static_cast<int>(kMostQuantiles * numbers[s] / std::max<std::int64_t>(1, all))));
  return plans;
}

int forest_features(const ModelSpec& spec) {
  const auto quantiles = forest_quantiles(spec);
  int features = spec.n_statics();
  for (std::size_t s = 0; s < spec.sources.size(); ++s)
    features += (quantiles.empty() ? static_cast<int>(spec.days_of(s).size()) : quantiles[s].features) * spec.sources[s].features();
  return features;
}

nlohmann::json importance_of(const TrainedForest& forest, const ModelSpec& spec) {
  nlohmann::json bands = nlohmann::json::object(), days = nlohmann::json::object(), statics = nlohmann::json::object();
  const auto add = [](nlohmann::json& to, const std::string& name, double share) { to[name] = to.value(name, 0.0) + share; };
  std::size_t feature = 0;
  const auto quantiles = forest_quantiles(spec);
  for (std::size_t s = 0; s < spec.sources.size(); ++s) {
    const SourceSpec& source = spec.sources[s];
    std::vector<std::string> names = source.bands;
    names.insert(names.end(), source.indices.begin(), source.indices.end());
    for (std::string& name : names) name = (s > 0 ? source.name + " " : "") + name.substr(0, name.find(" = "));
    if (!quantiles.empty()) {  // [band][quantile]
      for (const std::string& name : names)
        for (int i = 0; i < quantiles[s].features; ++i) add(bands, name, forest.importance[feature++]);
      continue;
    }
    for (const int day : spec.days_of(s))
      for (const std::string& name : names) {
        const double share = forest.importance[feature++];
        add(bands, name, share), add(days, std::to_string(day), share);
      }
  }
  for (const StaticSpec& entry : spec.statics)
    for (int i = 0; i < entry.width(); ++i) add(statics, entry.name, forest.importance[feature++]);
  return {{"bands", bands}, {"days", days}, {"statics", statics}};
}

ModelFile forest_file(const ModelSpec& spec, const TrainedForest& forest) {
  const std::int64_t trees = static_cast<std::int64_t>(forest.root.size()), nodes = static_cast<std::int64_t>(forest.feature.size());
  ModelFile file;
  file.spec = spec;
  file.integers = {{"root", {{trees}, forest.root}},
                   {"feature", {{nodes}, forest.feature}},
                   {"left", {{nodes}, forest.left}},
                   {"right", {{nodes}, forest.right}},
                   {"leaf_class", {{nodes}, forest.leaf_class}}};
  file.tensors = {{"threshold", {{nodes}, forest.threshold}}};
  if (!forest.importance.empty()) file.spec.metrics["importance"] = importance_of(forest, spec);
  return file;
}

TrainedForest read_forest(const ModelFile& file) {
  if (file.spec.architecture != "random_forest")
    throw UserError(join_text(file.path, ": expected a random_forest, got a ", file.spec.architecture));
  if (file.spec.input != InputKind::regular) throw UserError(join_text(file.path, ": a random forest reads series on regular dates"));
  const auto integers = [&](const char* name) {
    const auto it = file.integers.find(name);
    if (it == file.integers.end()) throw UserError(join_text(file.path, ": tensor \"", name, "\" of the random forest is missing"));
    return it->second.values;
  };
  const auto threshold = file.tensors.find("threshold");
  if (threshold == file.tensors.end()) throw UserError(join_text(file.path, ": tensor \"threshold\" of the random forest is missing"));
  TrainedForest forest{forest_features(file.spec), file.spec.n_classes(), integers("root"),  integers("feature"),
                       threshold->second.values,   integers("left"),      integers("right"), integers("leaf_class")};
  const auto nodes = forest.feature.size();
  if (nodes > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()) || forest.threshold.size() != nodes ||
      forest.left.size() != nodes || forest.right.size() != nodes || forest.leaf_class.size() != nodes)
    throw UserError(join_text(file.path, ": the tensors of the random forest differ in length"));
  check(forest, file.path);
  return forest;
}

std::vector<float> vote_logits(const ModelSpec& spec, int trees) {
  if (spec.temperature == 1 && spec.sharpening == 0) return {};
  std::vector<float> logits;
  for (int votes = 0; votes <= trees; ++votes)
    logits.push_back(static_cast<float>(std::log((votes + kVotesOfNone) / trees) / spec.temperature));
  return logits;
}

void calibrate_forest(ModelFile& forest, const InputTable& held_out, const std::vector<float>& shares) {
  const double none = kVotesOfNone / static_cast<double>(forest.integers.at("root").values.size());
  constexpr double kSpread = 1;  // votes are not trained by likelihood, so their shares may be far from probabilities
  HeldOutLogits logits{forest.spec.n_classes(), {}, held_out.target, held_out.group, kSpread};
  for (const float share : shares) logits.logits.push_back(std::log(static_cast<double>(share) + none));
  enter_calibration(forest.spec, logits);
  Calibration before;  // of the shares themselves, not of logits with half a vote added
  for (std::size_t i = 0; i < held_out.target.size(); ++i) {
    const auto first = shares.begin() + static_cast<std::ptrdiff_t>(i) * forest.spec.n_classes();
    const auto winner = std::max_element(first, first + forest.spec.n_classes());
    before.add(static_cast<double>(*winner), winner - first == held_out.target[i]);
  }
  auto& held_out_metrics = forest.spec.metrics["held_out"];
  held_out_metrics["calibration_error_before"] = before.expected_error();
  // Maps have the shares themselves where nothing was chosen (vote_logits).
  if (forest.spec.temperature == 1 && forest.spec.sharpening == 0) held_out_metrics["calibration_error"] = before.expected_error();
}

TrainedForest train_forest(const ModelSpec& spec, const InputTable& learn, const Recipe& recipe, int threads, std::int64_t memory_bytes) {
  if (spec.input != InputKind::regular) throw UserError("random_forest reads series on regular dates: expected model.input = \"regular\"");
  const std::set<int> classes(learn.target.begin(), learn.target.end());
  if (classes.size() < 2)
    throw UserError(join_text("random_forest: samples of at least two classes are needed for training, got ", classes.size()));
  ForestTable table;
  table.n_samples = learn.size(), table.n_features = forest_features(spec), table.n_classes = spec.n_classes();
  table.target.assign(learn.target.begin(), learn.target.end());
  table.read = [&learn](std::span<const std::int64_t> samples, float* rows) { read_rows(learn, samples, rows); };
  while (threads > 1 && bytes_of_training(table.n_samples, table.n_features, threads) > memory_bytes) --threads;
  if (const std::int64_t needed = bytes_of_training(table.n_samples, table.n_features, 1); needed > memory_bytes)
    throw UserError(join_text("random_forest needs all samples at once: ", table.n_samples, " samples of ", table.n_features,
                              " numbers need ", mib_needed(needed), " MiB, ", memory_bytes >> 20, " MiB are left for them; use ",
                              mib_needed(needed - memory_bytes),
                              "MiB more --memory, fewer samples (train.select or sample.select), or a network "
                              "(model.name = \"ltae\"), which reads them part after part"));
  const ForestOptions options{.trees = recipe.trees,
                              .depth = recipe.depth,
                              .min_split = recipe.min_leaf,
                              .class_balance = recipe.class_balance,
                              .seed = static_cast<std::uint64_t>(recipe.random_seed),
                              .threads = threads};
  TrainedForest forest = grow_forest(table, options);
  check(forest, "random_forest");
  return forest;
}

}  // namespace millesime
