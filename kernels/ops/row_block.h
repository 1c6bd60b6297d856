#pragma once
// How a window is cut into blocks of lanes: each block is a piece of one row.

#include <cstdint>

#include "kernels/base/host_device.h"
#include "kernels/base/lanes.h"
#include "kernels/ops/series_view.h"

namespace millesime {

struct RowBlock {
  int row = 0, col = 0;    // of its first pixel, in the window
  int n = 0;               // pixels
  std::int64_t first = 0;  // index of its first pixel in the window
};

HD std::int64_t row_block_count(const SeriesView& series, int lanes) { return series.height * block_count(series.width, lanes); }

HD RowBlock row_block(const SeriesView& series, int lanes, std::int64_t item) {
  const std::int64_t in_row = block_count(series.width, lanes);
  RowBlock block;
  block.row = static_cast<int>(item / in_row);
  block.col = static_cast<int>(item % in_row) * lanes;
  block.n = lanes_in_use(block.col, series.width, lanes);
  block.first = static_cast<std::int64_t>(block.row) * series.width + block.col;
  return block;
}

// Bands of the window's own resolution need no resampling.
HD bool on_window_grid(const BandGroupView& group, const SeriesView& series) {
  return group.col_scale == 1 && group.row_scale == 1 && group.col_offset == 0 && group.row_offset == 0 && group.cols == series.width &&
         group.rows == series.height;
}

HD const std::int16_t* band_plane(const BandGroupView& group, int date, int position) {
  return group.samples + (static_cast<std::int64_t>(date) * group.n_bands + position) * group.cols * group.rows;
}

}  // namespace millesime
