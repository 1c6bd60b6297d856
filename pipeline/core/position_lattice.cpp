#include "pipeline/core/position_lattice.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "pipeline/core/error.h"

namespace millesime {
namespace {

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }  // b > 0

}  // namespace

PositionLattice::PositionLattice(std::int64_t first_col, std::int64_t first_row, int width, int height, int step,
                                 const std::function<Point(std::int64_t col, std::int64_t row)>& centre)
    : step_(step) {
  MILLESIME_CHECK(width > 0 && height > 0 && step > 0, "a lattice of ", width, " x ", height, " px, every ", step);
  const std::int64_t node_col = floor_div(first_col, step) * step, node_row = floor_div(first_row, step) * step;
  offset_col_ = static_cast<int>(first_col - node_col), offset_row_ = static_cast<int>(first_row - node_row);
  across_ = (offset_col_ + width - 1) / step + 2, down_ = (offset_row_ + height - 1) / step + 2;
  for (int j = 0; j < down_; ++j)
    for (int i = 0; i < across_; ++i) {
      const Point node = centre(node_col + std::int64_t{i} * step, node_row + std::int64_t{j} * step);
      x_.push_back(node.x), y_.push_back(node.y);
    }
}

Point PositionLattice::at(int col, int row) const {
  const int c = col + offset_col_, r = row + offset_row_;
  const double u = static_cast<double>(c % step_) / step_, v = static_cast<double>(r % step_) / step_;
  const auto node = static_cast<std::size_t>(r / step_ * across_ + c / step_), below = node + static_cast<std::size_t>(across_);
  const auto between = [&](const std::vector<double>& a) {
    return (1 - v) * ((1 - u) * a[node] + u * a[node + 1]) + v * ((1 - u) * a[below] + u * a[below + 1]);
  };
  return {between(x_), between(y_)};
}

Box PositionLattice::extent() const {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Box box{kInfinity, kInfinity, -kInfinity, -kInfinity};
  for (std::size_t k = 0; k < x_.size(); ++k)
    if (std::isfinite(x_[k]) && std::isfinite(y_[k])) {
      box.min_x = std::min(box.min_x, x_[k]), box.max_x = std::max(box.max_x, x_[k]);
      box.min_y = std::min(box.min_y, y_[k]), box.max_y = std::max(box.max_y, y_[k]);
    }
  return box;
}

}  // namespace millesime
