#pragma once
// The pixels of a tile that reference polygons label.

#include <cstdint>
#include <vector>

#include "pipeline/core/grid.h"
#include "pipeline/imagery/reference.h"

namespace millesime {

struct LabelledPixel {
  std::int64_t pixel = 0;   // row * cols + col of the tile
  std::size_t polygon = 0;  // index in TileReference::polygons
};

// Pixels whose centre lies inside a polygon and at least erosion_m from its border, by polygon and then by position. A pixel in two
// polygons of one class counts for the first by id, which may be one beside (TileReference): then for none here; of two classes, for none:
// `of_two_classes` is raised.
std::vector<LabelledPixel> labelled_pixels(const TileReference& reference, const Grid& grid, double erosion_m,
                                           std::int64_t& of_two_classes);

}  // namespace millesime
