#include "pipeline/io/internal/read_grid.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>

#include "pipeline/io/coordinates.h"

namespace millesime {
namespace {

constexpr int kMarginPixels = 4;  // for interpolation at the tile's edge
constexpr int kNodeStep = 16;     // pixels between exact positions

bool near_integer(double value) { return std::abs(value - std::round(value)) < 0.01; }

// The grid of the pixels of `lattice` that cover a box.
Grid on_lattice(const Grid& lattice, const Box& box, int margin) {
  constexpr double kTolerance = 1e-6;
  const double left = std::floor(lattice.col(box.min_x) + kTolerance) - margin,
               right = std::ceil(lattice.col(box.max_x) - kTolerance) + margin,
               top = std::floor(lattice.row(box.max_y) + kTolerance) - margin,
               bottom = std::ceil(lattice.row(box.min_y) - kTolerance) + margin;
  Grid grid = lattice;
  grid.x0 = lattice.x(left), grid.y0 = lattice.y(top);
  grid.cols = static_cast<int>(right - left), grid.rows = static_cast<int>(bottom - top);
  return grid;
}

Box around_both(const Box& a, const Box& b) {
  return {std::min(a.min_x, b.min_x), std::min(a.min_y, b.min_y), std::max(a.max_x, b.max_x), std::max(a.max_y, b.max_y)};
}

// The pixels that some grids have in common, by the first of them.
struct Lattice {
  Grid grid;
  Box extent;  // of them all
  int votes = 0;
};

// Fewer grids, then coarser pixels, then a smaller extent.
bool goes_after(const Lattice& a, const Lattice& b) {
  const auto pixel = [](const Lattice& lattice) { return lattice.grid.pixel_width * lattice.grid.pixel_height; };
  const auto area = [](const Lattice& lattice) {
    return (lattice.extent.max_x - lattice.extent.min_x) * (lattice.extent.max_y - lattice.extent.min_y);
  };
  constexpr double kSame = 1e-5;
  if (a.votes != b.votes) return a.votes < b.votes;
  if (std::abs(pixel(a) - pixel(b)) > kSame * pixel(a)) return pixel(a) > pixel(b);
  return area(a) < area(b);
}

}  // namespace

bool is_aligned(const Grid& a, const Grid& b) {
  const double tolerance = 1e-6 * a.pixel_width;
  return a.crs == b.crs && std::abs(a.pixel_width - b.pixel_width) < tolerance && std::abs(a.pixel_height - b.pixel_height) < tolerance &&
         near_integer(a.col(b.x0)) && near_integer(a.row(b.y0));
}

bool covers(const Grid& grid, const Grid& tile) {
  constexpr double kSlack = 2;
  const Box b = grid.extent(), t = tile.extent();
  const double x = kSlack * grid.pixel_width, y = kSlack * grid.pixel_height;
  return grid.crs == tile.crs && std::abs(b.min_x - t.min_x) <= x && std::abs(b.max_x - t.max_x) <= x && std::abs(b.min_y - t.min_y) <= y &&
         std::abs(b.max_y - t.max_y) <= y;
}

Grid usual_lattice(const std::vector<Grid>& grids) {
  std::map<std::string, int> votes;
  for (const Grid& grid : grids) ++votes[grid.crs];
  const auto usual = std::ranges::max_element(votes, {}, &std::pair<const std::string, int>::second);
  std::vector<Lattice> lattices;
  for (const Grid& grid : grids) {
    if (grid.crs != usual->first) continue;
    const auto known = std::ranges::find_if(lattices, [&](const Lattice& lattice) { return is_aligned(grid, lattice.grid); });
    Lattice& lattice = known == lattices.end() ? lattices.emplace_back(Lattice{grid, grid.extent()}) : *known;
    ++lattice.votes, lattice.extent = around_both(lattice.extent, grid.extent());
  }
  return std::ranges::max_element(lattices, goes_after)->grid;
}

Grid union_grid(const std::vector<Grid>& grids) {
  const Grid usual = usual_lattice(grids);
  Box all = usual.extent();
  for (const Grid& grid : grids)
    if (is_aligned(grid, usual)) all = around_both(all, grid.extent());
  return on_lattice(usual, all, 0);
}

Grid read_grid(const std::vector<Grid>& grids, const Grid& tile) {
  std::vector<Grid> own;  // in the tile's system
  std::ranges::copy_if(grids, std::back_inserter(own), [&](const Grid& grid) { return grid.crs == tile.crs; });
  const Grid usual = usual_lattice(own.empty() ? grids : own);
  if (!own.empty()) {
    if (is_aligned(usual, tile)) return tile;
    if (covers(usual, tile) && std::ranges::all_of(grids, [&](const Grid& grid) { return grid.same_as(usual); })) return usual;
    return on_lattice(usual, tile.extent(), kMarginPixels);
  }
  // The size of a pixel in the middle of the tile.
  const CoordinateTransform to_source(tile.crs, usual.crs), to_tile(usual.crs, tile.crs);
  const Point middle = to_source(tile.centre(tile.cols / 2, tile.rows / 2));
  const Point right = to_tile(Point{middle.x + usual.pixel_width, middle.y}),
              down = to_tile(Point{middle.x, middle.y - usual.pixel_height}), centre = to_tile(middle);
  Grid lattice = tile;
  const auto rounded = [](double size, double unit) { return std::max(1.0, std::round(size / unit)) * unit; };  // whole pixels of the tile
  lattice.pixel_width = rounded(std::hypot(right.x - centre.x, right.y - centre.y), tile.pixel_width);
  lattice.pixel_height = rounded(std::hypot(down.x - centre.x, down.y - centre.y), tile.pixel_height);
  if (lattice.pixel_width == tile.pixel_width && lattice.pixel_height == tile.pixel_height) return tile;
  return on_lattice(lattice, tile.extent(), kMarginPixels);
}

SourcePositions positions_in(const Grid& source, const Grid& target, const Window& window) {
  // Nodes at multiples of kNodeStep of the target's pixels, around the window.
  const int first_col = window.col / kNodeStep, last_col = (window.col + window.width - 1) / kNodeStep + 1,
            first_row = window.row / kNodeStep, last_row = (window.row + window.height - 1) / kNodeStep + 1;
  const int across = last_col - first_col + 1;
  std::vector<double> x, y;
  for (int row = first_row; row <= last_row; ++row)
    for (int col = first_col; col <= last_col; ++col) {
      const Point centre = target.centre(col * kNodeStep, row * kNodeStep);
      x.push_back(centre.x), y.push_back(centre.y);
    }
  CoordinateTransform(target.crs, source.crs).apply(x, y);
  const BoxesOf boxes(source.crs);
  if (boxes.in_degrees()) {
    const Box extent = source.extent();
    for (double& longitude : x) longitude = boxes.near(longitude, (extent.min_x + extent.max_x) / 2);
  }
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = source.col(x[i]) - 0.5, y[i] = source.row(y[i]) - 0.5;

  SourcePositions positions;
  const auto pixels = static_cast<std::size_t>(window.pixels());
  positions.col.resize(pixels), positions.row.resize(pixels);
  for (int row = 0; row < window.height; ++row) {
    const int node_row = (window.row + row) / kNodeStep - first_row;
    const double down = static_cast<double>((window.row + row) % kNodeStep) / kNodeStep;
    for (int col = 0; col < window.width; ++col) {
      const int node_col = (window.col + col) / kNodeStep - first_col;
      const double right = static_cast<double>((window.col + col) % kNodeStep) / kNodeStep;
      const auto node = static_cast<std::size_t>(node_row * across + node_col);
      const auto between = [&](const std::vector<double>& values) {
        const double top = values[node] + right * (values[node + 1] - values[node]),
                     bottom =
                         values[node + static_cast<std::size_t>(across)] +
                         right * (values[node + static_cast<std::size_t>(across) + 1] - values[node + static_cast<std::size_t>(across)]);
        return top + down * (bottom - top);
      };
      const auto i = static_cast<std::size_t>(row) * static_cast<std::size_t>(window.width) + static_cast<std::size_t>(col);
      positions.col[i] = between(x), positions.row[i] = between(y);
    }
  }
  return positions;
}

}  // namespace millesime
