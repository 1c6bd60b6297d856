#pragma once
// A map as levels of tiles inside a page: from a coarse overview to the finest level that fits a number of bytes.

#include <cstddef>
#include <string>
#include <vector>

#include "pipeline/core/nomenclature.h"

namespace millesime {

inline constexpr int kPyramidTile = 256;  // px, side; tiles at the right and lower border are smaller

struct PyramidLevel {
  int factor = 1;                  // px of the map along the side of one of this level
  int cols = 0, rows = 0;          // of the map divided by the factor, rounded up: the shapes of a GeoTIFF's overviews
  std::vector<std::string> tiles;  // row by row: 8-bit values, compressed (zlib), in base64; "" where all are 0
};

// From coarse to fine. The coarsest is always there; each finer one while all together have at most `most_bytes`.
std::vector<PyramidLevel> read_pyramid(const std::string& path, std::size_t most_bytes);
// Of a class map, with the values of class_palette() (picture.h).
std::vector<PyramidLevel> read_class_pyramid(const std::string& path, std::size_t most_bytes, const Nomenclature& nomenclature);

}  // namespace millesime
