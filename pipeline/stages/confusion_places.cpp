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

double metres_of_unit(const std::string& crs) {
  constexpr double kMetresPerDegree = 111320;
  return metres_per_unit(crs).value_or(in_degrees(crs) ? kMetresPerDegree : 1);
}

void ConfusionPlaces::add(const Judged& judged) {
  if (judged.produced == 0 || judged.produced == judged.reference) return;
  Pair& pair = pairs_[{judged.reference, judged.produced}];
  ++pair.pixels, pair.hectares += judged.hectares;
  ++pair.polygons[judged.polygon];
  Block& place = pair.blocks[judged.block];
  ++place.pixels, place.hectares += judged.hectares;
  place.x += judged.at.x, place.y += judged.at.y;
}

std::vector<PlacedConfusion> ConfusionPlaces::result(const std::string& crs) const {
  const auto amount = [](const auto& of) { return std::pair(of.hectares, of.pixels); };
  std::vector<PlacedConfusion> list;
  for (const auto& [codes, pair] : pairs_) {
    const auto polygon = std::ranges::max_element(pair.polygons, {}, [](const auto& entry) { return entry.second; });
    const Block& block = std::ranges::max_element(pair.blocks, {}, [&](const auto& entry) { return amount(entry.second); })->second;
    const auto n = static_cast<double>(block.pixels);
    const Point middle = degrees_of({block.x / n, block.y / n}, crs);
    list.push_back({codes.first, codes.second, pair.pixels, std::ssize(pair.polygons), polygon->second, block.pixels, middle.x, middle.y,
                    pair.hectares});
  }
  std::ranges::stable_sort(list, std::greater{}, amount);
  if (list.size() > kMostConfusions) list.resize(kMostConfusions);
  return list;
}

}  // namespace millesime
