#pragma once
// Smooths class probabilities before the label is taken: the mean of the pixels around that look alike (the bilateral filter of Tomasi &
// Manduchi 1998, on probabilities; Schindler 2012, IEEE TGRS 50, compares such methods for land cover).
//
//   smoothed_i = sum_j w_ij p_j / sum_j w_ij
//   w_ij = exp(-d_ij / tolerance),  d_ij = 1/2 sum_c |p_ic - p_jc|    (0: equal, 1: nothing in common)
//
// over the square of 2 reach + 1 pixels. A pixel of a line has its like along the line, so lines of one pixel stay. Pixels that do not
// count (no class) add nothing and stay as they are; pixels beyond the edges do not exist. For a window of a map, the input must extend
// `reach` pixels beyond it for each pass.

#include <cstdint>

#include "kernels/base/stream.h"

namespace millesime {

struct SmoothArgs {
  int cols = 0, rows = 0, n_classes = 0;
  int reach = 2;                         // px
  float tolerance = 0.2f;                // > 0
  const float* probabilities = nullptr;  // [class][row][col]
  const std::uint8_t* counts = nullptr;  // [row][col], 0: the pixel has no class
  float* smoothed = nullptr;             // [class][row][col]
};

void smooth(const Stream& stream, const SmoothArgs& args);

}  // namespace millesime
