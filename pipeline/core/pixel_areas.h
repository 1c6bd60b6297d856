#pragma once
// True areas of the pixels of a Grid: m² on the ellipsoid. Projections change areas: 100 m² of Lambert-93 are 99.4 m² in the south of
// Corsica, and at 46° N a pixel of EPSG:3857 covers half of what its size says. io/geodesy.h computes the table for a Grid.

#include <cstdint>
#include <vector>

namespace millesime {

class PixelAreas {
 public:
  // m² of one pixel at the centres of node_cols x node_rows equal parts of the grid (row by row, from north). Between the centres it is
  // interpolated linearly; projections change areas so slowly that parts of some kilometres give seven digits.
  PixelAreas(int cols, int rows, int node_cols, int node_rows, std::vector<double> m2);

  double m2(int col, int row) const;

  // Of pixels col to col + width - 1 of a row, in whole cm²: a sum of integers does not depend on the order (nor on the windows in which a
  // map is read), and the whole earth is 5.1e18 cm².
  void row_cm2(int col, int row, int width, std::vector<std::int64_t>& cm2) const;

 private:
  struct Place {  // between two nodes
    int node;
    double share;  // of the next node; below 0 and above 1 outside of the outermost centres
  };
  static Place place(int pixel, int pixels, int nodes);

  int cols_, rows_, node_cols_, node_rows_;
  std::vector<double> m2_;
};

inline double hectares_of_cm2(std::int64_t cm2) { return static_cast<double>(cm2) / 1e8; }

}  // namespace millesime
