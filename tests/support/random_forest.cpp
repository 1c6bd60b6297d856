#include "tests/support/random_forest.h"

#include <cstdint>
#include <random>

namespace millesime::testing {

ForestArrays random_forest(const ForestShape& shape) {
  std::mt19937 random(shape.seed);
  std::uniform_real_distribution<float> threshold(-1, 1);
  ForestArrays forest;
  forest.n_features = shape.features;
  forest.n_classes = shape.classes;
  const auto add_leaf = [&] {
    forest.feature.push_back(-1);
    forest.threshold.push_back(0);
    forest.left.push_back(-1);
    forest.right.push_back(-1);
    forest.leaf_class.push_back(static_cast<std::int32_t>(random() % static_cast<unsigned>(shape.classes)));
    return static_cast<std::int32_t>(forest.feature.size()) - 1;
  };
  for (int tree = 0; tree < shape.trees; ++tree) {
    std::vector<std::int32_t> leaves = {add_leaf()};
    forest.root.push_back(leaves[0]);
    for (int nodes = 1; nodes + 2 <= shape.nodes; nodes += 2) {
      std::int32_t& leaf = leaves[random() % leaves.size()];
      const auto at = static_cast<std::size_t>(leaf);
      forest.feature[at] = static_cast<std::int32_t>(random() % static_cast<unsigned>(shape.features));
      forest.threshold[at] = threshold(random);
      // right before left: children need not be stored side by side
      const std::int32_t right = add_leaf(), left = add_leaf();
      forest.left[at] = left;
      forest.right[at] = right;
      leaf = left;
      leaves.push_back(right);
    }
  }
  return forest;
}

std::vector<float> random_features(const ForestArrays& forest, int pixels, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> value(-1, 1);
  std::vector<float> features(static_cast<std::size_t>(pixels) * static_cast<std::size_t>(forest.n_features));
  for (float& feature : features) feature = value(random);
  return features;
}

}  // namespace millesime::testing
