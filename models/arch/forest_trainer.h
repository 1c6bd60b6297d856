#pragma once
// Trains a random forest (Breiman 2001) with histograms: the values of a feature fall into at most 256 quantile bins, so that the best
// threshold of a node is found by counting instead of sorting (Chen & Guestrin 2016, Ke et al. 2017). With at most 256 different values of
// a feature every threshold between two of them is tried, as in CART.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "models/arch/random_forest.h"

namespace millesime {

struct ForestTable {
  std::int64_t n_samples = 0;
  int n_features = 0, n_classes = 0;
  // Writes the features [sample][feature] of these samples to `rows`; a NaN goes left at every node. Called by several threads. Each sample
  // is read once or twice, and only its bins are kept, a byte a feature.
  std::function<void(std::span<const std::int64_t> samples, float* rows)> read;
  std::vector<std::uint16_t> target;  // [sample], class index
};
// Bytes that training needs at most, besides the trees.
std::int64_t bytes_of_training(std::int64_t samples, int features, int threads);

struct ForestOptions {
  int trees = 100, depth = 25;
  int min_split = 5;         // a node of this number of samples or fewer is a leaf
  double class_balance = 0;  // samples of a class are drawn with a weight of its frequency to the power of minus this
  std::uint64_t seed = 1;
  int threads = 0;  // 0: all. Trees are grown side by side; the result does not depend on the number of threads.
};

// Every tree learns from as many samples as there are, drawn with replacement. At a node the square root of the number of features is
// tried (more where all of them are constant), and the split with the largest decrease of the Gini impurity is kept, on a tie the first. A
// leaf has the class with most samples, on a tie the lowest. The importance of a feature is its share of the decrease of the Gini impurity
// in all nodes, each weighted by its samples (Breiman 2001).
TrainedForest grow_forest(const ForestTable& table, const ForestOptions& options);

}  // namespace millesime
