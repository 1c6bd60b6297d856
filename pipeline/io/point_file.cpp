#include "pipeline/io/point_file.h"

#include <algorithm>
#include <filesystem>

#include <cpl_conv.h>
#include <gdal.h>
#include <ogr_api.h>
#include <ogr_srs_api.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/internal/gdal_open.h"
#include "pipeline/io/internal/ogr_attributes.h"
#include "pipeline/io/internal/ogr_geometry.h"

namespace millesime {
namespace {

void write_layer(GDALDatasetH dataset, OGRSpatialReferenceH system, const PointLayer& table, const std::string& path,
                 const GdalMessages& messages) {
  const auto check = [&](bool good) {
    if (!good || messages.failed())
      throw UserError(join_text(path, ": cannot be written; is the disk full? The previous file is kept. ", messages.text()));
  };
  const OGRwkbGeometryType type = !table.points.empty() ? wkbPoint : !table.polygons.empty() ? wkbMultiPolygon : wkbNone;
  OGRLayerH layer = GDALDatasetCreateLayer(dataset, table.name.c_str(), type == wkbNone ? nullptr : system, type, nullptr);
  check(layer != nullptr);
  for (std::size_t i = 0; i < table.fields.size(); ++i) {
    OGRFieldDefnH field = OGR_Fld_Create(table.fields[i].c_str(), table.rows.empty() ? OFTString : field_type(table.rows[0].at(i)));
    const OGRErr created = OGR_L_CreateField(layer, field, FALSE);
    OGR_Fld_Destroy(field);
    check(created == OGRERR_NONE);
  }
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    const FeatureHandle feature(OGR_F_Create(OGR_L_GetLayerDefn(layer)));
    for (std::size_t i = 0; i < table.fields.size(); ++i) set_attribute(feature.get(), static_cast<int>(i), table.rows[row].at(i));
    if (type == wkbMultiPolygon) OGR_F_SetGeometryDirectly(feature.get(), geometry_of({table.polygons.at(row)}).release());
    if (type == wkbPoint) {
      OGRGeometryH point = OGR_G_CreateGeometry(wkbPoint);
      OGR_G_SetPoint_2D(point, 0, table.points.at(row).x, table.points.at(row).y);
      OGR_F_SetGeometryDirectly(feature.get(), point);
    }
    check(OGR_L_CreateFeature(layer, feature.get()) == OGRERR_NONE);
  }
}

OGRLayerH layer_of(GDALDatasetH dataset, const std::string& path, const std::string& name) {
  if (name.empty()) {
    if (GDALDatasetGetLayerCount(dataset) == 0) throw UserError(join_text(path, ": has no layer with features"));
    return GDALDatasetGetLayer(dataset, 0);
  }
  std::vector<std::string> names;
  for (int i = 0; i < GDALDatasetGetLayerCount(dataset); ++i) {
    OGRLayerH layer = GDALDatasetGetLayer(dataset, i);
    names.emplace_back(OGR_L_GetName(layer));
    if (names.back() == name) return layer;
  }
  throw UserError(join_text(path, ": has no layer \"", name, "\"; it has ", names.empty() ? "none" : join_list(names, ", ")));
}

}  // namespace

void require_geopackage(const std::string& path) {
  if (lower(std::filesystem::path(path).extension().string()) != ".gpkg")
    throw UserError(join_text(path, ": holds several layers; expected a GeoPackage, .gpkg"));
}

void write_point_layers(const std::string& path, const std::string& crs, const std::vector<PointLayer>& layers) {
  require_geopackage(path);
  prepare_gdal();
  AtomicFile file(path);
  {
    const GdalMessages messages;
    const SystemHandle system = make_system(crs);
    DatasetHandle dataset(GDALCreate(GDALGetDriverByName("GPKG"), file.temporary().c_str(), 0, 0, 0, GDT_Unknown, nullptr));
    if (!dataset) throw UserError(join_text(path, ": cannot be written. ", messages.text()));
    for (const PointLayer& layer : layers) write_layer(dataset.get(), system.get(), layer, path, messages);
    dataset.reset();
    if (messages.failed()) throw UserError(join_text(path, ": cannot be written; is the disk full? ", messages.text()));
  }
  file.commit();
}

bool has_layer(const std::string& path, const std::string& layer) {
  const GdalMessages messages;
  const DatasetHandle dataset = open_dataset(path, GDAL_OF_VECTOR);
  for (int i = 0; i < GDALDatasetGetLayerCount(dataset.get()); ++i)
    if (OGR_L_GetName(GDALDatasetGetLayer(dataset.get(), i)) == layer) return true;
  return false;
}

bool holds_points(const std::string& path, const std::string& layer_name) {
  const GdalMessages messages;
  const DatasetHandle dataset = open_dataset(path, GDAL_OF_VECTOR);
  OGRLayerH layer = layer_of(dataset.get(), path, layer_name);
  OGRwkbGeometryType type = wkbFlatten(OGR_L_GetGeomType(layer));
  if (type == wkbUnknown) {  // a format without a type a layer: that of the first feature
    OGR_L_ResetReading(layer);
    const FeatureHandle first(OGR_L_GetNextFeature(layer));
    OGRGeometryH geometry = first ? OGR_F_GetGeometryRef(first.get()) : nullptr;
    if (geometry) type = wkbFlatten(OGR_G_GetGeometryType(geometry));
  }
  return type == wkbPoint || type == wkbMultiPoint;
}

std::vector<PointRow> read_points(const std::string& path, const std::string& layer_name, const std::vector<std::string>& required_fields,
                                  const std::string& crs) {
  const GdalMessages messages;
  const DatasetHandle dataset = open_dataset(path, GDAL_OF_VECTOR);
  OGRLayerH layer = layer_of(dataset.get(), path, layer_name);
  const std::vector<std::string> fields = field_names(layer);
  for (const std::string& field : required_fields)
    if (field_in_any_case(fields, field) < 0)
      throw UserError(join_text(path, ": layer \"", OGR_L_GetName(layer), "\" has no field \"", field, "\"; it has ",
                                fields.empty() ? "none" : join_list(fields, ", ")));
  std::vector<PointRow> rows;
  std::vector<double> x, y;
  OGR_L_ResetReading(layer);
  while (const FeatureHandle feature{OGR_L_GetNextFeature(layer)}) {
    PointRow row;
    row.id = OGR_F_GetFID(feature.get());
    for (std::size_t i = 0; i < fields.size(); ++i) row.attributes[fields[i]] = attribute_text(feature.get(), static_cast<int>(i));
    for (const std::string& field : required_fields)
      row.attributes[field] = attribute_text(feature.get(), field_in_any_case(fields, field));
    OGRGeometryH geometry = OGR_F_GetGeometryRef(feature.get());
    if (geometry && !OGR_G_IsEmpty(geometry)) {
      const OGRwkbGeometryType type = wkbFlatten(OGR_G_GetGeometryType(geometry));
      if (type == wkbMultiPoint && OGR_G_GetGeometryCount(geometry) == 1) geometry = OGR_G_GetGeometryRef(geometry, 0);
      if (wkbFlatten(OGR_G_GetGeometryType(geometry)) != wkbPoint)
        throw UserError(join_text(path, ": feature ", row.id, " is a ", lower(OGRGeometryTypeToName(type)), ", expected a point"));
      row.point = Point{OGR_G_GetX(geometry, 0), OGR_G_GetY(geometry, 0)};
      x.push_back(row.point->x), y.push_back(row.point->y);
    }
    rows.push_back(std::move(row));
  }
  if (messages.failed()) throw UserError(join_text(path, ": cannot be read to its end; the file is damaged. ", messages.text()));
  OGRSpatialReferenceH system = stated_system(OGR_L_GetSpatialRef(layer));
  if (x.empty() || crs.empty()) return rows;
  if (!system) throw UserError(join_text(path, ": has no coordinate reference system; add one (ogr2ogr -a_srs)"));
  const std::string own = canonical_crs_of(system), target = canonical_crs(crs);
  if (own == target) return rows;
  CoordinateTransform(own, target).apply(x, y);
  std::size_t i = 0;
  for (PointRow& row : rows)
    if (row.point) row.point = Point{x[i], y[i]}, ++i;
  return rows;
}

}  // namespace millesime
