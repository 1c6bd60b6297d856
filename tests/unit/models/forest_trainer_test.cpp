#include "models/arch/forest_trainer.h"

#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "pipeline/core/chance.h"

namespace millesime {
namespace {

ForestTable table_of(const std::vector<float>& features, int n_features, std::vector<std::uint16_t> target, int n_classes) {
  ForestTable table;
  table.n_samples = static_cast<std::int64_t>(target.size()), table.n_features = n_features, table.n_classes = n_classes;
  table.read = [&features, n_features](std::span<const std::int64_t> samples, float* rows) {
    for (const std::int64_t sample : samples) rows = std::copy_n(features.begin() + sample * n_features, n_features, rows);
  };
  table.target = std::move(target);
  return table;
}

// `n` samples of three classes in ten features, of which two tell the class.
void make(int n, std::uint64_t seed, std::vector<float>& features, std::vector<std::uint16_t>& target) {
  std::mt19937_64 random(seed);
  for (int i = 0; i < n; ++i) {
    const auto c = static_cast<std::uint16_t>(below(random, 3));
    target.push_back(c);
    for (int f = 0; f < 10; ++f) features.push_back(static_cast<float>(normal(random) + (f == 2 ? 2.0 * c : f == 7 ? -1.0 * c : 0)));
  }
}

int winner(const TrainedForest& forest, const float* features) {
  std::vector<int> votes(static_cast<std::size_t>(forest.n_classes), 0);
  for (auto node : forest.root) {
    while (forest.feature[static_cast<std::size_t>(node)] >= 0) {
      const auto n = static_cast<std::size_t>(node);
      node = features[forest.feature[n]] > forest.threshold[n] ? forest.right[n] : forest.left[n];
    }
    ++votes[static_cast<std::size_t>(forest.leaf_class[static_cast<std::size_t>(node)])];
  }
  return static_cast<int>(std::max_element(votes.begin(), votes.end()) - votes.begin());
}

bool same(const TrainedForest& a, const TrainedForest& b) {
  return a.root == b.root && a.feature == b.feature && a.threshold == b.threshold && a.left == b.left && a.right == b.right &&
         a.leaf_class == b.leaf_class;
}

// The root of each tree against every threshold between two values that its bag may hold: none may be purer by more than the bag's chance.
TEST(ForestTrainer, SplitsOneFeatureWhereTheClassesMeet) {
  std::vector<float> features;
  std::vector<std::uint16_t> target;
  for (int i = 0; i < 100; ++i) features.push_back(static_cast<float>(i)), target.push_back(i < 60 ? 0 : 1);
  const TrainedForest forest = grow_forest(table_of(features, 1, target, 2), {.trees = 20, .depth = 10, .min_split = 1});
  for (const auto root : forest.root) {
    const auto n = static_cast<std::size_t>(root);
    ASSERT_EQ(forest.feature[n], 0);
    EXPECT_GT(forest.threshold[n], 52);  // a bag lacks some of the values beside the border
    EXPECT_LT(forest.threshold[n], 67);
    EXPECT_EQ(forest.leaf_class[static_cast<std::size_t>(forest.left[n])], 0);
    EXPECT_EQ(forest.leaf_class[static_cast<std::size_t>(forest.right[n])], 1);
  }
  EXPECT_EQ(forest.feature.size(), 60u);  // both sides are pure
}

TEST(ForestTrainer, DoesNotDependOnThreads) {
  std::vector<float> features;
  std::vector<std::uint16_t> target;
  make(5000, 1, features, target);  // more than are counted in one table
  const ForestTable table = table_of(features, 10, target, 3);
  const TrainedForest one = grow_forest(table, {.trees = 8, .seed = 3, .threads = 1});
  EXPECT_TRUE(same(one, grow_forest(table, {.trees = 8, .seed = 3, .threads = 4})));
  EXPECT_FALSE(same(one, grow_forest(table, {.trees = 8, .seed = 4, .threads = 4})));
}

// The Bayes error of these classes is 0.10: no classifier is better than 0.90.
TEST(ForestTrainer, ComesNearTheBestThereIs) {
  std::vector<float> features, others;
  std::vector<std::uint16_t> target, truth;
  make(6000, 1, features, target);
  make(6000, 2, others, truth);
  const TrainedForest forest = grow_forest(table_of(features, 10, target, 3), {.trees = 60});
  int right = 0, best = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const float* x = others.data() + i * 10;
    right += winner(forest, x) == truth[i];
    best += std::lround(std::clamp((2 * x[2] - x[7]) / 5.0f, 0.0f, 2.0f)) == truth[i];  // the linear discriminant
  }
  EXPECT_GT(right, best - 6000 * 0.015);
  // Features 2 and 7 tell the class, with distances of 2 and 1 deviations; the others divide noise.
  double sum = 0, least = 1e9;
  for (std::size_t f = 0; f < 10; ++f) {
    sum += forest.importance[f];
    if (f != 2 && f != 7) least = std::min(least, forest.importance[7] / forest.importance[f]);
  }
  EXPECT_NEAR(sum, 1, 1e-12);
  EXPECT_GT(least, 1.5);
  EXPECT_GT(forest.importance[2], 1.3 * forest.importance[7]);
}

TEST(ForestTrainer, MissingNumbersGoLeftAndConstantsAreNoSplit) {
  const float missing = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> features;
  std::vector<std::uint16_t> target;
  for (int i = 0; i < 200; ++i) {
    target.push_back(static_cast<std::uint16_t>(i % 2));
    for (int f = 0; f < 8; ++f) features.push_back(5);  // more constants than are tried at a node
    features.push_back(i % 2 ? 7.0f : missing);
  }
  const TrainedForest forest = grow_forest(table_of(features, 9, target, 2), {.trees = 5});
  EXPECT_EQ(forest.feature.size(), 5u);  // one value and no number cannot be told apart by a threshold
  for (std::size_t i = 0; i < features.size(); i += 9) features[i + 8] = i / 9 % 4 == 0 ? missing : i / 9 % 2 ? 7.0f : 3.0f;
  const TrainedForest split = grow_forest(table_of(features, 9, target, 2), {.trees = 5});
  EXPECT_EQ(winner(split, features.data()), 0);      // NaN
  EXPECT_EQ(winner(split, features.data() + 9), 1);  // 7
}

TEST(ForestTrainer, AClassOfOneSampleIsLearnedWhereItIsDrawn) {
  std::vector<float> features;
  std::vector<std::uint16_t> target;
  for (int i = 0; i < 300; ++i) features.push_back(static_cast<float>(i)), target.push_back(i < 299 ? 0 : 1);
  const ForestTable table = table_of(features, 1, target, 2);
  const auto trees_that_know = [&](double balance) {
    std::int64_t n = 0;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const TrainedForest tree = grow_forest(table, {.trees = 1, .min_split = 1, .class_balance = balance, .seed = seed});
      n += std::ranges::count(tree.leaf_class, 1) > 0;
    }
    return n;
  };
  EXPECT_GE(trees_that_know(0), 3);  // a sample is in the bag of 63 of 100 trees; its bin holds others, too
  EXPECT_LE(trees_that_know(0), 18);
  EXPECT_EQ(trees_that_know(1), 20);  // half of each bag
}

TEST(ForestTrainer, BalanceDrawsRareClassesAsOften) {
  std::vector<float> features;
  std::vector<std::uint16_t> target;
  std::mt19937_64 random(1);
  for (int i = 0; i < 4000; ++i) {
    target.push_back(i % 20 == 0);
    features.push_back(static_cast<float>(normal(random) + (i % 20 == 0 ? 1 : 0)));
  }
  const auto rare = [&](double balance) {
    const TrainedForest forest = grow_forest(table_of(features, 1, target, 2), {.trees = 20, .depth = 3, .class_balance = balance});
    int n = 0;
    for (const float value : features) n += winner(forest, &value);
    return n;
  };
  EXPECT_LT(rare(0), 100);
  EXPECT_GT(rare(1), 1000);
  EXPECT_LT(rare(1), 1800);
}

// Where the bins are of a part of the samples, classes that take turns in the table are all among it.
TEST(ForestTrainer, ClassesThatTakeTurnsAllHaveBins) {
  std::vector<float> features;
  std::vector<std::uint16_t> target;
  std::mt19937_64 random(1);
  for (int i = 0; i < 132'000; ++i) {
    target.push_back(static_cast<std::uint16_t>(i % 2 == 0 ? 0 : 1 + below(random, 4)));
    features.push_back(static_cast<float>(target.back() + 0.8 * uniform(random)));
  }
  const TrainedForest tree = grow_forest(table_of(features, 1, target, 5), {.trees = 1});
  int right = 0;
  for (std::size_t i = 0; i < 2000; ++i) right += winner(tree, &features[i]) == target[i];
  EXPECT_GT(right, 1980);
}

// A balanced bag is drawn in the time of another one: one sample in two is the rare one.
TEST(ForestTrainer, BalanceDoesNotWaitForAClassOfOneSample) {
  std::vector<float> features;
  std::vector<std::uint16_t> target;
  for (int i = 0; i < 300'000; ++i) features.push_back(static_cast<float>(i % 100)), target.push_back(0);
  features.push_back(200), target.push_back(1);
  const TrainedForest tree = grow_forest(table_of(features, 1, target, 2), {.trees = 1, .class_balance = 1});
  EXPECT_EQ(winner(tree, &features.back()), 1);
  EXPECT_EQ(winner(tree, features.data()), 0);
}

}  // namespace
}  // namespace millesime
