// Products of a list instead of a folder: a STAC ItemCollection (a JSON file, root = "items.json", or a table, "items.parquet"). Each item
// of the sensor is a product, its assets are the files; the sensor file says which asset a band or mask is (`asset`), or it has the band's
// own or common name. Addresses are relative to the list, on this machine, or on object storage.
// https://github.com/radiantearth/stac-api-spec/blob/main/fragments/itemcollection/README.md

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <regex>

#include <cpl_conv.h>
#include <cpl_string.h>

#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/internal/storage.h"
#include "pipeline/io/sensor.h"
#include "pipeline/io/sensors/item_file.h"
#include "pipeline/io/sensors/layout.h"
#include "pipeline/io/sensors/product_item.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

bool is_square(const std::string& tile) {  // of MGRS
  static const std::regex form(R"(T\d{2}[A-Z]{3})");
  return std::regex_match(tile, form);
}

bool is_scene(const std::string& tile) {  // path and row of Landsat
  static const std::regex form(R"(\d{6})");
  return std::regex_match(tile, form);
}

// "Landsat collection (146), ..."
std::string kinds_of(const ItemFile& list) {
  std::map<std::string, int> kinds;
  for (const auto& [where, n] : list.others) kinds[where.second] += n;
  std::vector<std::string> texts;
  for (const auto& [kind, n] : kinds) texts.push_back(join_text(kind, " (", n, ")"));
  return join_list(texts, ", ");
}

std::string tiles_in(const ItemFile& list) {
  std::set<std::string> tiles;
  for (const TiledItem& each : list.items) tiles.insert(each.tile);
  constexpr std::size_t kNamed = 20;
  const std::string n = tiles.size() > kNamed ? join_text(" and ", tiles.size() - kNamed, " more") : "";
  std::vector<std::string> named(tiles.begin(), std::next(tiles.begin(), static_cast<std::ptrdiff_t>(std::min(kNamed, tiles.size()))));
  return join_list(named, ", ") + n;
}

class ItemList final : public ProductLayout {
 public:
  std::vector<std::string> tiles(const SensorFile& sensor, const std::string& root) const override {
    const auto list = item_file(root, sensor);
    std::set<std::string> names;
    for (const TiledItem& each : list->items) names.insert(each.tile);
    if (!names.empty()) return {names.begin(), names.end()};
    if (list->others.empty()) throw UserError(join_text(root, ": has no item; expected the result of a search that found some"));
    std::vector<std::string> known;
    for (const NamePattern& pattern : sensor.items) known.push_back(pattern.text());
    throw UserError(join_text(root, ": none of its items is of ", sensor.name, ", they are of ", kinds_of(*list), "; expected platform ",
                              sensor.platform, " and an id or a collection named ", join_list(known, ", "),
                              "; set the sensor of these items, or a sensor file of yours with other `items` (configs/sensors/README.md)"));
  }

  std::vector<Entry> entries(const Search& search) const override {
    const auto list = item_file(search.root, search.sensor);
    const bool has_tile = std::ranges::any_of(list->items, [&](const TiledItem& each) { return each.tile == search.tile; });
    const std::optional<Grid> named = search.beside ? std::nullopt : grid_of(*list, search);
    if (!has_tile && !search.beside && !named)
      throw UserError(join_text(search.root, ": has no item of ", search.sensor.name, " of the tile ", search.tile,
                                list->items.empty() ? "" : "; it has items of the tiles " + tiles_in(*list)));
    const NearBox near(named);
    std::vector<Entry> entries;
    for (const TiledItem& each : list->items) {
      const ProductItem& item = each.item;
      if (each.tile != search.tile && (is_square(each.tile) || !(search.beside || (named && near.meets(item.box))))) continue;
      Entry entry{item.id, std::nullopt, "", false};
      try {
        if (is_of_another_variant(search, item)) continue;
        entry.candidate = product_of(search, item, each.tile);
        entry.outside_period = search.is_outside(entry.candidate->product.date);
      } catch (const UserError& error) {
        entry.damage = error.what();
      }
      entries.push_back(std::move(entry));
    }
    share_passes(entries);
    for (const auto& [where, n] : list->others)
      if (where.first == search.tile)
        entries.push_back(
            {join_text(counted(n, "item"), " of ", where.second, ", not of ", search.sensor.name), {}, "", false, search.root});
    return entries;
  }

  void find_layers(const Search& search, FoundProduct& candidate) const override {
    for (const SensorMask& mask : search.sensor.masks)
      if (!candidate.product.layers.contains(mask.plane.name)) {
        if (mask.plane.optional)
          candidate.product.layers[mask.plane.name] = {};
        else
          candidate.problems.push_back(join_text("the item has no asset of the mask ", mask.plane.name, "; expected one named ",
                                                 join_list(asset_names(mask), ", "), " (`asset` in the sensor file)"));
      }
    if (candidate.bands.empty())
      candidate.problems.push_back("the item has no asset of a band; the sensor file says by `asset` how they are named");
  }

  bool shares_grid() const override { return false; }

  std::optional<Grid> grid_of_tile(const Search& search) const override { return grid_of(*item_file(search.root, search.sensor), search); }

 private:
  // That of a tile of Sentinel-2, where the list has scenes of paths and rows, or of no tile: they are brought to it.
  static std::optional<Grid> grid_of(const ItemFile& list, const Search& search) {
    const bool has_tile = std::ranges::any_of(list.items, [&](const TiledItem& each) { return each.tile == search.tile; });
    const bool has_scenes = std::ranges::any_of(list.items, [](const TiledItem& each) { return !is_square(each.tile); });
    return has_tile || !has_scenes || search.sensor.resolution <= 0 ? std::nullopt : sentinel2_grid(search.tile, search.sensor.resolution);
  }

  // Which items may meet a grid: images are opened only of these. Boxes of items are rounded, and their edges straight in degrees.
  class NearBox {
   public:
    explicit NearBox(const std::optional<Grid>& grid) {
      constexpr double kMargin = 0.2;  // degrees
      if (!grid) return;
      Box box = CoordinateTransform(grid->crs, kDegrees)(grid->extent());
      box_ = Box{box.min_x - kMargin, box.min_y - kMargin, box.max_x + kMargin, box.max_y + kMargin};
    }
    bool meets(const std::optional<Box>& of_item) const { return !box_ || !of_item || boxes_.meet(*box_, *of_item); }

   private:
    static constexpr const char* kDegrees = "EPSG:4326";
    BoxesOf boxes_{kDegrees};
    std::optional<Box> box_;
  };

  // Orbits, say, which a property of the items tells: "descending" is the variant DES.
  static bool is_of_another_variant(const Search& search, const ProductItem& item) {
    const std::string& property = search.sensor.variant_property;
    if (property.empty() || search.variant.empty()) return false;
    const std::string said = lower(item.text(property));
    for (const std::string& variant : search.sensor.variants)
      if (said.starts_with(lower(variant))) return variant != search.variant;
    throw UserError(join_text("the item does not say by \"", property, "\" whether it is of the variant ",
                              join_list(search.sensor.variants, " or "), "; expected a text that begins like one of these, got \"", said,
                              "\""));
  }

  // Versions of an acquisition may differ by seconds, and datastrips of one do: each states its own time. Items of a tile that state their
  // baseline are of one pass, unless an orbit lies between them; of its parts the newest baseline is read.
  static void share_passes(std::vector<Entry>& entries) {
    constexpr int kApart = 3000;  // seconds: half an orbit of Sentinel-2
    const auto seconds = [](const FoundProduct& found) {
      const std::int64_t time = number_of(found.product.time, 6);
      return time / 10000 * 3600 + time / 100 % 100 * 60 + time % 100;
    };
    const auto platform = [](const FoundProduct& found) { return found.pass.substr(0, found.pass.rfind('_')); };
    std::vector<FoundProduct*> found;
    for (Entry& entry : entries)
      if (entry.candidate && !entry.candidate->part.empty() && is_square(entry.candidate->product.tile)) found.push_back(&*entry.candidate);
    std::ranges::sort(found, {}, [](const FoundProduct* each) { return std::tie(each->product.date, each->pass, each->entry); });
    const FoundProduct* first = nullptr;
    for (FoundProduct* each : found) {
      if (first && first->product.date == each->product.date && platform(*first) == platform(*each) &&
          seconds(*each) - seconds(*first) < kApart)
        each->pass = first->pass;
      else
        first = each;
    }
  }

  // Where an asset lies.
  static std::string path_of(const ItemAsset& asset, const std::string& folder) {
    std::string href = asset.href;
    if (href.empty()) throw UserError("an asset has no href");
    if (href.starts_with("file://")) href = href.substr(7);
    if (const auto blob = blob_path(href)) return *blob;
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

  // The platform and when it passed: a scene of Landsat once a day.
  static std::string pass_of(const ProductItem& item, const Product& product) {
    constexpr std::size_t kSeconds = 6;
    return item.text("platform") + "_" + (is_scene(product.tile) ? product.tile : product.time.substr(0, kSeconds));
  }

  static FoundProduct product_of(const Search& search, const ProductItem& item, const std::string& tile) {
    const std::string when = item.text("datetime").empty() ? item.text("start_datetime") : item.text("datetime");
    constexpr std::size_t kDay = 10;
    if (when.size() < kDay) throw UserError("the item has no datetime");
    FoundProduct found;
    found.entry = item.id;
    found.metadata = {search.root};
    Product& product = found.product;
    product.name = found.entry, product.tile = tile, product.date = Date::parse(when.substr(0, kDay));
    product.time = digits_of(when.substr(kDay));
    product.version = item.baseline();
    found.pass = pass_of(item, product);
    found.version = version_of(item);
    if (!product.version.empty()) found.part = found.entry;  // as of SAFE trees: a tile may lie on two datastrips

    struct Asset {
      std::string name, path, variable;
      int band;
      Encoding encoding;
      const SensorBand* of = nullptr;
    };
    std::vector<Asset> assets;
    const std::string list_folder = folder_of_products(search.root);
    for (const SensorBand& band : search.sensor.bands)
      if (const ItemAsset* asset = asset_of(item, asset_names(band))) {
        assets.push_back({band.name, path_of(*asset, list_folder), band.variable, band.band - 1, band.encoding, &band});
        found.bands.insert(band.name);
      }
    for (const SensorMask& mask : search.sensor.masks)
      if (const ItemAsset* asset = asset_of(item, asset_names(mask)))
        assets.push_back({mask.plane.name, path_of(*asset, list_folder), mask.variable, mask.band - 1, {}});
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
    const auto setting = search.sensor.settings.find("offset_flag");
    const std::string flag = setting == search.sensor.settings.end() ? "" : setting->second;
    std::vector<std::string> unknown;  // bands
    for (Asset& asset : assets) {
      if (!flag.empty() && asset.of) {
        const std::optional<bool> applied = offset_is_applied(item, *asset.of, flag, search.variant);
        if (!applied) unknown.push_back(asset.name);
        if (applied && *applied) asset.encoding.offset = 0;
      }
      product.layers[asset.name] = {.file = asset.path.substr(folder.size() + 1),
                                    .variable = asset.variable,
                                    .band = asset.band,
                                    .grid = {},
                                    .encoding = asset.encoding};
    }
    if (!unknown.empty())
      found.problems.push_back(join_text("the item does not say by \"", flag,
                                         "\", nor by \"raster:offset\" of its assets, whether the offset of ", join_list(unknown, ", "),
                                         " is applied; ", kChooseOffset));
    return found;
  }
};

}  // namespace

std::unique_ptr<ProductLayout> make_item_list() { return std::make_unique<ItemList>(); }

}  // namespace millesime
