#pragma once
// Grid and Window: the only place of map-to-pixel arithmetic.
//
// Pixel (col, row) covers the half-open square [x(col), x(col+1)) x (y(row+1), y(row)]; its centre is at col + 0.5.
// Rows run from north to south. Map coordinates are in the unit of the CRS (metres for UTM and Lambert-93).

#include <cstdint>
#include <string>
#include <vector>

namespace millesime {

struct Point {
  double x = 0, y = 0;
};

struct Box {  // map coordinates
  double min_x = 0, min_y = 0, max_x = 0, max_y = 0;
  bool empty() const { return !(min_x < max_x && min_y < max_y); }
  bool intersects(const Box& other) const;
  bool operator==(const Box&) const = default;
};

// An integer rectangle of pixels inside a Grid.
struct Window {
  int col = 0, row = 0, width = 0, height = 0;

  std::int64_t pixels() const { return std::int64_t{width} * height; }
  bool empty() const { return width <= 0 || height <= 0; }
  bool contains(int c, int r) const { return c >= col && r >= row && c < col + width && r < row + height; }
  Window intersect(const Window& other) const;
  bool operator==(const Window&) const = default;
};
std::string to_text(const Window& window);  // "col 0 row 512, 256 x 256"

struct Grid {
  std::string crs;                             // "EPSG:32631", or WKT if there is no code
  double x0 = 0, y0 = 0;                       // upper left corner
  double pixel_width = 10, pixel_height = 10;  // > 0
  int cols = 0, rows = 0;

  double x(double col) const { return x0 + col * pixel_width; }
  double y(double row) const { return y0 - row * pixel_height; }
  double col(double map_x) const { return (map_x - x0) / pixel_width; }  // fractional; floor() is the pixel
  double row(double map_y) const { return (y0 - map_y) / pixel_height; }
  Point centre(int pixel_col, int pixel_row) const { return {x(pixel_col + 0.5), y(pixel_row + 0.5)}; }
  std::int64_t pixels() const { return std::int64_t{cols} * rows; }

  Window whole() const { return {0, 0, cols, rows}; }
  Box extent() const;
  Box extent(const Window& window) const;
  Grid crop(const Window& window) const;   // the grid of a window of this grid
  Window window_of(const Box& box) const;  // smallest window that covers the box, clipped to the grid
  bool same_as(const Grid& other) const;   // same CRS (however it is named) and shape, corners within 1/100 pixel
  bool operator==(const Grid&) const = default;
};
std::string to_text(const Grid& grid);  // "EPSG:32631, 10980 x 10980 px of 10 x 10 at (300000, 4900020)"

// UserError that names both grids (and `what` they belong to) unless they are the same.
void require_same(const Grid& expected, const Grid& got, const std::string& what);

// Windows that cover `whole` in row-major order; each is a multiple of the block shape (clipped at the edges) and has at most
// `max_pixels` pixels, but never less than one block.
std::vector<Window> split(const Window& whole, int block_width, int block_height, std::int64_t max_pixels);

}  // namespace millesime
