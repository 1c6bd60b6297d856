#include "models/arch/random_forest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/error.h"
#include "tests/unit/models/small_models.h"

namespace millesime {
namespace {

using ::testing::HasSubstr;
using testing::quick_recipe;
using testing::small_input;
using testing::small_spec;

int vote(const TrainedForest& forest, const float* features) {
  std::vector<int> votes(static_cast<std::size_t>(forest.n_classes), 0);
  for (auto node : forest.root) {
    while (forest.feature[static_cast<std::size_t>(node)] >= 0) {
      const auto n = static_cast<std::size_t>(node);
      node = features[forest.feature[n]] <= forest.threshold[n] ? forest.left[n] : forest.right[n];
    }
    ++votes[static_cast<std::size_t>(forest.leaf_class[static_cast<std::size_t>(node)])];
  }
  return static_cast<int>(std::max_element(votes.begin(), votes.end()) - votes.begin());
}

TEST(RandomForest, TheExportedTreesClassifyWhatTheyLearned) {
  const ModelSpec spec = small_spec("random_forest", 4);
  const ModelInput input = small_input(spec, 200);
  Recipe recipe = quick_recipe();
  recipe.trees = 40;
  const TrainedForest forest = train_forest(spec, input, recipe);
  ASSERT_EQ(forest.root.size(), 40u);
  EXPECT_EQ(forest.n_features, 24);
  int right = 0;
  for (std::size_t i = 0; i < 200; ++i) right += vote(forest, input.series[0].values.data() + i * 24) == input.target[i];
  EXPECT_GE(right, 196);
  const ModelInput others = small_input(spec, 200, 8, 99);
  right = 0;
  for (std::size_t i = 0; i < 200; ++i) right += vote(forest, others.series[0].values.data() + i * 24) == others.target[i];
  EXPECT_GE(right, 170);
}

TEST(RandomForest, DepthAndLeafSizeBoundTheTrees) {
  const ModelSpec spec = small_spec("random_forest", 4);
  Recipe recipe = quick_recipe();
  recipe.trees = 5, recipe.depth = 1;
  EXPECT_LE(train_forest(spec, small_input(spec, 200), recipe).feature.size(), 15u);
}

TEST(RandomForest, ForgedTreesAreRefused) {
  const ModelSpec spec = small_spec("random_forest", 4);
  ModelFile good = forest_file(spec, train_forest(spec, small_input(spec, 80), quick_recipe()));
  good.path = "m";
  const auto refused = [&](const char* tensor, std::int32_t value) {
    ModelFile file = good;
    auto& values = file.integers[tensor].values;
    const auto& feature = good.integers["feature"].values;
    // an inner node, or a leaf for its class
    std::size_t n = 0;
    if (std::string(tensor) == "leaf_class")
      while (feature[n] >= 0) ++n;
    values[n] = value;
    try {
      read_forest(file);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(refused("root", -1), HasSubstr("a tree starts at node -1"));
  EXPECT_THAT(refused("left", 0), HasSubstr("child 0"));  // a cycle
  EXPECT_THAT(refused("right", 1 << 30), HasSubstr("child"));
  EXPECT_THAT(refused("feature", 24), HasSubstr("feature 24 of 24"));
  EXPECT_THAT(refused("leaf_class", 4), HasSubstr("class index 4 of 4"));
  ModelFile raw = good;
  raw.spec.input = InputKind::raw;
  EXPECT_THROW(read_forest(raw), UserError);
}

}  // namespace
}  // namespace millesime
