// Writes vector files; pipeline/io/vector_file.h documents the formats.

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <cpl_string.h>
#include <gdal.h>
#include <ogr_api.h>
#include <ogr_srs_api.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/internal/ogr_attributes.h"
#include "pipeline/io/internal/ogr_geometry.h"
#include "pipeline/io/internal/vector_format.h"
#include "pipeline/io/internal/work_folder.h"
#include "pipeline/io/vector_file.h"
#include "pipeline/io/vector_output.h"

namespace millesime {
namespace fs = std::filesystem;

OGRFieldType field_type(const Attribute& attribute) {
  if (std::holds_alternative<std::int64_t>(attribute)) return OFTInteger64;
  return std::holds_alternative<double>(attribute) ? OFTReal : OFTString;
}

void set_attribute(OGRFeatureH feature, int field, const Attribute& attribute) {
  if (const auto* integer = std::get_if<std::int64_t>(&attribute))
    OGR_F_SetFieldInteger64(feature, field, *integer);
  else if (const auto* real = std::get_if<double>(&attribute))
    std::isnan(*real) ? OGR_F_SetFieldNull(feature, field) : OGR_F_SetFieldDouble(feature, field, *real);
  else
    OGR_F_SetFieldString(feature, field, std::get<std::string>(attribute).c_str());
}

namespace {

constexpr VectorFormat kTableFormats[] = {{"gpkg", "GPKG", "GeoPackage"},         {"fgb", "FlatGeobuf", "FlatGeobuf"},
                                          {"shp", "ESRI Shapefile", "shapefile"}, {"geojson", "GeoJSON", "GeoJSON"},
                                          {"json", "GeoJSON", "GeoJSON"},         {"parquet", "Parquet", "GeoParquet"}};

const char* driver_for(const std::string& path) { return format_of(path, kTableFormats).driver; }

void write_layer(const std::string& file, const std::string& path, const std::string& layer_name, const std::string& crs,
                 const std::vector<std::string>& fields, const std::vector<OutputFeature>& features) {
  const GdalMessages messages;
  const auto check = [&](bool good) {
    if (!good || messages.failed())
      throw UserError(join_text(path, ": cannot be written; is the disk full? The previous file is kept. ", messages.text()));
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
  write_layer((fs::path(work.folder()) / (stem + ".shp")).string(), path, stem, crs, fields, features);
  for (const char* extension : {".cpg", ".prj", ".dbf", ".shx", ".shp"}) {  // when the new .shp appears, its parts are complete
    const fs::path part = fs::path(work.folder()) / (stem + extension);
    if (!fs::exists(part)) continue;
    fs::path final_part = target;
    AtomicFile file(final_part.replace_extension(extension).string());
    if (std::rename(part.c_str(), file.temporary().c_str()) != 0)
      throw UserError(join_text(file.path(), ": cannot be renamed to its final name: ", std::strerror(errno)));
    file.commit();
  }
}

}  // namespace

void require_vector_format(const std::string& path) { require_writable(path, format_of(path, kTableFormats), kTableFormats); }

void write_polygons(const std::string& path, const std::string& layer, const std::string& crs, const std::vector<std::string>& fields,
                    const std::vector<OutputFeature>& features) {
  require_vector_format(path);
  if (std::string(driver_for(path)) == "ESRI Shapefile") return write_shapefile(path, crs, fields, features);
  AtomicFile file(path);
  write_layer(file.temporary(), path, layer, crs, fields, features);
  file.commit();
}

}  // namespace millesime
