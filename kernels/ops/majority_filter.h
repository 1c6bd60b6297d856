#pragma once
// Majority filter of a label map: each pixel takes the most frequent label of the square of size x size pixels around it.
//
// If several labels are most frequent, the pixel's own is kept if it is one of them; else the lowest of them wins. Label 0 is no data:
// it does not vote, and a pixel of 0 stays 0. Pixels beyond the edges do not exist. (Modal filter; as OTB's
// ClassificationMapRegularization, which leaves ties undecided.)
//
// To filter a window of a map, the input must extend size / 2 pixels beyond the window on each side that is not the edge of the map.

#include <cstdint>

#include "kernels/base/stream.h"

namespace millesime {

inline constexpr int kMaxMajoritySize = 15;  // votes are counted in bytes

struct MajorityFilterArgs {
  int size = 3;                          // odd, 3 to kMaxMajoritySize, px
  int cols = 0, rows = 0;                // of the input
  int width = 0, height = 0;             // of the window that is written
  int col = 0, row = 0;                  // of the window's first pixel, in the input
  const std::uint8_t* labels = nullptr;  // [rows][cols]
  std::uint8_t* filtered = nullptr;      // [height][width]
};

void majority_filter(const Stream& stream, const MajorityFilterArgs& args);

}  // namespace millesime
