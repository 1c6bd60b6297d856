#pragma once
// The pixels that change sides when an arc leaves the pixel edges: statistics of a patch become those of its polygon.

#include <cstdint>
#include <vector>

#include "pipeline/coverage/arcs.h"

namespace millesime {

enum class PixelRule { centre, share };  // a pixel belongs to the polygon that holds its centre, or to each by the share it covers

inline constexpr int kWeightBits = 16;
inline constexpr std::int64_t kWholePixel = std::int64_t{1} << kWeightBits;  // the weight of a whole pixel

// Pixels col to col_end - 1 of a row, of which `weight` (1/65536 of a pixel) goes from the patch on the right to the one on the left.
struct PixelTransfer {
  std::int32_t row = 0, col = 0, col_end = 0;
  std::int64_t weight = 0;
};

// `fine`: pixels of the statistics along a pixel of the map. Rows and columns count fine pixels from the map's upper left corner.
void transfers_of(const Arc& arc, int fine, PixelRule rule, std::vector<PixelTransfer>& transfers);

// Twice the area, in vertex units squared, that goes from the right to the left.
std::int64_t transferred_area(const Arc& arc);

}  // namespace millesime
