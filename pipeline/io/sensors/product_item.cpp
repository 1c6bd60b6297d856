#include "pipeline/io/sensors/product_item.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <regex>

#include <cpl_conv.h>

#include "pipeline/core/text.h"
#include "pipeline/io/internal/compiled_expression.h"
#include "pipeline/io/sensors/layout.h"

namespace millesime {
namespace {

using nlohmann::json;

std::string text_of(const json& object, const std::string& key) {
  if (!object.contains(key)) return "";
  const json& value = object[key];
  return value.is_string() ? value.get<std::string>() : value.is_number_integer() ? std::to_string(value.get<std::int64_t>()) : "";
}

// "scale" or "offset" of an asset's numbers: STAC 1.1 states it in the asset or in its first band, STAC 1.0 in its first "raster:bands".
std::optional<double> stated(const json& asset, const std::string& key) {
  const auto number = [](const json& object, const std::string& name) {
    return object.is_object() && object.contains(name) && object[name].is_number() ? std::optional(object[name].get<double>())
                                                                                   : std::nullopt;
  };
  if (const auto own = number(asset, "raster:" + key)) return own;
  for (const auto& [list, name] : {std::pair("bands", "raster:" + key), std::pair("raster:bands", key)})
    if (asset.contains(list) && asset[list].is_array() && !asset[list].empty())
      if (const auto of_band = number(asset[list].front(), name)) return of_band;
  return std::nullopt;
}

// [west, south, east, north], or with heights.
std::optional<Box> box_of(const json& feature) {
  constexpr std::size_t kFlat = 4, kWithHeights = 6;
  if (!feature.contains("bbox") || !feature["bbox"].is_array()) return std::nullopt;
  const json& sides = feature["bbox"];
  if ((sides.size() != kFlat && sides.size() != kWithHeights) ||
      !std::ranges::all_of(sides, [](const json& side) { return side.is_number(); }))
    return std::nullopt;
  const std::size_t far = sides.size() / 2;
  Box box{sides[0].get<double>(), sides[1].get<double>(), sides[far].get<double>(), sides[far + 1].get<double>()};
  if (box.max_x < box.min_x) box.max_x += 360;  // across the 180th meridian
  return box;
}

// "LANDSAT_8", "landsat-8": landsat8.
std::string letters_and_digits(const std::string& text) {
  std::string plain = lower(text);
  std::erase_if(plain, [](unsigned char c) { return !std::isalnum(c); });
  return plain;
}

// "boa_offset_applied" of "earthsearch:boa_offset_applied", which older items call "sentinel:boa_offset_applied".
std::string without_prefix(const std::string& key) { return key.substr(key.find(':') + 1); }

std::optional<bool> yes_or_no(const json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value == 1 || value == 0) return value == 1;
  const std::string text = value.is_string() ? lower(value.get<std::string>()) : "";
  return text == "true" ? std::optional(true) : text == "false" ? std::optional(false) : std::nullopt;
}

// Before it, nothing was added to the numbers of Sentinel-2.
bool knows_no_offset(const std::string& baseline) {
  constexpr double kFirstWithOffset = 4.0;
  const double number = CPLAtof(baseline.c_str());
  return number > 0 && number < kFirstWithOffset;
}

}  // namespace

std::string ProductItem::text(const std::string& property) const { return text_of(properties, property); }

std::string ProductItem::baseline() const {
  for (const char* key : {"s2:processing_baseline", "sentinel:processing_baseline", "processing:version"}) {
    if (!properties.contains(key)) continue;
    const json& value = properties[key];
    const std::string baseline = value.is_number_float() ? fixed(value.get<double>(), 2) : text(key);
    if (CPLAtof(baseline.c_str()) > 0) return baseline;
  }
  return "";
}

ProductItem product_item(const json& feature) {
  constexpr std::size_t kLongest = 1024;  // lists of a national year have 10^4 items
  ProductItem item{text_of(feature, "id"), text_of(feature, "collection"), box_of(feature), json::object(), {}};
  if (feature.contains("properties") && feature["properties"].is_object())
    for (const auto& [key, value] : feature["properties"].items())
      if (value.is_number() || value.is_boolean() || (value.is_string() && value.get_ref<const std::string&>().size() <= kLongest))
        item.properties[key] = value;
  if (item.collection.empty()) item.collection = item.text("collection");  // of a table
  if (feature.contains("assets") && feature["assets"].is_object())
    for (const auto& [key, asset] : feature["assets"].items())
      item.assets[key] =
          asset.is_object() ? ItemAsset{text_of(asset, "href"), stated(asset, "scale"), stated(asset, "offset")} : ItemAsset{};
  return item;
}

std::string tile_of(const ProductItem& item, const SensorFile& sensor) {
  const auto square = [&](const std::string& prefix) {
    return item.text(prefix + "utm_zone") + item.text(prefix + "latitude_band") + item.text(prefix + "grid_square");
  };
  const std::string code = item.text("grid:code");
  if (code.starts_with("MGRS-") && code.size() > 5) return canonical_tile(code.substr(5));
  for (const std::string& name : {item.text("s2:mgrs_tile"), square("mgrs:"), square("sentinel:")})
    if (!name.empty()) return canonical_tile(name);
  const std::string path = item.text("landsat:wrs_path"), row = item.text("landsat:wrs_row");
  const auto padded = [](const std::string& number) { return std::string(number.size() < 3 ? 3 - number.size() : 0, '0') + number; };
  if (!path.empty() && !row.empty()) return padded(path) + padded(row);
  std::smatch found;
  if (!sensor.tile.empty() && std::regex_search(item.id, found, compiled(sensor.tile))) return canonical_tile(found.str());
  return "all";
}

bool is_of(const ProductItem& item, const SensorFile& sensor) {
  if (sensor.items.empty()) return true;
  const std::string platform = letters_and_digits(item.text("platform"));
  if (!platform.empty() && !platform.starts_with(letters_and_digits(sensor.platform))) return false;
  const bool is_known = std::ranges::any_of(
      sensor.items, [&](const NamePattern& pattern) { return pattern.match(lower(item.id)) || pattern.match(lower(item.collection)); });
  return is_known || item.collection.empty();  // a list of one's own
}

std::string digits_of(std::string time) {
  std::erase_if(time, [](unsigned char c) { return !std::isdigit(c); });
  constexpr std::size_t kMost = 17;
  return time.substr(0, kMost);
}

std::int64_t number_of(const std::string& time, std::size_t digits) {
  std::string text = digits_of(time);
  text.resize(digits, '0');
  return std::stoll(text);
}

std::vector<std::int64_t> version_of(const ProductItem& item) {
  constexpr double kHundredths = 100;
  constexpr std::size_t kToMilliseconds = 17;
  std::string processed = item.text("s2:generation_time"), sequence = item.text("s2:sequence");
  if (processed.empty()) processed = item.text("created");
  if (sequence.empty()) sequence = item.text("sentinel:sequence");
  return {std::llround(CPLAtof(item.baseline().c_str()) * kHundredths), number_of(processed, kToMilliseconds),
          std::atoll(sequence.c_str())};
}

std::vector<std::string> asset_names(const SensorBand& band) {
  std::vector<std::string> names = band.assets;
  names.insert(names.end(), {band.name, band.file, band.common});
  return names;
}

std::vector<std::string> asset_names(const SensorMask& mask) {
  std::vector<std::string> names = mask.assets;
  names.insert(names.end(), {mask.plane.name, lower(mask.plane.name)});
  return names;
}

const ItemAsset* asset_of(const ProductItem& item, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (const auto asset = item.assets.find(name); !name.empty() && asset != item.assets.end()) return &asset->second;
  return nullptr;
}

std::optional<bool> offset_is_applied(const ProductItem& item, const SensorBand& band, const std::string& flag,
                                      const std::string& variant) {
  if (variant == "applied" || knows_no_offset(item.baseline())) return true;
  if (variant == "raw") return false;
  for (const auto& [key, value] : item.properties.items())
    if (without_prefix(key) == without_prefix(flag)) return yes_or_no(value);
  const ItemAsset* asset = asset_of(item, asset_names(band));
  if (!asset || !asset->offset) return std::nullopt;
  if (*asset->offset != 0) return false;
  // Programs that know nothing of the numbers state a scale of 1 with an offset of 0.
  constexpr double kRounding = 1e-9;
  const bool knows_scale = asset->scale && std::abs(*asset->scale * per_unit(band.unit) - band.encoding.factor) < kRounding;
  return knows_scale ? std::optional(true) : std::nullopt;
}

}  // namespace millesime
