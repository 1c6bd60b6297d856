// The grid of a mosaic (mosaic.h).

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <limits>
#include <map>
#include <sstream>

#include "pipeline/core/error.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/stages/mosaic.h"

namespace millesime {
namespace {

std::string system_of_most(const std::vector<Grid>& tiles) {
  std::map<std::string, int> votes;
  for (const Grid& tile : tiles) ++votes[tile.crs];
  return std::ranges::max_element(votes, {}, [](const auto& vote) { return vote.second; })->first;  // the first by name of equals
}

double metres_of_unit(const std::string& crs) {
  constexpr double kPerDegree = 111319.49;  // on the equator of WGS 84
  return metres_per_unit(crs).value_or(kPerDegree);
}

double resolution_of(const std::vector<Grid>& tiles, const std::string& crs) {
  double metres = std::numeric_limits<double>::infinity();
  for (const Grid& tile : tiles) metres = std::min(metres, tile.pixel_width * metres_of_unit(tile.crs));
  std::ostringstream two_digits;
  two_digits << std::scientific << std::setprecision(1) << metres / metres_of_unit(crs);
  return std::stod(two_digits.str());
}

// Where pixels of a size begin: those of the tiles of the map's system, if all lie on one lattice of squares.
struct MapLattice {
  double resolution, x0 = 0, y0 = 0;
};
MapLattice lattice_of(const std::vector<Grid>& tiles, const std::string& crs) {
  constexpr double kRounding = 1e-6;  // of a pixel
  const auto near = [](double pixels) { return std::abs(pixels - std::round(pixels)) < kRounding; };
  const auto offset = [&](double pixels) { return near(pixels) ? 0 : pixels - std::floor(pixels); };
  const auto first = std::ranges::find(tiles, crs, &Grid::crs);
  if (first == tiles.end()) return {resolution_of(tiles, crs)};
  const double size = first->pixel_width;
  const auto same = [&](double pixel, int pixels) { return std::abs(pixel / size - 1) * pixels < kRounding; };
  for (const Grid& tile : tiles)
    if (tile.crs == crs && !(same(tile.pixel_width, tile.cols) && same(tile.pixel_height, tile.rows) &&
                             near((tile.x0 - first->x0) / size) && near((tile.y0 - first->y0) / size)))
      return {resolution_of(tiles, crs)};
  return {size, offset(first->x0 / size) * size, offset(first->y0 / size) * size};
}

}  // namespace

Grid national_grid(const std::vector<Grid>& tiles, const std::string& crs, double resolution) {
  MILLESIME_CHECK(!tiles.empty(), "a mosaic of no tiles");
  const std::string canonical = canonical_crs(crs.empty() ? system_of_most(tiles) : crs);
  const MapLattice lattice = resolution == 0 ? lattice_of(tiles, canonical) : MapLattice{resolution};
  resolution = lattice.resolution;
  const BoxesOf boxes(canonical);
  std::vector<Box> images;
  for (const Grid& tile : tiles) {
    const Box own = tile.extent(), box = tile.crs == canonical ? own : CoordinateTransform(tile.crs, canonical)(own);
    const double width = box.max_x - box.min_x, height = box.max_y - box.min_y;
    constexpr double kTorn = 100;
    if (width * metres_of_unit(canonical) > kTorn * (own.max_x - own.min_x) * metres_of_unit(tile.crs))
      throw UserError(join_text("mosaic.crs: in ", canonical, " the tile ", to_text(tile),
                                " does not hold together: it lies across the edge ",
                                "of that system; expected one that the tiles lie within, for example their own, ", tile.crs));
    if (resolution > width || resolution > height)
      throw UserError(join_text("mosaic.resolution: expected pixels smaller than a tile (", width, " x ", height, " in the unit of ",
                                canonical, "), got ", resolution, "; leave it out for ", resolution_of(tiles, canonical)));
    images.push_back(box);
  }
  const Box all = boxes.around(images);
  constexpr double kRounding = 1e-6;  // of a pixel
  const auto col = [&](double x) { return (x - lattice.x0) / resolution; };
  const auto row = [&](double y) { return (y - lattice.y0) / resolution; };
  const double left = std::floor(col(all.min_x) + kRounding), right = std::ceil(col(all.max_x) - kRounding);
  const double bottom = std::floor(row(all.min_y) + kRounding), top = std::ceil(row(all.max_y) - kRounding);
  if (right - left > 2e9 || top - bottom > 2e9)
    throw UserError(join_text("mosaic.resolution: ", resolution, " makes a map of more than 2e9 pixels a side"));
  return {canonical,  lattice.x0 + left * resolution, lattice.y0 + top * resolution, resolution,
          resolution, static_cast<int>(right - left), static_cast<int>(top - bottom)};
}

}  // namespace millesime
