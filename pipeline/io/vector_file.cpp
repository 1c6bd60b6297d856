#include "pipeline/io/vector_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>

#include <cpl_conv.h>
#include <cpl_string.h>
#include <gdal.h>
#include <gdal_alg.h>
#include <ogr_api.h>
#include <ogr_srs_api.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/internal/gdal_call.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

struct DestroyGeometry {
  void operator()(void* geometry) const { OGR_G_DestroyGeometry(static_cast<OGRGeometryH>(geometry)); }
};
using GeometryHandle = std::unique_ptr<void, DestroyGeometry>;

struct DestroyFeature {
  void operator()(void* feature) const { OGR_F_Destroy(static_cast<OGRFeatureH>(feature)); }
};
using FeatureHandle = std::unique_ptr<void, DestroyFeature>;

struct ReleaseSystem {
  void operator()(void* system) const { OSRRelease(static_cast<OGRSpatialReferenceH>(system)); }
};
using SystemHandle = std::unique_ptr<void, ReleaseSystem>;

// Between OGR geometries and ours.

Ring ring_of(OGRGeometryH line) {
  Ring ring(static_cast<std::size_t>(OGR_G_GetPointCount(line)));
  for (std::size_t i = 0; i < ring.size(); ++i) {
    double z = 0;
    OGR_G_GetPoint(line, static_cast<int>(i), &ring[i].x, &ring[i].y, &z);
  }
  if (!ring.empty() && (ring.front().x != ring.back().x || ring.front().y != ring.back().y)) ring.push_back(ring.front());
  return ring;
}

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

// Signed area and first moments of a ring, relative to `origin` so that metres far from the origin keep their digits.
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
      const double sign = (ring.area < 0 ? -1.0 : 1.0) * (i == 0 ? 1.0 : -1.0);  // the first ring counts, holes are taken away
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
  MILLESIME_CHECK(!parts.empty(), "centroid of nothing");
  const Point origin = parts[0].rings[0][0];
  const Moments sum = moments(*this, origin);
  if (sum.area == 0) return origin;
  return {origin.x + sum.x / sum.area, origin.y + sum.y / sum.area};
}

double Feature::area() const { return parts.empty() ? 0 : moments(*this, parts[0].rings[0][0]).area; }

// Reading.

namespace {

OGRLayerH find_layer(GDALDatasetH dataset, const std::string& path, const std::string& name) {
  std::vector<std::string> names;
  for (int i = 0; i < GDALDatasetGetLayerCount(dataset); ++i) names.emplace_back(OGR_L_GetName(GDALDatasetGetLayer(dataset, i)));
  if (names.empty()) throw UserError(join_text(path, ": holds no layer of features"));
  if (name.empty() && names.size() > 1)
    throw UserError(
        join_text(path, ": holds ", names.size(), " layers (", join_list(names, ", "), "); say which one to use (option layer)"));
  if (name.empty()) return GDALDatasetGetLayer(dataset, 0);
  if (OGRLayerH layer = GDALDatasetGetLayerByName(dataset, name.c_str())) return layer;
  throw UserError(join_text(path, ": has no layer \"", name, "\"; it has ", join_list(names, ", ")));
}

std::vector<std::string> field_names(OGRLayerH layer) {
  OGRFeatureDefnH definition = OGR_L_GetLayerDefn(layer);
  std::vector<std::string> names;
  for (int i = 0; i < OGR_FD_GetFieldCount(definition); ++i) names.emplace_back(OGR_Fld_GetNameRef(OGR_FD_GetFieldDefn(definition, i)));
  return names;
}

void require_fields(const VectorLayer& layer, const std::vector<std::string>& required) {
  for (const std::string& field : required) {
    if (std::ranges::find(layer.fields, field) != layer.fields.end()) continue;
    const std::string near = nearest_name(field, layer.fields);
    throw UserError(join_text(layer.path, ": layer \"", layer.layer, "\" has no field \"", field, "\"; ",
                              near.empty() ? "" : "did you mean \"" + near + "\"? ", "It has ",
                              layer.fields.empty() ? "none" : join_list(layer.fields, ", ")));
  }
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
    default: return OGR_F_GetFieldAsString(feature, field);
  }
}

// Points of all rings, moved to the other reference system. False when one has no image there.
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

// What is wrong with the polygons, or "" when nothing is; mends them where possible (else nothing is left).
std::string mend(std::vector<Polygon>& parts) {
  const GeometryHandle geometry = geometry_of(parts);
  const GdalMessages messages;
  if (OGR_G_IsValid(geometry.get())) return "";
  std::string problem = messages.words().empty() ? "invalid geometry" : messages.words();
  const GeometryHandle mended(OGR_G_MakeValid(geometry.get()));
  parts.clear();
  if (mended) collect_polygons(mended.get(), parts);
  return problem;
}

std::string kind_of(OGRGeometryH geometry) { return lower(OGRGeometryTypeToName(wkbFlatten(OGR_G_GetGeometryType(geometry)))); }

}  // namespace

VectorLayer read_polygons(const std::string& path, const std::string& layer_name, const std::vector<std::string>& required_fields,
                          const std::string& crs, const std::optional<Box>& within) {
  const GdalMessages messages;
  const DatasetHandle dataset(
      GDALOpenEx(path.c_str(), GDAL_OF_VECTOR | GDAL_OF_READONLY | GDAL_OF_VERBOSE_ERROR, nullptr, nullptr, nullptr));
  if (!dataset) throw UserError(join_text(path, ": cannot be opened as a vector file. ", messages.text()));
  OGRLayerH layer = find_layer(dataset.get(), path, layer_name);

  VectorLayer result;
  result.path = path;
  result.layer = OGR_L_GetName(layer);
  result.fields = field_names(layer);
  require_fields(result, required_fields);
  if (OGRSpatialReferenceH system = OGR_L_GetSpatialRef(layer)) result.crs = canonical_crs_of(system);
  if (result.crs.empty() && !crs.empty())
    throw UserError(join_text(path, ": layer \"", result.layer,
                              "\" has no coordinate reference system (a shapefile without .prj?); give it one (ogr2ogr -a_srs)"));
  const std::string target = crs.empty() ? result.crs : canonical_crs(crs);
  std::optional<CoordinateTransform> to_target;
  if (target != result.crs) to_target.emplace(result.crs, target);
  if (within) {
    const Box box = to_target ? CoordinateTransform(target, result.crs)(*within) : *within;
    OGR_L_SetSpatialFilterRect(layer, box.min_x, box.min_y, box.max_x, box.max_y);
  }

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
    if (to_target && !transform(feature.parts, *to_target)) {
      result.dropped.push_back(join_text(name, "lies where ", target, " is not defined"));
      continue;
    }
    const std::string problem = mend(feature.parts);
    if (feature.parts.empty()) {
      result.dropped.push_back(join_text(name, problem, "; nothing is left after repair"));
      continue;
    }
    if (!problem.empty()) result.repaired.push_back(name + problem);
    if (within && !feature.extent().intersects(*within)) continue;
    for (std::size_t i = 0; i < result.fields.size(); ++i)
      feature.attributes[result.fields[i]] = attribute_text(read.get(), static_cast<int>(i));
    result.features.push_back(std::move(feature));
  }
  if (messages.failed())
    throw UserError(join_text(path, ": layer \"", result.layer, "\" cannot be read to its end; the file is damaged. ", messages.text()));
  return result;
}

Raster<std::int32_t> rasterise(const std::vector<Feature>& features, const Grid& grid,
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
    if (!features[i].extent().intersects(extent)) continue;
    shapes.push_back(geometry_of(features[i].parts));
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

// Writing.

namespace {

const char* driver_for(const std::string& path) {
  const std::string extension = lower(fs::path(path).extension().string());
  if (extension == ".gpkg") return "GPKG";
  if (extension == ".shp") return "ESRI Shapefile";
  if (extension == ".geojson" || extension == ".json") return "GeoJSON";
  if (extension == ".fgb") return "FlatGeobuf";
  throw UserError(join_text(path, ": unknown vector format \"", extension, "\"; expected .gpkg, .shp, .geojson or .fgb"));
}

OGRFieldType field_type(const Attribute& attribute) {
  if (std::holds_alternative<std::int64_t>(attribute)) return OFTInteger64;
  return std::holds_alternative<double>(attribute) ? OFTReal : OFTString;
}

void set_attribute(OGRFeatureH feature, int field, const Attribute& attribute) {
  if (const auto* integer = std::get_if<std::int64_t>(&attribute))
    OGR_F_SetFieldInteger64(feature, field, *integer);
  else if (const auto* real = std::get_if<double>(&attribute))
    OGR_F_SetFieldDouble(feature, field, *real);
  else
    OGR_F_SetFieldString(feature, field, std::get<std::string>(attribute).c_str());
}

void write_layer(const std::string& file, const std::string& path, const std::string& layer_name, const std::string& crs,
                 const std::vector<std::string>& fields, const std::vector<OutputFeature>& features) {
  const GdalMessages messages;
  const auto check = [&](bool good) {
    if (!good || messages.failed())
      throw UserError(join_text(path, ": cannot be written; is the disk full? The file that was there before is kept. ", messages.text()));
  };
  const SystemHandle system(OSRNewSpatialReference(nullptr));
  OSRSetAxisMappingStrategy(system.get(), OAMS_TRADITIONAL_GIS_ORDER);
  if (OSRSetFromUserInput(system.get(), crs.c_str()) != OGRERR_NONE)
    throw UserError(join_text(path, ": coordinate reference system \"", crs, "\" is not understood. ", messages.text()));
  const std::string driver = driver_for(path);
  DatasetHandle dataset(GDALCreate(GDALGetDriverByName(driver.c_str()), file.c_str(), 0, 0, 0, GDT_Unknown, nullptr));
  check(dataset != nullptr);
  CPLStringList creation;
  if (driver == "ESRI Shapefile") {
    creation.SetNameValue("ENCODING", "UTF-8");
    creation.SetNameValue("DBF_DATE_LAST_UPDATE", "2000-01-01");
  }
  OGRLayerH layer = GDALDatasetCreateLayer(dataset.get(), layer_name.c_str(), system.get(),
                                           driver == "ESRI Shapefile" ? wkbPolygon : wkbMultiPolygon, creation.List());
  check(layer != nullptr);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const OGRFieldType type = features.empty() ? OFTString : field_type(features[0].attributes.at(i));
    OGRFieldDefnH field = OGR_Fld_Create(fields[i].c_str(), type);
    const OGRErr created = OGR_L_CreateField(layer, field, FALSE);
    OGR_Fld_Destroy(field);
    check(created == OGRERR_NONE);
  }
  const bool transaction =
      GDALDatasetTestCapability(dataset.get(), ODsCTransactions) && GDALDatasetStartTransaction(dataset.get(), FALSE) == OGRERR_NONE;
  for (const OutputFeature& feature : features) {
    MILLESIME_CHECK(feature.attributes.size() == fields.size(), path, ": ", feature.attributes.size(), " attributes for ", fields.size(),
                    " fields");
    const FeatureHandle written(OGR_F_Create(OGR_L_GetLayerDefn(layer)));
    for (std::size_t i = 0; i < fields.size(); ++i) set_attribute(written.get(), static_cast<int>(i), feature.attributes[i]);
    OGR_F_SetGeometryDirectly(written.get(), geometry_of(feature.parts).release());
    check(OGR_L_CreateFeature(layer, written.get()) == OGRERR_NONE);
  }
  if (transaction) check(GDALDatasetCommitTransaction(dataset.get()) == OGRERR_NONE);
  dataset.reset();
  check(true);
}

// A hidden folder beside the result that goes away with everything in it.
class WorkFolder {
 public:
  explicit WorkFolder(const std::string& path) {
    const fs::path parent = fs::path(path).parent_path().empty() ? fs::path(".") : fs::path(path).parent_path();
    std::error_code error;
    fs::create_directories(parent, error);
    std::string name = (parent / ".partial-XXXXXX").string();
    if (error || !::mkdtemp(name.data()))
      throw UserError(join_text(parent.string(), ": cannot make a folder there: ", error ? error.message() : std::strerror(errno)));
    folder_ = name;
  }
  ~WorkFolder() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  const fs::path& folder() const { return folder_; }

 private:
  fs::path folder_;
};

void write_shapefile(const std::string& path, const std::string& crs, const std::vector<std::string>& fields,
                     const std::vector<OutputFeature>& features) {
  constexpr std::size_t kLongestName = 10;
  for (const std::string& field : fields)
    if (field.size() > kLongestName)
      throw UserError(join_text(path, ": the field name \"", field, "\" is too long for a shapefile (at most ", kLongestName,
                                " characters); shorten it or write .gpkg"));
  const WorkFolder work(path);
  const fs::path target(path);
  const std::string stem = target.stem().string();
  write_layer((work.folder() / (stem + ".shp")).string(), path, stem, crs, fields, features);
  for (const char* extension : {".cpg", ".prj", ".dbf", ".shx", ".shp"}) {  // whoever sees the new .shp finds its parts in place
    const fs::path part = work.folder() / (stem + extension);
    if (!fs::exists(part)) continue;
    fs::path final_part = target;
    AtomicFile file(final_part.replace_extension(extension).string());
    if (std::rename(part.c_str(), file.temporary().c_str()) != 0)
      throw UserError(join_text(file.path(), ": cannot be put in place: ", std::strerror(errno)));
    file.commit();
  }
}

}  // namespace

void write_polygons(const std::string& path, const std::string& layer, const std::string& crs, const std::vector<std::string>& fields,
                    const std::vector<OutputFeature>& features) {
  if (std::string(driver_for(path)) == "ESRI Shapefile") return write_shapefile(path, crs, fields, features);
  AtomicFile file(path);
  write_layer(file.temporary(), path, layer, crs, fields, features);
  file.commit();
}

}  // namespace millesime
