#pragma once
// Majority filter of a label map: each pixel takes the most frequent label of the square of size x size pixels around it.
//
// Where several labels are most frequent, the pixel's own is kept if it is one of them; else the lowest of them wins. Label 0 is no data:
// it does not vote, and a pixel of 0 stays 0. Pixels beyond the edges do not exist. (Modal filter; as OTB's
// ClassificationMapRegularization, which leaves ties undecided.)
//
// A window is filtered in place of a whole map where what is read reaches size / 2 pixels beyond it on each side that is not the map's.

#include <cstdint>

#include "kernels/base/stream.h"

namespace millesime {

inline constexpr int kMaxMajoritySize = 15;  // votes are counted in bytes

struct MajorityFilterArgs {
  int size = 3;                          // odd, 3 to kMaxMajoritySize, px
  int cols = 0, rows = 0;                // of what is read
  int width = 0, height = 0;             // of the window that is written
  int col = 0, row = 0;                  // where its first pixel lies in what is read
  const std::uint8_t* labels = nullptr;  // [rows][cols]
  std::uint8_t* filtered = nullptr;      // [height][width]
};

void majority_filter(const Stream& stream, const MajorityFilterArgs& args);

}  // namespace millesime
