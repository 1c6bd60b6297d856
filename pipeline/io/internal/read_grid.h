#pragma once
// Inside pipeline/io only: products on grids of their own, read on one.

#include <vector>

#include "pipeline/core/grid.h"

namespace millesime {

// Same reference system and pixels, and the pixels of one grid are pixels of the other, within 1/100.
bool is_aligned(const Grid& a, const Grid& b);

// A band of coarse pixels may cover a little less than the tile's grid (odd sizes), but at most two of its pixels less or more.
bool covers(const Grid& grid, const Grid& tile);

// The first of the grids whose pixels most of those in the most usual reference system have, so that a single odd one does not decide. On
// a tie the finest pixels, then those of the largest extent, then the first.
Grid usual_lattice(const std::vector<Grid>& grids);

// The smallest grid on the pixels of usual_lattice that covers all grids aligned with it.
Grid union_grid(const std::vector<Grid>& grids);

// The grid on which a layer of products with these grids is read over a tile: theirs if they are all the same; the usual
// lattice of those that are in the tile's reference system; or else pixels of the usual size from the tile's corner on. Covers the tile and
// a margin.
Grid read_grid(const std::vector<Grid>& grids, const Grid& tile);

// The positions of a target grid's pixel centres in a source grid of any reference system, in pixels whose centres are at integers. They
// are exact at every sixteenth pixel of the target and linear between, wherever a window begins.
struct SourcePositions {
  std::vector<double> col, row;  // [row][col] of the window; NaN where there is none
};
SourcePositions positions_in(const Grid& source, const Grid& target, const Window& window);

}  // namespace millesime
