#pragma once
// Inside pipeline/io only: where the masks of a date leave pixels visible in a window, by cells of 16 x 16 pixels of the tile. What no mask
// leaves visible needs no bands.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pipeline/core/grid.h"
#include "pipeline/core/series.h"

namespace millesime {

class VisibleCells {
 public:
  VisibleCells() = default;
  // `masks`: [plane][pixel] of the window; `rules`: of each plane.
  VisibleCells(const std::vector<MaskRule>& rules, const std::uint8_t* masks, const Window& window)
      : window_(window),
        first_col_(window.col / kCell),
        first_row_(window.row / kCell),
        across_((window.col + window.width - 1) / kCell - first_col_ + 1) {
    for (int row = first_row_; row <= (window.row + window.height - 1) / kCell; ++row)
      for (int col = first_col_; col < first_col_ + across_; ++col)
        visible_.push_back(looks_through(rules, masks, Window{col * kCell, row * kCell, kCell, kCell}.intersect(window)));
  }

  // Whether a pixel of the part of the tile that lies in the window is visible, or may be: cells are taken whole.
  bool any_in(const Window& part) const {
    const Window inside = part.intersect(window_);
    if (inside.empty()) return false;
    for (int row = inside.row / kCell; row <= (inside.row + inside.height - 1) / kCell; ++row)
      for (int col = inside.col / kCell; col <= (inside.col + inside.width - 1) / kCell; ++col)
        if (visible_[static_cast<std::size_t>(row - first_row_) * static_cast<std::size_t>(across_) +
                     static_cast<std::size_t>(col - first_col_)])
          return true;
    return false;
  }

 private:
  static constexpr int kCell = 16;

  bool looks_through(const std::vector<MaskRule>& rules, const std::uint8_t* masks, const Window& cell) const {
    for (int row = cell.row - window_.row; row < cell.row - window_.row + cell.height; ++row)
      for (int col = cell.col - window_.col; col < cell.col - window_.col + cell.width; ++col) {
        const std::uint8_t* pixel = masks + static_cast<std::int64_t>(row) * window_.width + col;
        bool hidden = false;
        for (std::size_t plane = 0; plane < rules.size() && !hidden; ++plane)
          hidden = rules[plane][pixel[static_cast<std::int64_t>(plane) * window_.pixels()]] != 0;
        if (!hidden) return true;
      }
    return false;
  }

  Window window_;
  int first_col_ = 0, first_row_ = 0, across_ = 0;  // cells
  std::vector<char> visible_;                       // [cell]
};

}  // namespace millesime
