#include "pipeline/io/internal/group_layout.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace millesime {

// Rounds positions close to sixteenths of a pixel (the files' geotransforms are rounded): they are then exact, and independent of the
// window.
static double snapped(double value, double tolerance) {
  constexpr double kSteps = 16;
  const double near = std::round(value * kSteps) / kSteps;
  return std::abs(value - near) < tolerance ? near : value;
}

GroupLayout layout_of(const Grid& tile, const Grid& group) {
  constexpr double kTolerance = 1e-3;  // group pixels, over the whole tile
  GroupLayout layout;
  layout.grid = group;
  layout.col_scale = snapped(tile.pixel_width / group.pixel_width, kTolerance / tile.cols);
  layout.row_scale = snapped(tile.pixel_height / group.pixel_height, kTolerance / tile.rows);
  layout.col_offset = snapped(group.col(tile.x(0.5)) - 0.5, kTolerance);
  layout.row_offset = snapped(group.row(tile.y(0.5)) - 0.5, kTolerance);
  return layout;
}

Window group_window(const GroupLayout& layout, const Window& window) {
  if (layout.is_tile_grid()) return window;
  const auto range = [](double first, double last, int size) {
    const int begin = std::clamp(static_cast<int>(std::floor(first)) - kMargin, 0, size - 1);
    const int end = std::clamp(static_cast<int>(std::ceil(last)) + kMargin + 1, begin + 1, size);
    return std::pair(begin, end - begin);
  };
  const auto [col, width] = range(window.col * layout.col_scale + layout.col_offset,
                                  (window.col + window.width - 1) * layout.col_scale + layout.col_offset, layout.grid.cols);
  const auto [row, height] = range(window.row * layout.row_scale + layout.row_offset,
                                   (window.row + window.height - 1) * layout.row_scale + layout.row_offset, layout.grid.rows);
  return {col, row, width, height};
}

int reach_of(const GroupLayout& layout) {
  return layout.is_tile_grid() ? 0 : static_cast<int>(std::ceil((kMargin + 2) / std::min(layout.col_scale, layout.row_scale)));
}

}  // namespace millesime
