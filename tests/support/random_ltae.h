#pragma once
// Random networks for the tests of their kernel.

#include <vector>

#include "kernels/ops/ltae.h"

namespace millesime::testing {

struct LtaeShape {
  int features = 10, spectral = 7;  // 0: no such layer
  int heads = 3, head_width = 5, mlp = 9, statics = 2, hidden = 6, classes = 5;
  unsigned seed = 1;
  bool one_of_several = false;  // sources
};
LtaeWeights random_ltae(const LtaeShape& shape);

std::vector<float> random_positions(int dates, int head_width, unsigned seed);  // [date][head_width]

}  // namespace millesime::testing
