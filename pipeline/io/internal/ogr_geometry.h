#pragma once
// Inside pipeline/io only: converts between OGR's geometries and those of vector_file.h.

#include <memory>
#include <vector>

#include <ogr_api.h>

#include "pipeline/io/vector_file.h"

namespace millesime {

struct DestroyGeometry {
  void operator()(void* geometry) const { OGR_G_DestroyGeometry(static_cast<OGRGeometryH>(geometry)); }
};
using GeometryHandle = std::unique_ptr<void, DestroyGeometry>;

struct DestroyFeature {
  void operator()(void* feature) const { OGR_F_Destroy(static_cast<OGRFeatureH>(feature)); }
};
using FeatureHandle = std::unique_ptr<void, DestroyFeature>;

// Adds the polygons of a geometry without curves, also of those inside collections. Rings of fewer than three corners are left out.
void collect_polygons(OGRGeometryH geometry, std::vector<Polygon>& parts);
// The same for any geometry: curves become lines. Empty if it has no area.
std::vector<Polygon> polygons_of(OGRGeometryH geometry);

// A multipolygon.
GeometryHandle geometry_of(const std::vector<Polygon>& parts);

}  // namespace millesime
