#pragma once
// Inside pipeline/io only: positions of a tile's pixels in bands of another resolution.

#include <vector>

#include "pipeline/core/grid.h"

namespace millesime {

// Group pixels around a window, for interpolation by cubic convolution.
inline constexpr int kMargin = 2;

// The native grid of some bands, and the positions of the tile's pixels in it.
struct GroupLayout {
  Grid grid;
  std::vector<int> bands;  // position in SeriesReader's bands
  // Centre of tile pixel (c, r) = group position (c * col_scale + col_offset, ...), group pixel centres at integers.
  double col_scale = 1, col_offset = 0, row_scale = 1, row_offset = 0;

  bool is_tile_grid() const { return col_scale == 1 && row_scale == 1 && col_offset == 0 && row_offset == 0; }
};

GroupLayout layout_of(const Grid& tile, const Grid& group);

// The group pixels that a window needs.
Window group_window(const GroupLayout& layout, const Window& window);

// Distance around a tile pixel, in tile pixels, that interpolation in a group reads.
int reach_of(const GroupLayout& layout);

}  // namespace millesime
