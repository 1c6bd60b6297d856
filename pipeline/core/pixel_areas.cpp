#include "pipeline/core/pixel_areas.h"

#include <algorithm>
#include <cmath>

#include "pipeline/core/error.h"

namespace millesime {

PixelAreas::PixelAreas(int cols, int rows, int node_cols, int node_rows, std::vector<double> m2)
    : cols_(cols), rows_(rows), node_cols_(node_cols), node_rows_(node_rows), m2_(std::move(m2)) {
  MILLESIME_CHECK(cols > 0 && rows > 0 && node_cols > 0 && node_rows > 0 &&
                      m2_.size() == static_cast<std::size_t>(node_cols) * static_cast<std::size_t>(node_rows),
                  m2_.size(), " areas for ", node_cols, " x ", node_rows, " nodes");
}

PixelAreas::Place PixelAreas::place(int pixel, int pixels, int nodes) {
  if (nodes == 1) return {0, 0};
  const double position = (pixel + 0.5) * nodes / pixels - 0.5;
  const int node = std::clamp(static_cast<int>(std::floor(position)), 0, nodes - 2);
  return {node, position - node};
}

double PixelAreas::m2(int col, int row) const {
  const Place c = place(col, cols_, node_cols_), r = place(row, rows_, node_rows_);
  const auto at = [&](int node_row) {
    const double* line = m2_.data() + static_cast<std::ptrdiff_t>(node_row) * node_cols_;
    return c.share == 0 ? line[c.node] : line[c.node] + c.share * (line[c.node + 1] - line[c.node]);
  };
  return r.share == 0 ? at(r.node) : at(r.node) + r.share * (at(r.node + 1) - at(r.node));
}

void PixelAreas::row_cm2(int col, int row, int width, std::vector<std::int64_t>& cm2) const {
  constexpr double kCm2PerM2 = 1e4;
  cm2.resize(static_cast<std::size_t>(width));
  for (int i = 0; i < width; ++i) cm2[static_cast<std::size_t>(i)] = std::llround(m2(col + i, row) * kCm2PerM2);
}

}  // namespace millesime
