#include "models/arch/random_forest.h"

#include <cmath>

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

TEST(RandomForest, SharesOfVotesAreTheProbabilitiesUnlessHeldOutSamplesSayOtherwise) {
  ModelSpec spec = small_spec("random_forest", 4);
  EXPECT_TRUE(vote_logits(spec, 10).empty());
  spec.temperature = 0.5;
  const auto logits = vote_logits(spec, 10);
  ASSERT_EQ(logits.size(), 11u);
  EXPECT_NEAR(logits[0], 2 * std::log(0.05), 1e-5);
  EXPECT_NEAR(logits[10], 2 * std::log(1.05), 1e-5);
}

// A forest whose votes are divided where it is nearly always right.
TEST(RandomForest, HeldOutSamplesSayHowFarSharesCanBeTrusted) {
  const ModelSpec spec = small_spec("random_forest", 4);
  Recipe recipe = quick_recipe();
  recipe.trees = 50;
  ModelFile forest = forest_file(spec, train_forest(spec, small_input(spec, 80), recipe));
  const ModelInput held_out = small_input(spec, 400, 8, 5);
  std::vector<float> shares;
  for (std::size_t i = 0; i < 400; ++i) {
    const int said = i % 19 == 0 ? (held_out.target[i] + 1) % 4 : held_out.target[i];  // 378 of them right
    for (int c = 0; c < 4; ++c) shares.push_back(c == said ? 0.7f : 0.1f);
  }
  calibrate_forest(forest, held_out, shares);
  EXPECT_LT(forest.spec.temperature, 0.7);
  const auto& held = forest.spec.metrics["held_out"];
  EXPECT_EQ(held["samples"], 400);
  EXPECT_NEAR(held["accuracy"].get<double>(), 0.945, 1e-9);
  EXPECT_NEAR(held["calibration_error_before"].get<double>(), 0.245, 1e-6);
  EXPECT_LT(held["calibration_error"].get<double>(), 0.03);
  EXPECT_EQ(held["confusion"].size(), 4u);
}

TEST(RandomForest, WithoutAChosenCalibrationTheErrorIsThatOfTheShares) {
  const ModelSpec spec = small_spec("random_forest", 4);
  ModelFile forest = forest_file(spec, train_forest(spec, small_input(spec, 80), quick_recipe()));
  ModelInput held_out = small_input(spec, 40, 8, 5);
  held_out.group.assign(held_out.target.size(), 0);  // without polygons nothing is chosen
  std::vector<float> shares;
  for (const int target : held_out.target)
    for (int c = 0; c < 4; ++c) shares.push_back(c == target ? 0.7f : 0.1f);
  calibrate_forest(forest, held_out, shares);
  ASSERT_EQ(forest.spec.temperature, 1);
  ASSERT_EQ(forest.spec.sharpening, 0);
  EXPECT_NEAR(forest.spec.metrics["held_out"]["calibration_error"].get<double>(), 0.3, 1e-6);
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
