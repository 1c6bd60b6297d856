#include "pipeline/io/stac.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <map>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/checksum.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/sha256.h"
#include "pipeline/io/coordinates.h"

namespace millesime {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr const char* kVersion = "1.1.0";

constexpr const char* kExtensions[] = {
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",     "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json", "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",     "https://stac-extensions.github.io/version/v1.2.0/schema.json",
};

constexpr int kPointsPerSide = 8;                 // the edges of a projected map are curves in longitude and latitude
constexpr double kTurn = 360, kHalfTurn = 180;    // degrees
constexpr const char* kSha256Multihash = "1220";  // code of SHA-256, then its 32 bytes

// Counter-clockwise as GeoJSON requires, closed. Longitudes are continuous, also beyond 180 degrees; an outline around a pole follows the
// pole.
std::vector<Point> outline(const Grid& grid) {
  const auto [x0, y0, x1, y1] = grid.extent();
  const Point corners[] = {{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}};
  const CoordinateTransform to_wgs84(grid.crs, "EPSG:4326");
  const BoxesOf degrees("EPSG:4326");
  std::vector<Point> points;
  for (int side = 0; side < 4; ++side)
    for (int i = 0; i < kPointsPerSide; ++i) {
      const Point &a = corners[side], &b = corners[(side + 1) % 4];
      const double t = static_cast<double>(i) / kPointsPerSide;
      Point point = to_wgs84(Point{a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)});
      if (!points.empty()) point.x = degrees.near(point.x, points.back().x);
      points.push_back(point);
    }
  const Point first = points.front();
  const double end = degrees.near(first.x, points.back().x);
  points.push_back({end, first.y});
  if (std::abs(end - first.x) > kHalfTurn) {
    const double pole = first.y < 0 ? -90 : 90;
    points.insert(points.end(), {{end, pole}, {first.x, pole}, first});
  }
  return points;
}

// The part of a ring between two meridians, closed; empty where there is none (Sutherland and Hodgman 1974).
std::vector<Point> between(std::vector<Point> ring, double west, double east) {
  for (const double sign : {1.0, -1.0}) {
    const double border = sign > 0 ? west : east;
    const auto inside = [&](const Point& p) { return sign * (p.x - border) >= 0; };
    std::vector<Point> kept;
    for (std::size_t i = 0; i + 1 < ring.size(); ++i) {
      const Point &a = ring[i], &b = ring[i + 1];
      if (inside(a)) kept.push_back(a);
      if (inside(a) != inside(b)) kept.push_back({border, a.y + (border - a.x) / (b.x - a.x) * (b.y - a.y)});
    }
    if (!kept.empty()) kept.push_back(kept.front());
    ring = std::move(kept);
  }
  return ring;
}

// Geometry and bbox of RFC 7946: cut at the 180th meridian (section 3.1.9), a box across it has its west above its east (5.2).
struct Place {
  Json geometry, bbox;
};

Place place_of(const Grid& grid) {
  const std::vector<Point> ring = outline(grid);
  const auto [west, east] = std::ranges::minmax(ring, {}, &Point::x);
  const auto [south, north] = std::ranges::minmax(ring, {}, &Point::y);
  const bool whole_turn = east.x - west.x >= kTurn;
  Json polygons = Json::array();
  double box_west = 0, box_east = 0;
  for (double turn = -kTurn; turn <= kTurn; turn += kTurn) {
    const std::vector<Point> part = between(ring, turn - kHalfTurn, turn + kHalfTurn);
    const auto [least, most] = part.empty() ? std::pair(Point{}, Point{}) : [&] {
      const auto range = std::ranges::minmax(part, {}, &Point::x);
      return std::pair(range.min, range.max);
    }();
    if (!(least.x < most.x)) continue;
    Json points = Json::array();
    for (const Point& p : part) points.push_back({p.x - turn, p.y});
    if (polygons.empty()) box_west = least.x - turn;
    box_east = most.x - turn;
    polygons.push_back(Json::array({points}));
  }
  Place place;
  if (polygons.size() == 1)
    place.geometry = {{"type", "Polygon"}, {"coordinates", polygons[0]}};
  else
    place.geometry = {{"type", "MultiPolygon"}, {"coordinates", polygons}};
  if (whole_turn) box_west = -kHalfTurn, box_east = kHalfTurn;
  place.bbox = {box_west, south.y, box_east, north.y};
  return place;
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

Json classes_json(const Nomenclature& nomenclature, Language language) {
  Json classes = Json::array({{{"value", 0}, {"name", "no_data"}, {"title", say(language, "No data", "Pas de donnée")}, {"nodata", true}}});
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

Json band_json(const StacBand& band, Language language) {
  Json document = {{"name", band.name}, {"description", band.description}, {"data_type", band.data_type}, {"nodata", 0}};
  if (!band.unit.empty()) document["unit"] = band.unit;
  if (band.classes)
    document["classification:classes"] = classes_json(*band.classes, language);
  else
    document["statistics"] = {{"minimum", band.minimum}, {"maximum", band.maximum}, {"mean", band.mean}};
  return document;
}

// Where the pixels lie, by the projection extension.
Json grid_json(const Grid& grid) {
  const Box box = grid.extent();
  return {{"proj:bbox", {box.min_x, box.min_y, box.max_x, box.max_y}},
          {"proj:shape", {grid.rows, grid.cols}},
          {"proj:transform", {grid.pixel_width, 0, grid.x0, 0, -grid.pixel_height, grid.y0}}};
}

}  // namespace

Json stac_item(const StacItem& item, const std::string& folder) {
  const Grid& grid = item.grid;
  const Place place = place_of(grid);
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
  properties.update(grid_json(grid));
  properties["processing:level"] = item.level;
  properties["processing:lineage"] = item.lineage;
  properties["processing:software"] = {{"millesime", item.software_version}};

  Json assets = Json::object();
  std::string checksums;
  for (const StacAsset& asset : item.assets) {
    const std::string path = folder + "/" + asset.file;
    Json document = {{"href", "./" + asset.file}, {"title", asset.title}, {"type", asset.media_type}, {"roles", asset.roles}};
    const Grid& own = asset.grid.value_or(grid);
    if (asset.grid && !(own == grid)) document.update(grid_json(own));
    if (asset.band) {
      if (metres) document["raster:spatial_resolution"] = own.pixel_width * *metres;
      document["raster:sampling"] = "area";
      document["bands"] = Json::array({band_json(*asset.band, item.language)});
    }
    document["file:size"] = std::filesystem::file_size(path);
    const std::string known = read_back_of(path).sha256, checksum = known.empty() ? sha256_of_file(path) : known;
    checksums += checksum;
    document["file:checksum"] = kSha256Multihash + checksum;
    assets[asset.key] = document;
  }
  constexpr std::size_t kVersionDigits = 12;
  properties["version"] = sha256(checksums).substr(0, kVersionDigits);
  Json document = {{"type", "Feature"}, {"stac_version", kVersion}, {"stac_extensions", kExtensions}, {"id", item.id}};
  Json links = Json::array();
  if (!item.collection.empty()) {
    document["collection"] = item.collection_id;
    const std::string href = fs::path(item.collection).filename().string();
    for (const char* relation : {"root", "parent", "collection"})
      links.push_back({{"rel", relation}, {"href", "../" + href}, {"type", "application/json"}});
  }
  document["geometry"] = place.geometry;
  document["bbox"] = place.bbox;
  document["properties"] = properties;
  document["links"] = links;
  document["assets"] = assets;
  return document;
}

namespace {

struct FoundItem {
  std::string href;
  Json document;
};

// <folder>/<edition>/<name>.json that are items of this collection, by start of their period and name.
std::vector<FoundItem> items_below(const fs::path& folder, const std::string& id) {
  std::vector<FoundItem> items;
  for (const auto& edition : fs::directory_iterator(folder)) {
    if (!edition.is_directory() || edition.path().filename().string().starts_with(".")) continue;
    for (const auto& file : fs::directory_iterator(edition.path())) {
      if (file.path().extension() != ".json" || !file.is_regular_file()) continue;
      const Json document = Json::parse(read_text(file.path().string()), nullptr, false);
      if (!document.is_object() || document.value("type", "") != "Feature" || document.value("collection", "") != id) continue;
      items.push_back({"./" + edition.path().filename().string() + "/" + file.path().filename().string(), document});
    }
  }
  std::ranges::sort(items, {}, [](const FoundItem& item) {
    return std::pair(item.document.at("properties").at("start_datetime").get<std::string>(), item.href);
  });
  return items;
}

Json collection_json(const StacCollection& collection, const std::vector<FoundItem>& items, const std::string& file) {
  Json boxes = Json::array(), intervals = Json::array(), links = Json::array(), codes = Json::array(), resolutions = Json::array(),
       assets = Json::object();
  links.push_back({{"rel", "root"}, {"href", "./" + file}, {"type", "application/json"}});
  std::string first = "9", last;
  Json whole;
  const auto add_once = [](Json& list, const Json& value) {
    if (!value.is_null() && std::ranges::find(list, value) == list.end()) list.push_back(value);
  };
  for (const auto& [href, item] : items) {
    const Json& properties = item.at("properties");
    links.push_back({{"rel", "item"}, {"href", href}, {"type", "application/geo+json"}, {"title", properties.at("title")}});
    add_once(boxes, item.at("bbox"));
    first = std::min(first, properties.at("start_datetime").get<std::string>());
    last = std::max(last, properties.at("end_datetime").get<std::string>());
    intervals.push_back({properties.at("start_datetime"), properties.at("end_datetime")});
    add_once(codes, properties.value("proj:code", Json()));
    add_once(resolutions, properties.value("gsd", Json()));
    for (const auto& [key, asset] : item.at("assets").items()) {
      if (assets.contains(key)) continue;
      for (const char* field : {"title", "type", "roles", "raster:spatial_resolution", "raster:sampling"})
        if (asset.contains(field)) assets[key][field] = asset.at(field);
    }
  }
  // The first box and interval are those of all items together (STAC collection specification).
  whole = boxes.front();
  for (const Json& box : boxes)
    for (int i = 0; i < 4; ++i)
      whole[static_cast<std::size_t>(i)] =
          i < 2 ? std::min(whole[static_cast<std::size_t>(i)].get<double>(), box[static_cast<std::size_t>(i)].get<double>())
                : std::max(whole[static_cast<std::size_t>(i)].get<double>(), box[static_cast<std::size_t>(i)].get<double>());
  if (boxes.size() > 1) boxes.insert(boxes.begin(), whole);
  if (intervals.size() > 1) intervals.insert(intervals.begin(), Json::array({first, last}));
  Json document = {{"type", "Collection"},
                   {"stac_version", kVersion},
                   {"stac_extensions", Json::array({kExtensions[0], kExtensions[1], kExtensions[2]})},
                   {"id", collection.id},
                   {"title", collection.title},
                   {"description", collection.description},
                   {"keywords", {say(collection.language, "land cover", "occupation des sols"), "Sentinel-2"}},
                   {"license", collection.licence}};
  if (!collection.provider.empty()) {
    Json provider = {{"name", collection.provider}, {"roles", {"producer", "processor"}}};
    if (!collection.provider_url.empty()) provider["url"] = collection.provider_url;
    document["providers"] = Json::array({provider});
  }
  document["extent"] = {{"spatial", {{"bbox", boxes}}}, {"temporal", {{"interval", intervals}}}};
  document["summaries"] = {
      {"gsd", resolutions}, {"proj:code", codes}, {"classification:classes", classes_json(*collection.nomenclature, collection.language)}};
  document["item_assets"] = assets;
  document["links"] = links;
  return document;
}

}  // namespace

void write_stac_collection(const StacCollection& collection, const std::string& path) {
  const fs::path file(path);
  // An edition that another process publishes meanwhile may be missing in what was listed, or in what it wrote before: look again.
  for (std::string written;;) {
    const std::vector<FoundItem> items = items_below(file.parent_path(), collection.id);
    if (items.empty()) return;
    const std::string text = json_text(collection_json(collection, items, file.filename().string()), 1) + "\n";
    if (text == written) return;
    write_text(path, text);
    written = text;
  }
}

}  // namespace millesime
