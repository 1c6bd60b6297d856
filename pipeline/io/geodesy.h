#pragma once
// What a Grid is on the ellipsoid.

#include <optional>

#include "pipeline/core/grid.h"
#include "pipeline/core/pixel_areas.h"

namespace millesime {

// True areas of the grid's pixels, on the ellipsoid of its reference system. Nothing where the system has no place on the earth (a local
// one). Pixels where the system is not defined (outside of its projection's domain) have the area 0.
std::optional<PixelAreas> pixel_areas(const Grid& grid);

// Metres that a pixel of the grid is wide and high: of a projected system its size in metres, of longitude and latitude that on the
// ellipsoid in the middle of the grid. A system without a place on the earth counts in metres.
struct PixelMetres {
  double across = 1, down = 1;
};
PixelMetres pixel_metres(const Grid& grid);

}  // namespace millesime
