#include "pipeline/stages/confusion_places.h"

#include <algorithm>
#include <cmath>

#include "pipeline/core/error.h"
#include "pipeline/io/coordinates.h"

namespace millesime {
namespace {

// NaN where the system has no longitudes.
Point degrees_of(const Point& point, const std::string& crs) {
  const Point unknown{std::nan(""), std::nan("")};
  if (crs.empty()) return unknown;
  try {
    return CoordinateTransform(crs, "EPSG:4326")(point);
  } catch (const UserError&) {
    return unknown;
  }
}

}  // namespace

void ConfusionPlaces::add(int reference, int produced, const Name& polygon, const Name& block, const Point& at) {
  if (produced == 0 || produced == reference) return;
  Pair& pair = pairs_[{reference, produced}];
  ++pair.pixels;
  ++pair.polygons[polygon];
  Block& place = pair.blocks[block];
  ++place.pixels, place.x += at.x, place.y += at.y;
}

std::vector<PlacedConfusion> ConfusionPlaces::result(const std::string& crs) const {
  std::vector<PlacedConfusion> list;
  for (const auto& [codes, pair] : pairs_) {
    const auto polygon = std::ranges::max_element(pair.polygons, {}, [](const auto& entry) { return entry.second; });
    const Block& block = std::ranges::max_element(pair.blocks, {}, [](const auto& entry) { return entry.second.pixels; })->second;
    const auto n = static_cast<double>(block.pixels);
    const Point middle = degrees_of({block.x / n, block.y / n}, crs);
    list.push_back({codes.first, codes.second, pair.pixels, std::ssize(pair.polygons), polygon->second, block.pixels, middle.x, middle.y});
  }
  std::ranges::stable_sort(list, std::greater{}, &PlacedConfusion::pixels);
  if (list.size() > kMostConfusions) list.resize(kMostConfusions);
  return list;
}

}  // namespace millesime
