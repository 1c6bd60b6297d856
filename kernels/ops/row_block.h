#pragma once
// Divides a window into blocks of lanes: each block is a part of one row.

#include <cstdint>

#include "kernels/base/host_device.h"
#include "kernels/base/lanes.h"
#include "kernels/ops/series_view.h"

namespace millesime {

template <int kLanes>
struct RowBlock {
  int row, col;        // of its first pixel, in the window
  std::int64_t first;  // index of its first pixel in the window
  int width;           // of the window
  bool exists;         // false for items of a warp after the window's last pixel, which the block then repeats

  MILLESIME_HD RowBlock(int window_width, std::int64_t pixels, std::int64_t item)
      : width(window_width), exists(kLanes > 1 || item < pixels) {
    if (!exists) item = pixels - 1;
    const std::int64_t in_row = block_count(width, kLanes);
    row = static_cast<int>(item / in_row);
    col = static_cast<int>(item % in_row) * kLanes;
    first = static_cast<std::int64_t>(row) * width + col;
  }
  MILLESIME_HD RowBlock(const SeriesView& series, std::int64_t item) : RowBlock(series.width, series.pixels(), item) {}
  MILLESIME_HD int n() const { return lanes_in_use<kLanes>(col, width); }  // pixels
};

MILLESIME_HD std::int64_t row_block_count(int width, int height, int lanes) { return height * block_count(width, lanes); }
MILLESIME_HD std::int64_t row_block_count(const SeriesView& series, int lanes) {
  return row_block_count(series.width, series.height, lanes);
}

// Bands of the window's own resolution need no resampling.
MILLESIME_HD bool on_window_grid(const BandGroupView& group, const SeriesView& series) {
  return group.col_scale == 1 && group.row_scale == 1 && group.col_offset == 0 && group.row_offset == 0 && group.cols == series.width &&
         group.rows == series.height;
}

MILLESIME_HD const std::int16_t* band_plane(const BandGroupView& group, int date, int position) {
  return group.samples + (static_cast<std::int64_t>(date) * group.n_bands + position) * group.cols * group.rows;
}

}  // namespace millesime
