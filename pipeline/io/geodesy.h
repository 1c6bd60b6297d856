#pragma once
// What a Grid is on the ellipsoid.

#include <optional>

#include "pipeline/core/grid.h"
#include "pipeline/core/pixel_areas.h"

namespace millesime {

// True areas of the grid's pixels, on the ellipsoid of its reference system. Nothing where the system has no place on the earth (a local
// one). Pixels where the system is not defined (outside of its projection's domain) have the area 0.
std::optional<PixelAreas> pixel_areas(const Grid& grid);

}  // namespace millesime
