#include "pipeline/io/internal/ogr_geometry.h"

namespace millesime {
namespace {

Ring ring_of(OGRGeometryH line) {
  Ring ring(static_cast<std::size_t>(OGR_G_GetPointCount(line)));
  for (std::size_t i = 0; i < ring.size(); ++i) {
    double z = 0;
    OGR_G_GetPoint(line, static_cast<int>(i), &ring[i].x, &ring[i].y, &z);
  }
  if (!ring.empty() && (ring.front().x != ring.back().x || ring.front().y != ring.back().y)) ring.push_back(ring.front());
  return ring;
}

}  // namespace

void collect_polygons(OGRGeometryH geometry, std::vector<Polygon>& parts) {
  constexpr std::size_t kSmallestRing = 4;  // a triangle and its first point again
  const OGRwkbGeometryType type = wkbFlatten(OGR_G_GetGeometryType(geometry));
  if (type == wkbPolygon || type == wkbTriangle) {
    Polygon polygon;
    for (int i = 0; i < OGR_G_GetGeometryCount(geometry); ++i) {
      Ring ring = ring_of(OGR_G_GetGeometryRef(geometry, i));
      if (ring.size() >= kSmallestRing)
        polygon.rings.push_back(std::move(ring));
      else if (i == 0)
        return;
    }
    if (!polygon.rings.empty()) parts.push_back(std::move(polygon));
  } else if (OGR_GT_IsSubClassOf(type, wkbGeometryCollection) || type == wkbPolyhedralSurface || type == wkbTIN) {
    for (int i = 0; i < OGR_G_GetGeometryCount(geometry); ++i) collect_polygons(OGR_G_GetGeometryRef(geometry, i), parts);
  }
}

std::vector<Polygon> polygons_of(OGRGeometryH geometry) {
  std::vector<Polygon> parts;
  if (OGR_G_HasCurveGeometry(geometry, FALSE)) {
    const GeometryHandle straight(OGR_G_GetLinearGeometry(geometry, 0, nullptr));
    if (straight) collect_polygons(straight.get(), parts);
  } else {
    collect_polygons(geometry, parts);
  }
  return parts;
}

GeometryHandle geometry_of(const std::vector<Polygon>& parts) {
  GeometryHandle all(OGR_G_CreateGeometry(wkbMultiPolygon));
  for (const Polygon& part : parts) {
    OGRGeometryH polygon = OGR_G_CreateGeometry(wkbPolygon);
    for (const Ring& ring : part.rings) {
      OGRGeometryH line = OGR_G_CreateGeometry(wkbLinearRing);
      OGR_G_SetPointCount(line, static_cast<int>(ring.size()));
      for (std::size_t i = 0; i < ring.size(); ++i) OGR_G_SetPoint_2D(line, static_cast<int>(i), ring[i].x, ring[i].y);
      OGR_G_AddGeometryDirectly(polygon, line);
    }
    OGR_G_AddGeometryDirectly(all.get(), polygon);
  }
  return all;
}

}  // namespace millesime
