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

}  // namespace

Grid national_grid(const std::vector<Grid>& tiles, const std::string& crs, double resolution) {
  MILLESIME_CHECK(!tiles.empty(), "a mosaic of no tiles");
  const std::string canonical = canonical_crs(crs.empty() ? system_of_most(tiles) : crs);
  if (resolution == 0) resolution = resolution_of(tiles, canonical);
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
  const double left = std::floor(all.min_x / resolution + kRounding), right = std::ceil(all.max_x / resolution - kRounding);
  const double bottom = std::floor(all.min_y / resolution + kRounding), top = std::ceil(all.max_y / resolution - kRounding);
  if (right - left > 2e9 || top - bottom > 2e9)
    throw UserError(join_text("mosaic.resolution: ", resolution, " makes a map of more than 2e9 pixels a side"));
  return {canonical,
          left * resolution,
          top * resolution,
          resolution,
          resolution,
          static_cast<int>(right - left),
          static_cast<int>(top - bottom)};
}

}  // namespace millesime
