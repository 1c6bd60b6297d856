#pragma once
// The pixels that a polygon holds: those whose centre is inside, or all by the share that it covers.

#include <cstdint>
#include <vector>

#include "pipeline/core/grid.h"
#include "pipeline/coverage/pixel_transfer.h"

namespace millesime {

using PixelRings = std::vector<std::vector<Point>>;  // in pixels, y to the south; closed; the first ring is the outer one

// Pixels of rows first_row to row_end - 1, in the order of rows and columns, some beyond the edges of any map. Whichever way the rings
// turn. A centre on the border of two polygons with the same border belongs to one of them.
void add_pixels_of(const PixelRings& rings, PixelRule rule, int first_row, int row_end, std::vector<PixelTransfer>& pixels);

}  // namespace millesime
