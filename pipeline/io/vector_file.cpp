#include "pipeline/io/vector_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include <cpl_conv.h>
#include <cpl_string.h>
#include <gdal.h>
#include <gdal_alg.h>
#include <ogr_api.h>
#include <ogr_srs_api.h>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/core/utf8.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/internal/gdal_open.h"
#include "pipeline/io/internal/ogr_attributes.h"
#include "pipeline/io/internal/ogr_geometry.h"
#include "pipeline/io/layer_choice.h"

namespace millesime {
namespace {

// Signed area and first moments of a ring, relative to `origin` for numerical accuracy far from the origin of the CRS.
struct Moments {
  double area = 0, x = 0, y = 0;
};
Moments moments(const Ring& ring, const Point& origin) {
  Moments sum;
  for (std::size_t i = 0; i + 1 < ring.size(); ++i) {
    const double ax = ring[i].x - origin.x, ay = ring[i].y - origin.y, bx = ring[i + 1].x - origin.x, by = ring[i + 1].y - origin.y;
    const double cross = ax * by - bx * ay;
    sum.area += cross / 2;
    sum.x += (ax + bx) * cross / 6;
    sum.y += (ay + by) * cross / 6;
  }
  return sum;
}

Moments moments(const Feature& feature, const Point& origin) {
  Moments sum;
  for (const Polygon& part : feature.parts)
    for (std::size_t i = 0; i < part.rings.size(); ++i) {
      const Moments ring = moments(part.rings[i], origin);
      const double sign = (ring.area < 0 ? -1.0 : 1.0) * (i == 0 ? 1.0 : -1.0);  // the first ring is added, holes are subtracted
      sum.area += sign * ring.area;
      sum.x += sign * ring.x;
      sum.y += sign * ring.y;
    }
  return sum;
}

}  // namespace

Box Feature::extent() const {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Box box{infinity, infinity, -infinity, -infinity};
  for (const Polygon& part : parts)
    for (const Ring& ring : part.rings)
      for (const Point& point : ring) {
        box.min_x = std::min(box.min_x, point.x), box.max_x = std::max(box.max_x, point.x);
        box.min_y = std::min(box.min_y, point.y), box.max_y = std::max(box.max_y, point.y);
      }
  return parts.empty() ? Box{} : box;
}

Point Feature::centroid() const {
  MILLESIME_CHECK(!parts.empty(), "centroid of an empty polygon");
  const Point origin = parts[0].rings[0][0];
  const Moments sum = moments(*this, origin);
  if (sum.area == 0) return origin;
  return {origin.x + sum.x / sum.area, origin.y + sum.y / sum.area};
}

double Feature::area() const { return parts.empty() ? 0 : moments(*this, parts[0].rings[0][0]).area; }

namespace {

// Names and attributes as UTF-8. Text that is not UTF-8, although the file declares it (a wrong .cpg), is read as Windows-1252.
std::string utf8_text(const char* text) {
  if (is_utf8(text)) return text;
  char* recoded = CPLRecode(text, "CP1252", CPL_ENC_UTF8);
  std::string result = recoded ? recoded : "";
  CPLFree(recoded);
  return is_utf8(result) && !result.empty() ? result : utf8_of_bytes(text);
}

bool holds_polygons(OGRLayerH layer) {
  const OGRwkbGeometryType type = wkbFlatten(OGR_L_GetGeomType(layer));
  return type == wkbUnknown || type == wkbGeometryCollection || OGR_GT_IsSurface(type) || OGR_GT_IsSubClassOf(type, wkbMultiSurface);
}

// Without a name: the only layer of polygons, or the only layer. Tables without geometry (QGIS's layer_styles) do not count.
OGRLayerH find_layer(GDALDatasetH dataset, const std::string& path, const LayerChoice& choice) {
  const std::string& name = choice.name;
  std::vector<OGRLayerH> all, polygons;
  std::vector<std::string> names, polygon_names;
  for (int i = 0; i < GDALDatasetGetLayerCount(dataset); ++i) {
    all.push_back(GDALDatasetGetLayer(dataset, i));
    names.push_back(utf8_text(OGR_L_GetName(all.back())));
    if (name == names.back()) return all.back();
    if (holds_polygons(all.back())) polygons.push_back(all.back()), polygon_names.push_back(names.back());
  }
  if (all.empty()) throw UserError(join_text(path, ": has no layer with features"));
  if (!name.empty()) {
    const std::string near = nearest_name(name, names);
    throw UserError(join_text(path, ": has no layer \"", name, "\"; it has ", join_list(names, ", "),
                              near.empty() ? "" : "; did you mean \"" + near + "\"?"));
  }
  if (polygons.size() == 1) return polygons[0];
  if (all.size() == 1) return all[0];
  throw UserError(join_text(path, ": holds ", polygons.empty() ? all.size() : polygons.size(), " layers (",
                            join_list(polygons.empty() ? names : polygon_names, ", "), "); ",
                            choice.option.empty() ? "copy the one that is meant into a file of its own (ogr2ogr one.gpkg FILE LAYER)"
                                                  : "choose one with the option " + choice.option));
}

}  // namespace

std::vector<std::string> field_names(OGRLayerH layer) {
  OGRFeatureDefnH definition = OGR_L_GetLayerDefn(layer);
  std::vector<std::string> names;
  for (int i = 0; i < OGR_FD_GetFieldCount(definition); ++i)
    names.push_back(utf8_text(OGR_Fld_GetNameRef(OGR_FD_GetFieldDefn(definition, i))));
  return names;
}

namespace {

void require_fields(const VectorLayer& layer, const std::vector<std::string>& required) {
  for (const std::string& field : required) {
    if (field_in_any_case(layer.fields, field) >= 0) continue;
    const std::string near = nearest_name(field, layer.fields);
    throw UserError(join_text(layer.path, ": layer \"", layer.layer, "\" has no field \"", field, "\"; ",
                              near.empty() ? "it has " : "did you mean \"" + near + "\"? It has ",
                              layer.fields.empty() ? "none" : join_list(layer.fields, ", ")));
  }
}

}  // namespace

int field_in_any_case(const std::vector<std::string>& fields, const std::string& name) {
  const auto exact = std::ranges::find(fields, name);
  const auto is_same = [&](const std::string& field) { return lower(field) == lower(name); };
  const auto found = exact != fields.end() ? exact : std::ranges::find_if(fields, is_same);
  const bool is_one = exact != fields.end() || std::ranges::count_if(fields, is_same) == 1;
  return is_one ? static_cast<int>(found - fields.begin()) : -1;
}

std::string attribute_text(OGRFeatureH feature, int field) {
  if (!OGR_F_IsFieldSetAndNotNull(feature, field)) return "";
  switch (OGR_Fld_GetType(OGR_F_GetFieldDefnRef(feature, field))) {
    case OFTInteger:
    case OFTInteger64: return std::to_string(OGR_F_GetFieldAsInteger64(feature, field));
    case OFTReal: {
      std::array<char, 40> digits{};
      std::snprintf(digits.data(), digits.size(), "%.15g", OGR_F_GetFieldAsDouble(feature, field));
      return digits.data();
    }
    default: return utf8_text(OGR_F_GetFieldAsString(feature, field));
  }
}

namespace {

// Transforms the points of all rings to the other reference system. False if a point cannot be transformed.
bool transform(std::vector<Polygon>& parts, const CoordinateTransform& to_target) {
  std::vector<double> x, y;
  for (const Polygon& part : parts)
    for (const Ring& ring : part.rings)
      for (const Point& point : ring) x.push_back(point.x), y.push_back(point.y);
  to_target.apply(x, y);
  if (std::ranges::any_of(x, [](double value) { return std::isnan(value); })) return false;
  std::size_t i = 0;
  for (Polygon& part : parts)
    for (Ring& ring : part.rings)
      for (Point& point : ring) point = {x[i], y[i]}, ++i;
  return true;
}

// Each part by itself, then united: what two parts have in common belongs to both. Repaired together it would lie in none.
std::vector<Polygon> mended_parts(const std::vector<Polygon>& parts) {
  std::vector<Polygon> valid;
  for (const Polygon& part : parts) {
    const GeometryHandle mended(OGR_G_MakeValid(geometry_of({part}).get()));
    if (mended) collect_polygons(mended.get(), valid);
  }
  if (parts.size() == 1 || valid.empty()) return valid;
  const GeometryHandle united(OGR_G_UnionCascaded(geometry_of(valid).get()));
  return united ? polygons_of(united.get()) : std::vector<Polygon>{};
}

// The fault of the polygons, or "" if they are valid; repairs them if possible (else none are left).
std::string mend(std::vector<Polygon>& parts) {
  const GeometryHandle geometry = geometry_of(parts);
  const GdalMessages messages;
  if (OGR_G_IsValid(geometry.get())) return "";
  std::string problem = messages.words().empty() ? "invalid geometry" : messages.words();
  parts = mended_parts(parts);
  return problem;
}

// Longitudes of a ring that crosses the 180th meridian jump by a turn; here they go on beyond it. A ring around the earth stays as it is.
void hold_together(std::vector<Polygon>& parts, const BoxesOf& degrees) {
  constexpr double kHalfTurn = 180;
  for (Polygon& part : parts)
    for (Ring& ring : part.rings) {
      Ring held = ring;
      const double start = part.rings[0][0].x;
      for (std::size_t i = 0; i < held.size(); ++i) held[i].x = degrees.near(held[i].x, i == 0 ? start : held[i - 1].x);
      const auto [west, east] = std::ranges::minmax(held, {}, &Point::x);
      if (held.front().x == held.back().x && west.x < east.x && east.x - west.x < kHalfTurn) ring = std::move(held);
    }
}

// In degrees, a turn to where the feature meets the box.
void turn_towards(std::vector<Polygon>& parts, const Box& extent, const Box& box, const BoxesOf& degrees) {
  const double by = degrees.near(extent, box).min_x - extent.min_x;
  if (by == 0) return;
  for (Polygon& part : parts)
    for (Ring& ring : part.rings)
      for (Point& point : ring) point.x += by;
}

// Only features near the box are read, whichever turn of the earth their longitudes are counted in.
void filter(OGRLayerH layer, const std::string& layer_crs, const Box& box) {
  const BoxesOf boxes(layer_crs);
  std::vector<Polygon> rectangles;
  for (const Box& b : boxes.turns(box))
    rectangles.push_back({{{{b.min_x, b.min_y}, {b.max_x, b.min_y}, {b.max_x, b.max_y}, {b.min_x, b.max_y}, {b.min_x, b.min_y}}}});
  OGREnvelope known{};
  const bool is_known = OGR_L_GetExtent(layer, &known, FALSE) == OGRERR_NONE;
  if (is_known)  // mostly one is left, which formats with an index like best
    std::erase_if(rectangles, [&](const Polygon& rectangle) {
      return !Box{known.MinX, known.MinY, known.MaxX, known.MaxY}.intersects(
          {rectangle.rings[0][0].x, rectangle.rings[0][0].y, rectangle.rings[0][2].x, rectangle.rings[0][2].y});
    });
  if (rectangles.size() > 1)
    OGR_L_SetSpatialFilter(layer, geometry_of(rectangles).get());
  else if (rectangles.size() == 1)
    OGR_L_SetSpatialFilterRect(layer, rectangles[0].rings[0][0].x, rectangles[0].rings[0][0].y, rectangles[0].rings[0][2].x,
                               rectangles[0].rings[0][2].y);
  else
    OGR_L_SetSpatialFilterRect(layer, box.min_x, box.min_y, box.max_x, box.max_y);
}

std::string kind_of(OGRGeometryH geometry) { return lower(OGRGeometryTypeToName(wkbFlatten(OGR_G_GetGeometryType(geometry)))); }

}  // namespace

namespace {

// Name, fields and reference system.
VectorLayer description_of(OGRLayerH layer, const std::string& path, const std::vector<std::string>& required_fields) {
  VectorLayer result;
  result.path = path;
  result.layer = utf8_text(OGR_L_GetName(layer));
  result.fields = field_names(layer);
  require_fields(result, required_fields);
  if (OGRSpatialReferenceH system = stated_system(OGR_L_GetSpatialRef(layer))) result.crs = canonical_crs_of(system);
  return result;
}

void require_crs(const VectorLayer& layer) {
  if (layer.crs.empty())
    throw UserError(join_text(layer.path, ": layer \"", layer.layer,
                              "\" has no coordinate reference system (a shapefile without .prj?); add one (ogr2ogr -a_srs)"));
}

}  // namespace

void require_polygons(const std::string& path, const LayerChoice& choice, const std::vector<std::string>& required_fields) {
  const GdalMessages messages;
  const DatasetHandle dataset = open_dataset(path, GDAL_OF_VECTOR);
  require_crs(description_of(find_layer(dataset.get(), path, choice), path, required_fields));
}

VectorLayer read_polygons(const std::string& path, const std::string& layer, const std::vector<std::string>& required_fields,
                          const std::string& crs, const std::optional<Box>& within) {
  return read_polygons(path, LayerChoice{layer, "layer"}, required_fields, crs, within);
}

VectorLayer read_polygons(const std::string& path, const LayerChoice& choice, const std::vector<std::string>& required_fields,
                          const std::string& crs, const std::optional<Box>& within) {
  const GdalMessages messages;
  const DatasetHandle dataset = open_dataset(path, GDAL_OF_VECTOR);
  OGRLayerH layer = find_layer(dataset.get(), path, choice);

  VectorLayer result = description_of(layer, path, required_fields);
  if (!crs.empty()) require_crs(result);
  const std::string target = crs.empty() ? result.crs : canonical_crs(crs);
  std::optional<CoordinateTransform> to_target;
  try {
    if (target != result.crs) to_target.emplace(result.crs, target);
    if (within) filter(layer, result.crs, to_target ? CoordinateTransform(target, result.crs)(*within) : *within);
  } catch (const UserError& error) {  // a local system, another planet
    throw with_context(path, error);
  }
  const BoxesOf boxes(target);

  OGR_L_ResetReading(layer);
  while (const FeatureHandle read{OGR_L_GetNextFeature(layer)}) {
    Feature feature;
    feature.id = OGR_F_GetFID(read.get());
    const std::string name = join_text("feature ", feature.id, ": ");
    OGRGeometryH geometry = OGR_F_GetGeometryRef(read.get());
    if (!geometry || OGR_G_IsEmpty(geometry)) {
      result.dropped.push_back(name + "no geometry");
      continue;
    }
    feature.parts = polygons_of(geometry);
    if (feature.parts.empty()) {
      result.dropped.push_back(join_text(name, "a ", kind_of(geometry), " without area, expected a polygon"));
      continue;
    }
    const auto read_attributes = [&] {
      for (std::size_t i = 0; i < result.fields.size(); ++i)
        feature.attributes[result.fields[i]] = attribute_text(read.get(), static_cast<int>(i));
      for (const std::string& field : required_fields)  // as it was asked for
        feature.attributes[field] = attribute_text(read.get(), field_in_any_case(result.fields, field));
    };
    if (to_target && !transform(feature.parts, *to_target)) {
      read_attributes();
      result.undefined.emplace_back(result.dropped.size(), std::move(feature));
      result.dropped.push_back(join_text(name, "reaches to where ", target, " is not defined"));
      continue;
    }
    if (boxes.in_degrees()) hold_together(feature.parts, boxes);
    if (within) turn_towards(feature.parts, feature.extent(), *within, boxes);
    const std::string problem = mend(feature.parts);
    if (feature.parts.empty()) {
      result.dropped.push_back(join_text(name, problem, "; nothing is left after repair"));
      continue;
    }
    if (!problem.empty()) result.repaired.push_back(name + problem);
    if (within && !feature.extent().intersects(*within)) continue;
    read_attributes();
    result.features.push_back(std::move(feature));
  }
  if (messages.failed())
    throw UserError(join_text(path, ": layer \"", result.layer, "\" cannot be read to its end; the file is damaged. ", messages.text()));
  return result;
}

bool meets(const Feature& feature, const Box& box) {
  if (!feature.extent().intersects(box)) return false;
  const Ring outline = {
      {box.min_x, box.min_y}, {box.max_x, box.min_y}, {box.max_x, box.max_y}, {box.min_x, box.max_y}, {box.min_x, box.min_y}};
  const GdalMessages quiet;
  return OGR_G_Intersects(geometry_of(feature.parts).get(), geometry_of({Polygon{{outline}}}).get()) != 0;
}

Raster<std::int32_t> rasterise(const std::vector<Feature>& features, const Grid& grid,
                               const std::function<std::int32_t(std::size_t)>& value) {
  std::vector<const Feature*> all;
  for (const Feature& feature : features) all.push_back(&feature);
  return rasterise(all, grid, value);
}

Raster<std::int32_t> rasterise(const std::vector<const Feature*>& features, const Grid& grid,
                               const std::function<std::int32_t(std::size_t)>& value) {
  Raster<std::int32_t> raster(grid, 0);
  if (features.empty() || grid.pixels() == 0) return raster;
  const GdalMessages messages;
  const DatasetHandle memory(GDALCreate(GDALGetDriverByName("MEM"), "", grid.cols, grid.rows, 0, GDT_Int32, nullptr));
  CPLStringList where;
  std::array<char, 64> pointer{};
  pointer[static_cast<std::size_t>(CPLPrintPointer(pointer.data(), raster.samples.data(), static_cast<int>(pointer.size()) - 1))] = 0;
  where.SetNameValue("DATAPOINTER", pointer.data());
  GDALAddBand(memory.get(), GDT_Int32, where.List());
  double transform_coefficients[6] = {grid.x0, grid.pixel_width, 0, grid.y0, 0, -grid.pixel_height};
  GDALSetGeoTransform(memory.get(), transform_coefficients);

  std::vector<GeometryHandle> shapes;
  std::vector<OGRGeometryH> geometries;
  std::vector<double> values;
  const Box extent = grid.extent();
  for (std::size_t i = 0; i < features.size(); ++i) {
    if (!features[i]->extent().intersects(extent)) continue;
    shapes.push_back(geometry_of(features[i]->parts));
    geometries.push_back(shapes.back().get());
    values.push_back(value(i));
  }
  int band = 1;
  if (!geometries.empty() && GDALRasterizeGeometries(memory.get(), 1, &band, static_cast<int>(geometries.size()), geometries.data(),
                                                     nullptr, nullptr, values.data(), nullptr, nullptr, nullptr) != CE_None)
    throw UserError(join_text("polygons cannot be rasterised on ", to_text(grid), ". ", messages.text()));
  GDALFlushCache(memory.get());
  return raster;
}

}  // namespace millesime
