#pragma once
// Positions of the pixels of a window in another reference system or grid: computed exactly at the nodes of a lattice, interpolated between
// them. A map projection is so even that some tens of pixels of 10 m between nodes keep the error far below 1/100 pixel.

#include <cstdint>
#include <functional>
#include <vector>

#include "pipeline/core/grid.h"

namespace millesime {

class PositionLattice {
 public:
  // Pixels have numbers that do not depend on the window; first_col and first_row are those of its first pixel. Nodes are the pixels whose
  // numbers are multiples of `step`, so that a pixel has the same position in every window. `centre`: position of pixel (col, row).
  PositionLattice(std::int64_t first_col, std::int64_t first_row, int width, int height, int step,
                  const std::function<Point(std::int64_t col, std::int64_t row)>& centre);

  // Of the nodes, row by row: to be transformed in place. NaN where there is no position.
  std::vector<double>& x() { return x_; }
  std::vector<double>& y() { return y_; }

  Point at(int col, int row) const;  // of a pixel of the window (from 0); NaN beside a node that has no position
  Box extent() const;                // of the nodes that have a position; empty() without any

 private:
  int step_, offset_col_, offset_row_, across_, down_;
  std::vector<double> x_, y_;
};

}  // namespace millesime
