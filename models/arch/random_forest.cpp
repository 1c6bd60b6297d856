#include "models/arch/random_forest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "models/arch/forest_trainer.h"
#include "models/base/calibration.h"
#include "pipeline/core/accuracy.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace {

constexpr double kVotesOfNone = 0.5;  // added to the votes of each class, so that no class is impossible

// Series and statics of each sample in one row. Without statics the series are such rows already.
std::vector<float> joined_rows(const ModelInput& input, std::int64_t width) {
  std::vector<float> rows;
  rows.reserve(static_cast<std::size_t>(input.size() * (width + input.n_statics)));
  for (std::int64_t i = 0; i < input.size(); ++i) {
    const auto series = input.series.front().values.begin() + i * width;
    const auto statics = input.statics.begin() + i * input.n_statics;
    rows.insert(rows.end(), series, series + width);
    rows.insert(rows.end(), statics, statics + input.n_statics);
  }
  return rows;
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

std::optional<QuantilePlan> forest_quantiles(const ModelSpec& spec) {
  constexpr int kMostQuantiles = 3840;  // the nodes of kernels/ops/forest.h have 12 bits for a feature; the rest is for statics
  if (!spec.parameters.contains("features") || spec.choice("features", {"series", "quantiles"}) == "series") return std::nullopt;
  return quantile_plan(static_cast<int>(spec.days.size()), spec.sources.front().features(), kMostQuantiles);
}

int forest_features(const ModelSpec& spec) {
  const auto quantiles = forest_quantiles(spec);
  return (quantiles ? quantiles->features : static_cast<int>(spec.days.size())) * spec.sources.front().features() + spec.n_statics();
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
  return file;
}

TrainedForest read_forest(const ModelFile& file) {
  if (file.spec.architecture != "random_forest")
    throw UserError(join_text(file.path, ": expected a random_forest, got a ", file.spec.architecture));
  if (file.spec.input != InputKind::regular || file.spec.sources.size() != 1)
    throw UserError(join_text(file.path, ": a random forest reads one source on regular dates"));
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

void calibrate_forest(ModelFile& forest, const ModelInput& held_out, const std::vector<float>& shares) {
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
  forest.spec.metrics["held_out"]["calibration_error_before"] = before.expected_error();
}

TrainedForest train_forest(const ModelSpec& spec, const ModelInput& learn, const Recipe& recipe, int threads) {
  if (spec.input != InputKind::regular || spec.sources.size() != 1)
    throw UserError("random_forest reads one source on regular dates: expected model.input = \"regular\"");
  const std::set<int> classes(learn.target.begin(), learn.target.end());
  if (classes.size() < 2)
    throw UserError(join_text("random_forest: samples of at least two classes are needed for training, got ", classes.size()));
  ForestTable table;
  table.n_samples = learn.size(), table.n_features = forest_features(spec), table.n_classes = spec.n_classes();
  table.target.assign(learn.target.begin(), learn.target.end());
  const InputSeries& series = learn.series.front();
  const std::int64_t width = table.n_features - learn.n_statics;
  MILLESIME_CHECK(std::ssize(series.values) == learn.size() * width, "the forest reads ", width, " numbers of a series");
  const std::vector<float> joined = learn.n_statics > 0 ? joined_rows(learn, width) : std::vector<float>();
  table.features = learn.n_statics > 0 ? joined.data() : series.values.data();
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
