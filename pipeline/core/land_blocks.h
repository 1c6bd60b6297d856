#pragma once
// Blocks: squares of land. Neighbouring polygons are alike, so that what is said of a place without reference is judged by whole blocks
// that nothing was learned from.

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

}  // namespace millesime
