#include "models/arch/random_forest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>

#include <opencv2/core.hpp>
#include <opencv2/ml.hpp>

#include "models/base/calibration.h"
#include "pipeline/core/accuracy.h"
#include "pipeline/core/chance.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace {

constexpr double kVotesOfNone = 0.5;  // added to the votes of each class, so that no class is impossible

// [sample][feature of the forest]
cv::Mat feature_table(const ModelInput& input, const std::vector<std::int64_t>& order, int n_features) {
  const auto& series = input.series.front();
  const std::int64_t width = std::int64_t{series.dates} * series.features;
  cv::Mat table(static_cast<int>(order.size()), n_features, CV_32F);
  for (std::size_t row = 0; row < order.size(); ++row) {
    float* out = table.ptr<float>(static_cast<int>(row));
    out = std::copy_n(series.values.begin() + order[row] * width, width, out);
    std::copy_n(input.statics.begin() + order[row] * input.n_statics, input.n_statics, out);
  }
  return table;
}

struct Todo {
  int source;           // OpenCV's node
  std::int32_t parent;  // in the result, -1 for the root
  bool is_left;
};

// Converts OpenCV's nodes of all trees: each tree depth first, so that children come after their parent.
TrainedForest export_forest(const cv::ml::RTrees& trees, int n_features, int n_classes) {
  const auto& nodes = trees.getNodes();
  const auto& splits = trees.getSplits();
  TrainedForest forest;
  forest.n_features = n_features;
  forest.n_classes = n_classes;
  for (const int root : trees.getRoots()) {
    forest.root.push_back(static_cast<std::int32_t>(forest.feature.size()));
    std::vector<Todo> todo{{root, -1, true}};
    while (!todo.empty()) {
      const Todo now = todo.back();
      todo.pop_back();
      const auto index = static_cast<std::int32_t>(forest.feature.size());
      if (now.parent >= 0) (now.is_left ? forest.left : forest.right)[static_cast<std::size_t>(now.parent)] = index;
      const auto& node = nodes[static_cast<std::size_t>(now.source)];
      forest.left.push_back(-1);
      forest.right.push_back(-1);
      if (node.split < 0) {
        forest.feature.push_back(-1);
        forest.threshold.push_back(0);
        forest.leaf_class.push_back(static_cast<std::int32_t>(std::lround(node.value)));
        continue;
      }
      const auto& split = splits[static_cast<std::size_t>(node.split)];
      forest.feature.push_back(split.varIdx);
      forest.threshold.push_back(split.c);
      forest.leaf_class.push_back(-1);
      todo.push_back({node.right, index, split.inversed});
      todo.push_back({node.left, index, !split.inversed});
    }
  }
  return forest;
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

int forest_features(const ModelSpec& spec) {
  return static_cast<int>(spec.days.size()) * spec.sources.front().features() + spec.n_statics();
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

TrainedForest train_forest(const ModelSpec& spec, const ModelInput& learn, const Recipe& recipe) {
  if (spec.input != InputKind::regular || spec.sources.size() != 1)
    throw UserError("random_forest reads one source on regular dates: expected model.input = \"regular\"");
  const std::set<int> classes(learn.target.begin(), learn.target.end());
  if (classes.size() < 2)
    throw UserError(join_text("random_forest: samples of at least two classes are needed for training, got ", classes.size()));
  const int n_features = forest_features(spec);

  // OpenCV uses a fixed seed of its own; only the order of the samples makes runs differ.
  std::vector<std::int64_t> order(static_cast<std::size_t>(learn.size()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  std::mt19937_64 random(static_cast<std::uint64_t>(recipe.random_seed));
  shuffle(order, random);
  cv::setRNGSeed(static_cast<int>(random() & 0x7fffffff));

  const cv::Mat table = feature_table(learn, order, n_features);
  cv::Mat target(static_cast<int>(order.size()), 1, CV_32S);
  for (std::size_t row = 0; row < order.size(); ++row)
    target.at<int>(static_cast<int>(row)) = learn.target[static_cast<std::size_t>(order[row])];
  cv::Mat types(n_features + 1, 1, CV_8U, cv::Scalar(cv::ml::VAR_ORDERED));
  types.at<unsigned char>(n_features) = cv::ml::VAR_CATEGORICAL;

  const auto trees = cv::ml::RTrees::create();
  trees->setMaxDepth(recipe.depth);
  trees->setMinSampleCount(recipe.min_leaf);
  trees->setActiveVarCount(0);  // the square root of the number of features
  trees->setCalculateVarImportance(false);
  trees->setTermCriteria(cv::TermCriteria(cv::TermCriteria::MAX_ITER, recipe.trees, 0));
  trees->train(cv::ml::TrainData::create(table, cv::ml::ROW_SAMPLE, target, cv::noArray(), cv::noArray(), cv::noArray(), types));
  TrainedForest forest = export_forest(*trees, n_features, spec.n_classes());
  check(forest, "random_forest");
  return forest;
}

}  // namespace millesime
