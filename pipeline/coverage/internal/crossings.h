#pragma once
// Inside pipeline/coverage only: from the edges of closed lines to the pixels within them, row by row.

#include <cstdint>
#include <vector>

#include "pipeline/coverage/pixel_transfer.h"

namespace millesime {

// What the edges contribute to the pixels from `col` on: an edge to the south adds the east of it, one to the north takes it.
struct Crossing {
  std::int32_t row, col;
  double cover;  // height of the edges in this pixel, in pixels: what all pixels further east get
  double area;   // what this pixel gets
};

struct PixelPlace {  // pixel (c, r) covers [c, c + 1) x [r, r + 1)
  double x, y;
};

// A pixel is shared by area (the cells of anti-aliased drawing). Rows before `first_row` and from `row_end` on are left out.
void share_crossings(const PixelPlace& from, const PixelPlace& to, double sign, std::int64_t first_row, std::int64_t row_end,
                     std::vector<Crossing>& crossings);

// The pixels of the crossings, which are sorted by this.
void add_transfers(std::vector<Crossing>& crossings, std::vector<PixelTransfer>& transfers);

}  // namespace millesime
