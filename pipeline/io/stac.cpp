#include "pipeline/io/stac.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>

#include <ogr_srs_api.h>

#include "pipeline/core/error.h"
#include "pipeline/core/sha256.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/internal/gdal_call.h"

namespace millesime {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kExtensions[] = {
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",     "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json", "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
};

constexpr int kPointsPerSide = 8;                 // the edges of a projected map are curves in longitude and latitude
constexpr const char* kSha256Multihash = "1220";  // code of SHA-256, then its 32 bytes

std::vector<Point> outline(const Grid& grid) {  // counter-clockwise as GeoJSON requires, closed
  const auto [x0, y0, x1, y1] = grid.extent();
  const Point corners[] = {{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}};
  const CoordinateTransform to_wgs84(grid.crs, "EPSG:4326");
  std::vector<Point> points;
  for (int side = 0; side < 4; ++side)
    for (int i = 0; i < kPointsPerSide; ++i) {
      const Point &a = corners[side], &b = corners[(side + 1) % 4];
      const double t = static_cast<double>(i) / kPointsPerSide;
      points.push_back(to_wgs84(Point{a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)}));
    }
  points.push_back(points.front());
  return points;
}

// A name that programs can use: letters, digits, - and _ (classification extension).
std::string plain_name(const LandClass& c) {
  std::string name;
  for (const char letter : c.name_en.empty() ? c.alias : c.name_en) {
    const bool plain = std::isalnum(static_cast<unsigned char>(letter)) && static_cast<unsigned char>(letter) < 128;
    if (plain)
      name += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    else if (!name.empty() && name.back() != '_')
      name += '_';
  }
  while (name.ends_with('_')) name.pop_back();
  return name.empty() ? "class_" + std::to_string(c.code) : name;
}

Json classes_json(const Nomenclature& nomenclature) {
  Json classes = Json::array({{{"value", 0}, {"name", "no_data"}, {"title", "No data"}, {"nodata", true}}});
  std::map<std::string, int> times;
  for (const LandClass& c : nomenclature.classes) {
    std::string name = plain_name(c);
    if (++times[name] > 1) name += "_" + std::to_string(c.code);
    std::string hex = c.color.hex().substr(1);
    std::ranges::transform(hex, hex.begin(), [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
    Json entry = {{"value", c.code}, {"name", name}, {"title", c.name}};
    if (!c.name_en.empty() && c.name_en != c.name) entry["description"] = c.name_en;
    entry["color_hint"] = hex;
    classes.push_back(entry);
  }
  return classes;
}

Json band_json(const StacBand& band) {
  Json json = {{"name", band.name}, {"description", band.description}, {"data_type", "uint8"}, {"nodata", 0}};
  if (!band.unit.empty()) json["unit"] = band.unit;
  if (band.classes)
    json["classification:classes"] = classes_json(*band.classes);
  else
    json["statistics"] = {{"minimum", band.minimum}, {"maximum", band.maximum}, {"mean", band.mean}};
  return json;
}

}  // namespace

std::optional<double> metres_per_unit(const std::string& crs) {
  prepare_gdal();
  const GdalMessages messages;
  OGRSpatialReferenceH system = OSRNewSpatialReference(nullptr);
  const bool projected = OSRSetFromUserInput(system, crs.c_str()) == OGRERR_NONE && OSRIsProjected(system);
  const double metres = projected ? OSRGetLinearUnits(system, nullptr) : 0;
  OSRRelease(system);
  return projected ? std::optional(metres) : std::nullopt;
}

Json stac_item(const StacItem& item, const std::string& folder) {
  const Grid& grid = item.grid;
  Json ring = Json::array();
  Box bounds{180, 90, -180, -90};
  for (const Point& p : outline(grid)) {
    ring.push_back({p.x, p.y});
    bounds = {std::min(bounds.min_x, p.x), std::min(bounds.min_y, p.y), std::max(bounds.max_x, p.x), std::max(bounds.max_y, p.y)};
  }
  const Box box = grid.extent();
  const std::optional<double> metres = metres_per_unit(grid.crs);

  Json properties = {{"title", item.title},
                     {"description", item.description},
                     {"datetime", nullptr},
                     {"start_datetime", item.start + "T00:00:00Z"},
                     {"end_datetime", item.end + "T23:59:59Z"},
                     {"license", item.licence}};
  if (metres) properties["gsd"] = grid.pixel_width * *metres;
  const bool has_code = grid.crs.starts_with("EPSG:");
  properties["proj:code"] = has_code ? Json(grid.crs) : Json();
  if (!has_code) properties["proj:wkt2"] = grid.crs;
  properties["proj:bbox"] = {box.min_x, box.min_y, box.max_x, box.max_y};
  properties["proj:shape"] = {grid.rows, grid.cols};
  properties["proj:transform"] = {grid.pixel_width, 0, grid.x0, 0, -grid.pixel_height, grid.y0};
  properties["processing:level"] = item.level;
  properties["processing:lineage"] = item.lineage;
  properties["processing:software"] = {{"millesime", item.software_version}};

  Json assets = Json::object();
  for (const StacAsset& asset : item.assets) {
    const std::string path = folder + "/" + asset.file;
    Json json = {{"href", "./" + asset.file}, {"title", asset.title}, {"type", asset.media_type}, {"roles", asset.roles}};
    if (asset.band) {
      if (metres) json["raster:spatial_resolution"] = grid.pixel_width * *metres;
      json["raster:sampling"] = "area";
      json["bands"] = Json::array({band_json(*asset.band)});
    }
    json["file:size"] = std::filesystem::file_size(path);
    json["file:checksum"] = kSha256Multihash + sha256_of_file(path);
    assets[asset.key] = json;
  }
  return {{"type", "Feature"},
          {"stac_version", "1.1.0"},
          {"stac_extensions", kExtensions},
          {"id", item.id},
          {"geometry", {{"type", "Polygon"}, {"coordinates", Json::array({ring})}}},
          {"bbox", {bounds.min_x, bounds.min_y, bounds.max_x, bounds.max_y}},
          {"properties", properties},
          {"links", Json::array()},
          {"assets", assets}};
}

}  // namespace millesime
