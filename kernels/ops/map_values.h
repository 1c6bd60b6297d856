#pragma once
// Map values: from the probabilities of a window's classes to what the files of a map hold, for a window within it (the larger one has the
// pixels that smoothing looks at).
//
//   p_c        = probabilities, or of a map that is smoothed  q_c / sum_k q_k,  q = p * p^(1/8)  (pipeline/imagery/README.md)
//   place      = number of the winner among the classes, from 1: the class of highest p, on a tie the first; 0: no class
//   confidence = trunc(100 * p_winner) of the float32 product, 0..100: 0.53 -> 52
//   validity   = valid dates
//   shares     = round(1000 * p)
//   level1     = the group of highest probability, the sum of its classes, on a tie that of the first class
//   deepest    = the code of the winner where p_winner reaches level_confidence, else level1 where its probability does, else 0
//
// A pixel that is not decidable gets 0 everywhere but in validity; probabilities that are not finite never win. Roots are rounded alike on
// every device (IEEE 754), pow is not.

#include <cstdint>

#include "kernels/base/stream.h"

namespace millesime {

struct MapValuesArgs {
  int cols = 0, rows = 0;                                            // of the window of the probabilities
  int first_col = 0, first_row = 0, inner_cols = 0, inner_rows = 0;  // of the window within
  int n_classes = 0;                                                 // at most 255
  bool smoothed = false;
  const float* probabilities = nullptr;     // [class][row][col]
  const std::uint8_t* decidable = nullptr;  // [row][col], 0: the pixel gets no class
  const std::uint8_t* count = nullptr;      // [row][col], valid dates
  // All [pixel of the inner window]; those after the first three may be null.
  std::uint8_t* place = nullptr;
  std::uint8_t* confidence = nullptr;
  std::uint8_t* validity = nullptr;
  std::uint16_t* shares = nullptr;        // [class][pixel]
  float* exact = nullptr;                 // [class][pixel], p; needed for the levels
  const std::uint16_t* codes = nullptr;   // [class], for the levels
  const std::uint16_t* groups = nullptr;  // [class], code of its group
  float level_confidence = 0;             // share
  std::uint16_t* level1 = nullptr;
  std::uint16_t* deepest = nullptr;
};

void map_values(const Stream& stream, const MapValuesArgs& args);

}  // namespace millesime
