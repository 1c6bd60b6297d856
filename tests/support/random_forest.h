#pragma once
// Random forests and features for the tests of their kernel.

#include <vector>

#include "kernels/ops/forest.h"

namespace millesime::testing {

struct ForestShape {
  int trees = 10, nodes = 100, features = 20, classes = 5;  // nodes a tree, at most
  unsigned seed = 1;
};
ForestArrays random_forest(const ForestShape& shape);

std::vector<float> random_features(const ForestArrays& forest, int pixels, unsigned seed);  // [pixel][feature]

}  // namespace millesime::testing
