// Products of a list instead of a folder: a STAC ItemCollection (a JSON file, root = "items.json", or a table, "items.parquet"). Each item
// is a product, its assets are the files; the sensor file says which asset a band or mask is (`asset`), or it has the band's own or common
// name. Addresses are relative to the list, on this machine, or on object storage.
// https://github.com/radiantearth/stac-api-spec/blob/main/fragments/itemcollection/README.md

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <regex>

#include <nlohmann/json.hpp>

#include <cpl_conv.h>
#include <cpl_string.h>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/io/internal/compiled_expression.h"
#include "pipeline/io/internal/storage.h"
#include "pipeline/io/sensors/item_table.h"
#include "pipeline/io/sensors/layout.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

std::string text_in(const json& object, const char* key) {
  if (!object.contains(key)) return "";
  const json& value = object[key];
  return value.is_string() ? value.get<std::string>() : value.is_number_integer() ? std::to_string(value.get<std::int64_t>()) : "";
}

std::string digits_of(std::string text) {
  std::erase_if(text, [](unsigned char c) { return !std::isdigit(c); });
  constexpr std::size_t kMost = 17;
  return text.substr(0, kMost);
}

// The tile that an item is of: 31TCJ of MGRS, path and row of Landsat, or what its name says.
std::string tile_of(const json& item, const SensorFile& sensor) {
  const json& properties = item.at("properties");
  const auto square = [&](const std::string& prefix) {
    return text_in(properties, (prefix + "utm_zone").c_str()) + text_in(properties, (prefix + "latitude_band").c_str()) +
           text_in(properties, (prefix + "grid_square").c_str());
  };
  std::string code = text_in(properties, "grid:code");
  if (code.starts_with("MGRS-")) return canonical_tile(code.substr(5));
  for (const std::string& name : {text_in(properties, "s2:mgrs_tile"), square("mgrs:"), square("sentinel:")})
    if (!name.empty()) return canonical_tile(name);
  const std::string path = text_in(properties, "landsat:wrs_path"), row = text_in(properties, "landsat:wrs_row");
  const auto padded = [](const std::string& number) { return std::string(number.size() < 3 ? 3 - number.size() : 0, '0') + number; };
  if (!path.empty() && !row.empty()) return padded(path) + padded(row);
  std::smatch found;
  const std::string id = text_in(item, "id");
  if (!sensor.tile.empty() && std::regex_search(id, found, compiled(sensor.tile))) return canonical_tile(found.str());
  return "all";
}

// The asset of a band or mask, by its names; null if there is none.
const json* asset_of(const json& item, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (!name.empty() && item.at("assets").contains(name)) return &item.at("assets").at(name);
  return nullptr;
}

class ItemList final : public ProductLayout {
 public:
  std::vector<std::string> tiles(const SensorFile& sensor, const std::string& root) const override {
    std::set<std::string> names;
    for (const json& item : items_of(root)) names.insert(tile_of(item, sensor));
    return {names.begin(), names.end()};
  }

  std::vector<Entry> entries(const Search& search) const override {
    std::vector<Entry> entries;
    for (const json& item : items_of(search.root)) {
      const std::string tile = tile_of(item, search.sensor);
      if (tile != search.tile && !(search.beside && !sentinel2_like(tile))) continue;
      Entry entry{text_in(item, "id"), std::nullopt, "", false};
      try {
        entry.candidate = product_of(search, item, tile);
        entry.outside_period = search.is_outside(entry.candidate->product.date);
      } catch (const UserError& error) {
        entry.damage = error.what();
      } catch (const json::exception& error) {
        entry.damage = error.what();
      }
      entries.push_back(std::move(entry));
    }
    return entries;
  }

  void find_layers(const Search& search, FoundProduct& candidate) const override {
    for (const SensorMask& mask : search.sensor.masks)
      if (!candidate.product.layers.contains(mask.plane.name)) {
        if (mask.plane.optional)
          candidate.product.layers[mask.plane.name] = {};
        else
          candidate.problems.push_back(join_text("the item has no asset of the mask ", mask.plane.name, "; expected one named ",
                                                 join_list(names_of(mask), ", "), " (`asset` in the sensor file)"));
      }
    if (candidate.bands.empty())
      candidate.problems.push_back("the item has no asset of a band; the sensor file says by `asset` how they are named");
  }

  bool shares_grid() const override { return false; }

 private:
  static bool sentinel2_like(const std::string& tile) {
    static const std::regex form(R"(T\d{2}[A-Z]{3})");
    return std::regex_match(tile, form);
  }

  static std::vector<std::string> names_of(const SensorBand& band) {
    std::vector<std::string> names = band.assets;
    names.insert(names.end(), {band.name, band.file, band.common});
    return names;
  }
  static std::vector<std::string> names_of(const SensorMask& mask) {
    std::vector<std::string> names = mask.assets;
    names.insert(names.end(), {mask.plane.name, lower(mask.plane.name)});
    return names;
  }

  static std::vector<json> items_of(const std::string& root) {
    if (is_item_table(root)) return items_of_table(root);
    const json list = json::parse(text_of_file(root), nullptr, false);
    if (!list.is_object() || !list.contains("features") || !list["features"].is_array())
      throw UserError(join_text(root, ": expected a STAC ItemCollection (JSON with \"features\"), as the search of a STAC API returns it"));
    std::vector<json> items;
    for (const json& item : list["features"]) {
      if (!item.is_object() || !item.contains("properties") || !item["properties"].is_object() || !item.contains("assets") ||
          !item["assets"].is_object())
        throw UserError(join_text(root, ": feature ", items.size() + 1, ": expected a STAC item with \"properties\" and \"assets\""));
      items.push_back(item);
    }
    return items;
  }

  // Where an asset lies.
  static std::string path_of(const json& asset, const std::string& folder) {
    std::string href = text_in(asset, "href");
    if (href.empty()) throw UserError("an asset has no href");
    if (href.starts_with("file://")) href = href.substr(7);
    const std::string path = storage_path(href);
    if (path != href) return path;
    const auto local = [&](const std::string& name) {
      return name.starts_with('/') ? name : fs::path(folder + "/" + name).lexically_normal().string();
    };
    const std::string as_it_is = local(href);
    if (href.find('%') == std::string::npos || is_remote(as_it_is) || state_of(as_it_is)) return as_it_is;
    char* unescaped = CPLUnescapeString(href.c_str(), nullptr, CPLES_URL);  // a URL, in which a blank is %20
    href = unescaped;
    CPLFree(unescaped);
    return local(href);
  }

  static FoundProduct product_of(const Search& search, const json& item, const std::string& tile) {
    const json& properties = item.at("properties");
    const std::string when =
        text_in(properties, "datetime").empty() ? text_in(properties, "start_datetime") : text_in(properties, "datetime");
    constexpr std::size_t kDay = 10;
    if (when.size() < kDay) throw UserError("the item has no datetime");
    FoundProduct found;
    found.entry = text_in(item, "id");
    found.metadata = {search.root};
    Product& product = found.product;
    product.name = found.entry, product.tile = tile, product.date = Date::parse(when.substr(0, kDay));
    product.time = digits_of(when.substr(kDay));
    product.version = text_in(properties, "s2:processing_baseline");
    found.pass = text_in(properties, "platform") + "_" + product.time.substr(0, 6);
    for (const std::string& number : {digits_of(product.version), digits_of(text_in(properties, "created"))})
      found.version.push_back(number.empty() ? 0 : std::stoll(number));
    if (!product.version.empty()) found.part = found.entry;  // as of SAFE trees: a tile may lie on two datastrips

    struct Asset {
      std::string name, path, variable;
      int band;
      Encoding encoding;
      const json* of = nullptr;
    };
    std::vector<Asset> assets;
    for (const SensorBand& band : search.sensor.bands)
      if (const json* asset = asset_of(item, names_of(band))) {
        assets.push_back({band.name, path_of(*asset, folder_of_products(search.root)), band.variable, band.band - 1, band.encoding, asset});
        found.bands.insert(band.name);
      }
    for (const SensorMask& mask : search.sensor.masks)
      if (const json* asset = asset_of(item, names_of(mask)))
        assets.push_back({mask.plane.name, path_of(*asset, folder_of_products(search.root)), mask.variable, mask.band - 1, {}});
    if (assets.empty()) return found;
    std::string folder = fs::path(assets.front().path).parent_path().string();
    for (const Asset& asset : assets)
      while (!asset.path.starts_with(folder + "/")) {
        const auto slash = folder.rfind('/');
        if (slash == std::string::npos || slash == 0)
          throw UserError(join_text("the files of the item lie in unrelated places, ", assets.front().path, " and ", asset.path,
                                    "; expected all on this machine, or all on one kind of storage"));
        folder.resize(slash);
      }
    product.path = folder;
    const std::string flag = search.sensor.settings.contains("offset_flag") ? search.sensor.settings.at("offset_flag") : "";
    const std::optional<bool> applied = flag.empty() ? std::nullopt : offset_is_applied(properties, flag, search.variant);
    std::vector<std::string> unknown;  // bands
    for (Asset& asset : assets) {
      if (applied && *applied && asset.of) asset.encoding.offset = 0;
      if (!flag.empty() && !applied && asset.of && !states_offset(*asset.of)) unknown.push_back(asset.name);
      product.layers[asset.name] = {.file = asset.path.substr(folder.size() + 1),
                                    .variable = asset.variable,
                                    .band = asset.band,
                                    .grid = {},
                                    .encoding = asset.encoding};
    }
    if (!unknown.empty())
      found.problems.push_back(join_text("the item does not say by \"", flag, "\" whether the offset of ", join_list(unknown, ", "),
                                         " is applied; set variant = \"applied\" or \"raw\""));
    return found;
  }

  // An asset whose own description of its band has the offset: nothing was applied.
  static bool states_offset(const json& asset) {
    if (!asset.contains("raster:bands") || !asset["raster:bands"].is_array() || asset["raster:bands"].empty()) return false;
    const json& band = asset["raster:bands"].front();
    return band.is_object() && band.contains("offset") && band["offset"].is_number() && band["offset"].get<double>() != 0;
  }
};

}  // namespace

std::unique_ptr<ProductLayout> make_item_list() { return std::make_unique<ItemList>(); }

}  // namespace millesime
