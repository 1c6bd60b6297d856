#pragma once
// Vertices of a coverage: whole numbers, so that every test of what crosses what is exact.
//
// A coverage is a set of polygons that tile the plane (ISO 19123, "discrete surface coverage"): neighbours share their borders, vertex by
// vertex. Here it is made from a raster of labels. Coordinates count 1/4096 of a pixel from the map's upper left corner, x to the east and
// y to the south. A pixel side of a whole number of metres times a power of two gives map coordinates without rounding.

#include <cstdint>
#include <vector>

namespace millesime {

inline constexpr int kVertexBits = 12;
inline constexpr std::int32_t kPixel = 1 << kVertexBits;  // vertex units in the side of a pixel
inline constexpr int kLargestSide = (1 << 30) / kPixel;   // of a map, px
inline constexpr int kCoverageBlock = 256;                // px; see coverage_block.h

struct Vertex {
  std::int32_t x = 0, y = 0;
  bool operator==(const Vertex&) const = default;
};

// Twice the area of the triangle a, b, c; positive where c lies on the right of a -> b on a map with north up (y is south).
inline std::int64_t cross(const Vertex& a, const Vertex& b, const Vertex& c) {
  return (std::int64_t{b.x} - a.x) * (std::int64_t{c.y} - a.y) - (std::int64_t{b.y} - a.y) * (std::int64_t{c.x} - a.x);
}

// A vertex as one number, for sorting and sets.
inline std::uint64_t key_of(const Vertex& v) {
  return std::uint64_t{static_cast<std::uint32_t>(v.x)} << 32 | static_cast<std::uint32_t>(v.y);
}

}  // namespace millesime
