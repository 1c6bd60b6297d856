#pragma once
// Blocks: squares of land. Neighbouring polygons are alike, so that what is said of a place without reference is judged by whole blocks
// that nothing was learned from.

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "pipeline/core/grid.h"

namespace millesime {

inline constexpr int kFewBlocks = 5;  // up to which polygons judge instead

// The number of the square of block_km that holds a point; squares begin at the origin of the reference system.
inline std::int64_t block_of(const Point& point, double block_km, double metres_per_unit) {
  const double side = block_km * 1000 / metres_per_unit;
  const auto number = [side](double along) { return static_cast<std::int64_t>(std::floor(along / side)); };
  constexpr std::int64_t kAcross = 1 << 24;
  return number(point.y) * kAcross + number(point.x);
}

// The same of degrees: rows of squares begin at the equator, and the squares of a row at the prime meridian.
inline std::int64_t block_of_degrees(double longitude, double latitude, double block_km) {
  constexpr double kKmPerDegree = 111.32, kRadians = 3.14159265358979323846 / 180;
  const double row = std::floor(latitude * kKmPerDegree / block_km), middle = (row + 0.5) * block_km / kKmPerDegree;
  const double km_per_degree = kKmPerDegree * std::max(0.01, std::cos(middle * kRadians));
  return block_of({longitude * km_per_degree * 1000, latitude * kKmPerDegree * 1000}, block_km, 1);
}

}  // namespace millesime
