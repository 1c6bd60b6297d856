#include "pipeline/io/sensors/item_table.h"

#include <array>
#include <cstdio>
#include <iterator>
#include <memory>
#include <type_traits>

#include <gdal.h>
#include <ogr_api.h>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/core/utf8.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/internal/storage.h"

namespace millesime {
namespace {

using nlohmann::json;

struct DropFeature {
  void operator()(OGRFeatureH feature) const { OGR_F_Destroy(feature); }
};
using RowHandle = std::unique_ptr<std::remove_pointer_t<OGRFeatureH>, DropFeature>;

constexpr const char* kAssets = "assets";

std::string readable(const char* text) { return is_utf8(text) ? std::string(text) : utf8_of_bytes(text); }

// Day and time as STAC writes them; other values as numbers, or as texts.
json value_of(OGRFeatureH feature, int field) {
  switch (OGR_Fld_GetType(OGR_F_GetFieldDefnRef(feature, field))) {
    case OFTInteger:
    case OFTInteger64: return OGR_F_GetFieldAsInteger64(feature, field);
    case OFTReal: return OGR_F_GetFieldAsDouble(feature, field);
    case OFTDate:
    case OFTDateTime: {
      int year = 0, month = 0, day = 0, hour = 0, minute = 0, zone = 0;
      float second = 0;
      OGR_F_GetFieldAsDateTimeEx(feature, field, &year, &month, &day, &hour, &minute, &second, &zone);
      std::array<char, 96> text{};
      std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, day, hour, minute, static_cast<int>(second));
      return text.data();
    }
    default: break;
  }
  std::string text = readable(OGR_F_GetFieldAsString(feature, field));
  if (text.starts_with('{') || text.starts_with('[')) {  // structures are kept as JSON
    json parsed = json::parse(text, nullptr, false);
    if (!parsed.is_discarded()) return parsed;
  }
  if (text == "true" || text == "false") return text == "true";
  return text;
}

bool is_yes_or_no(OGRFeatureH feature, int field) { return OGR_Fld_GetSubType(OGR_F_GetFieldDefnRef(feature, field)) == OFSTBoolean; }

}  // namespace

bool is_item_table(const std::string& path) {
  const std::string name = lower(path);
  for (const char* ending : {".parquet", ".geoparquet", ".gpkg", ".fgb"})
    if (name.ends_with(ending)) return true;
  return false;
}

std::vector<json> items_of_table(const std::string& path) {
  prepare_gdal();
  const std::string name = lower(path);
  if (name.ends_with("parquet") && !GDALGetDriverByName("Parquet"))
    throw UserError(join_text(path, ": this GDAL (", GDALVersionInfo("RELEASE_NAME"),
                              ") cannot read Parquet; where one can: ogr2ogr items.gpkg ", path,
                              ", and give items.gpkg; or save the search as a STAC ItemCollection (JSON)"));
  const GdalMessages messages;
  const DatasetHandle file(GDALOpenEx(path.c_str(), GDAL_OF_VECTOR, nullptr, nullptr, nullptr));
  if (!file) throw UserError(join_text(path, ": cannot be read as a table of STAC items. ", messages.text()));
  OGRLayerH layer = GDALDatasetGetLayer(file.get(), 0);
  if (!layer) throw UserError(join_text(path, ": expected a table of STAC items, got a file without a layer"));
  std::vector<json> items;
  OGR_L_ResetReading(layer);
  while (const RowHandle row{OGR_L_GetNextFeature(layer)}) {
    json item{{"properties", json::object()}, {kAssets, json::object()}};
    for (int field = 0; field < OGR_F_GetFieldCount(row.get()); ++field) {
      if (!OGR_F_IsFieldSetAndNotNull(row.get(), field)) continue;
      const std::string key = readable(OGR_Fld_GetNameRef(OGR_F_GetFieldDefnRef(row.get(), field)));
      json value = value_of(row.get(), field);
      if (is_yes_or_no(row.get(), field)) value = OGR_F_GetFieldAsInteger(row.get(), field) != 0;
      if (key == "id") {
        item["id"] = std::move(value);
      } else if (key == kAssets && value.is_object()) {
        item[kAssets] = std::move(value);
      } else if (key.starts_with("assets.")) {  // "assets.red.href": GDAL's name for a field in a structure
        const std::string rest = key.substr(7);
        const auto dot = rest.rfind('.');
        if (dot != std::string::npos) item[kAssets][rest.substr(0, dot)][rest.substr(dot + 1)] = std::move(value);
      } else {
        item["properties"][key] = std::move(value);
      }
    }
    // A product of a list of several kinds lacks the assets of the others.
    for (auto asset = item[kAssets].begin(); asset != item[kAssets].end();)
      asset = asset->is_object() && asset->contains("href") ? std::next(asset) : item[kAssets].erase(asset);
    if (item[kAssets].empty())
      throw UserError(join_text(path, ": row ", items.size() + 1,
                                ": has no assets; expected STAC items as stac-geoparquet writes them: columns id, datetime, assets"));
    items.push_back(std::move(item));
  }
  if (messages.failed())
    throw UserError(
        join_text(path, ": cannot be read to its end, ", items.size(), " items were; the file is damaged, replace it. ", messages.text()));
  if (items.empty()) throw UserError(join_text(path, ": expected STAC items, one a row, got none"));
  return items;
}

}  // namespace millesime
