// The layout of any series of rasters: files whose names say date, tile and band, at any depth below the root; files of several bands;
// files of several dates (descriptions of their bands, or the time axis of NetCDF). Patterns of names are in the sensor file: `file` for
// every band ({band} stands for the band's `file`, or its name), or a pattern of its own in a band or mask.

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>

#include <nlohmann/json.hpp>

#include "pipeline/core/error.h"
#include "pipeline/core/file_name.h"
#include "pipeline/core/source_name.h"
#include "pipeline/core/special_file.h"
#include "pipeline/core/text.h"
#include "pipeline/io/internal/gdal_raster.h"
#include "pipeline/io/sensors/dated_bands.h"
#include "pipeline/io/sensors/layout.h"
#include "pipeline/io/sensors/product_item.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

std::string replaced(std::string text, const std::string& place, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(place, at)) != std::string::npos; at += by.size()) text.replace(at, place.size(), by);
  return text;
}

// A band or mask, and the pattern of its files.
struct LayerPattern {
  std::string name;
  const SensorBand* band = nullptr;
  const SensorMask* mask = nullptr;
  NamePattern pattern;
};

std::vector<LayerPattern> patterns_of(const SensorFile& sensor, const std::string& variant) {
  const std::string& every = sensor.settings.at("file");
  std::vector<LayerPattern> patterns;
  const auto add = [&](const std::string& name, const std::string& own, const SensorBand* band, const SensorMask* mask) {
    const bool is_pattern = own.find('{') != std::string::npos || (mask && !own.empty() && every.find("{band}") == std::string::npos);
    std::string text = is_pattern ? own : replaced(every, "{band}", own.empty() ? name : own);
    text = with_variant(text, variant);
    patterns.push_back({name, band, mask, NamePattern(text, sensor.tile, sensor.origin + ": " + name)});
  };
  for (const SensorBand& band : sensor.bands) add(band.name, band.file, &band, nullptr);
  for (const SensorMask& mask : sensor.masks) add(mask.plane.name, mask.file, nullptr, &mask);
  return patterns;
}

// Of every variant, and of bands that the sensor file does not name.
std::vector<NamePattern> patterns_of_any_file(const SensorFile& sensor) {
  std::vector<NamePattern> patterns;
  const std::string& every = sensor.settings.at("file");
  for (const std::string& variant : sensor.variants.empty() ? std::vector<std::string>{""} : sensor.variants) {
    for (LayerPattern& layer : patterns_of(sensor, variant)) patterns.push_back(std::move(layer.pattern));
    if (every.find("{band}") != std::string::npos)
      patterns.emplace_back(with_variant(replaced(every, "{band}", "*"), variant), sensor.tile, sensor.origin + ": file");
  }
  return patterns;
}

bool is_raster(const std::string& file) {  // sidecars such as .aux.xml, .ovr and .msk are none
  static const std::set<std::string> kRasters = {".tif", ".tiff", ".jp2", ".nc", ".hdf", ".h5", ".img", ".vrt"};
  return kRasters.contains(lower(fs::path(file).extension().string()));
}

class RasterSeries final : public ProductLayout {
 public:
  std::vector<std::string> unmatched(const SensorFile& sensor, const std::string& root) const override {
    const std::vector<NamePattern> patterns = patterns_of_any_file(sensor);
    const auto is_known = [&](const std::string& file) {
      return std::ranges::any_of(patterns, [&](const NamePattern& pattern) {
        try {
          return pattern.match(file, true).has_value();
        } catch (const UserError&) {  // an impossible date: damage
          return true;
        }
      });
    };
    std::vector<std::string> files = files_below(root);
    std::erase_if(files, [&](const std::string& file) { return !is_raster(file) || is_known(file); });
    return files;
  }

  std::vector<std::string> tiles(const SensorFile& sensor, const std::string& root) const override {
    std::vector<LayerPattern> patterns;
    for (const std::string& variant : sensor.variants.empty() ? std::vector<std::string>{""} : sensor.variants)
      for (LayerPattern& layer : patterns_of(sensor, variant)) patterns.push_back(std::move(layer));
    std::set<std::string> names;
    for (const std::string& file : files_below(root))
      for (const LayerPattern& layer : patterns)
        if (const auto parts = matched(layer.pattern, file))
          names.insert(parts->contains("tile") ? canonical_tile(parts->at("tile")) : "all");
    return {names.begin(), names.end()};
  }

  std::vector<Entry> entries(const Search& search) const override {
    const auto patterns = patterns_of(search.sensor, search.variant);
    std::map<std::string, Entry> products;  // by what their names say
    std::vector<Entry> damaged;
    bool of_tile = false;
    std::vector<std::string> special;
    const std::vector<std::string> files = files_below(search.root, &special);
    for (const std::string& name : special)
      for (const LayerPattern& layer : patterns)
        if (const auto parts = matched(layer.pattern, name);
            parts && (!parts->contains("tile") || canonical_tile(parts->at("tile")) == search.tile)) {
          damaged.push_back({name, std::nullopt, special_damage((search.root.empty() ? "." : search.root) + "/" + name), false});
          break;
        }
    for (const std::string& file : files)
      for (const LayerPattern& layer : patterns) {
        std::optional<NamePattern::Parts> parts;
        try {
          parts = layer.pattern.match(file, true);
        } catch (const UserError& error) {
          damaged.push_back({file, std::nullopt, error.what(), false});
          break;
        }
        if (!parts) continue;
        const std::string tile = parts->contains("tile") ? canonical_tile(parts->at("tile")) : search.tile;
        if (tile != search.tile && !search.beside) continue;
        of_tile = of_tile || tile == search.tile;
        parts->erase("band");
        if (parts->contains("date"))
          add_file(search, products, layer, file, *parts, tile, Date::parse(parts->at("date")),
                   layer.band ? layer.band->band - 1 : layer.mask->band - 1);
        else
          add_dates(search, products, damaged, layer, file, *parts, tile);
      }
    std::vector<Entry> entries = std::move(damaged);
    for (auto& [key, entry] : products)
      if (!search.beside || !of_tile || entry.candidate->product.tile == search.tile) entries.push_back(std::move(entry));
    return entries;
  }

  void find_layers(const Search& search, FoundProduct& candidate) const override {
    for (const SensorBand& band : search.sensor.bands)
      if (candidate.product.layers.contains(band.name)) candidate.bands.insert(band.name);
    for (const SensorMask& mask : search.sensor.masks) {
      if (candidate.product.layers.contains(mask.plane.name)) continue;
      if (mask.plane.optional)
        candidate.product.layers[mask.plane.name] = {};
      else
        candidate.problems.push_back(join_text("the mask ", mask.plane.name, " is missing; expected a file ",
                                               mask.file.empty() ? search.sensor.settings.at("file") : mask.file));
    }
    if (candidate.bands.empty()) candidate.problems.push_back("it has no band, only masks");
    set_offsets(search, candidate);
  }

  bool shares_grid() const override { return false; }

 private:
  static std::optional<NamePattern::Parts> matched(const NamePattern& pattern, const std::string& file) {
    try {
      return pattern.match(file, true);
    } catch (const UserError&) {  // an impossible date
      return std::nullopt;
    }
  }

  static void add_file(const Search& search, std::map<std::string, Entry>& products, const LayerPattern& layer, const std::string& file,
                       const NamePattern::Parts& parts, const std::string& tile, Date date, int band) {
    std::string key = date.compact(), pass;
    for (const auto& [part, text] : parts) {
      if (part == "date") continue;
      key += "|" + part + "=" + text;
      if (part != "version" && (part != "tile" || search.beside)) pass += (pass.empty() ? "" : "_") + text;
    }
    Entry& entry = products[key];
    if (!entry.candidate) {
      FoundProduct candidate;
      candidate.pass = pass;
      Product& product = candidate.product;
      product.path = search.root.empty() ? "." : search.root;
      product.tile = tile;
      product.date = date;
      if (const auto time = parts.find("time"); time != parts.end()) product.time = time->second;
      if (const auto version = parts.find("version"); version != parts.end()) {
        product.version = version->second;
        candidate.version = version_numbers(version->second);
      }
      product.name = parts.contains("date") ? fs::path(file).stem().string() : join_text(fs::path(file).stem().string(), " ", date.iso());
      entry.name = candidate.entry = parts.contains("date") ? file : join_text(file, " ", date.iso());
      entry.outside_period = search.is_outside(date);
      entry.candidate = std::move(candidate);
    }
    const std::string variable = layer.band ? layer.band->variable : layer.mask->variable;
    auto& layers = entry.candidate->product.layers;
    if (layers.contains(layer.name))
      entry.candidate->problems.push_back(
          join_text("two files are its ", layer.name, ": ", layers.at(layer.name).file, " and ", file,
                    "; give the folder of one of them as root, or tell them apart by a {word} in the pattern of a sensor file "
                    "of your own"));
    else
      layers[layer.name] = {
          .file = file, .variable = variable, .band = band, .grid = {}, .encoding = layer.band ? layer.band->encoding : Encoding{}};
  }

  // As descriptions of bands may name it: "B8", what the sensor file calls it, "nir".
  static std::vector<std::string> names_of(const LayerPattern& layer) {
    std::vector<std::string> names = {layer.name};
    const std::string& by_file = layer.band ? layer.band->file : layer.mask->file;
    if (by_file.find('{') == std::string::npos) names.push_back(by_file);
    if (layer.band) names.push_back(layer.band->common);
    return names;
  }

  static void add_dates(const Search& search, std::map<std::string, Entry>& products, std::vector<Entry>& others, const LayerPattern& layer,
                        const std::string& file, const NamePattern::Parts& parts, const std::string& tile) {
    const std::string path = (search.root.empty() ? "." : search.root) + "/" + file;
    const bool time_axis = search.sensor.dates == "time";
    try {
      const DatedBands bands = dated_bands(path, layer.band ? layer.band->variable : layer.mask->variable, time_axis);
      if (std::ranges::none_of(bands.moments, [](const auto& moment) { return moment.has_value(); }))
        throw UserError(join_text(file, ": no band says its date; expected descriptions such as 2021-05-11, got band ",
                                  join_list(bands.undated, ", ")));
      if (!bands.undated.empty())
        others.push_back({join_text(file, ": bands without a date: ", join_list(bands.undated, ", ")), {}, "", false});
      const std::vector<bool> is_own = bands.named(names_of(layer), file);
      std::map<Date, int> of_day;
      for (std::size_t i = 0; i < bands.moments.size(); ++i)
        if (bands.moments[i] && is_own[i]) ++of_day[bands.moments[i]->day];
      const bool is_scene = !layer.band || layer.band->unit == SampleUnit::reflectance || layer.band->unit == SampleUnit::decibel;
      std::map<std::pair<Date, std::string>, int> known;  // bands of a day and time
      std::vector<std::pair<std::size_t, NamePattern::Parts>> read;
      for (std::size_t i = 0; i < bands.moments.size(); ++i) {
        if (!bands.moments[i] || !is_own[i] || search.is_outside(bands.moments[i]->day)) continue;
        const Moment& moment = *bands.moments[i];
        NamePattern::Parts of_band = parts;
        const bool several = of_day.at(moment.day) > 1;
        if (several && time_axis && !is_scene)
          throw UserError(join_text(file, ": several steps of its time axis are of ", moment.day.iso(),
                                    "; expected one a day (cdo daymean or cdo daysum makes one of them)"));
        if (!moment.time.empty() && (several || !time_axis)) of_band.emplace("time", moment.time);
        const int before = known[{moment.day, moment.time}]++;
        if (before > 0) of_band["of_day"] = std::to_string(before + 1);  // passes of a day are merged
        read.emplace_back(i, std::move(of_band));
      }
      if (read.empty())  // the census says of which years there are some
        for (const auto& [day, n] : of_day) add_file(search, products, layer, file, parts, tile, day, 0);
      for (const auto& [i, of_band] : read)
        add_file(search, products, layer, file, of_band, tile, bands.moments[i]->day, static_cast<int>(i));
    } catch (const UserError& error) {
      others.push_back({file, std::nullopt, error.what(), false});
    }
  }

  // Cloud-optimised copies say in their metadata (STAC) whether the offset of their reflectances is applied already.
  static void set_offsets(const Search& search, FoundProduct& candidate) {
    const std::string flag = search.sensor.settings.at("offset_flag");
    if (flag.empty() || candidate.bands.empty()) return;
    const std::vector<ProductItem> items = items_beside(candidate);
    if (candidate.version.empty() && !items.empty()) candidate.version = version_of(items.front());
    std::vector<std::string> unknown;
    for (const std::string& name : candidate.bands) {
      const std::optional<bool> applied = said_by(items, *search.sensor.find_band(name), flag, search.variant);
      if (!applied) unknown.push_back(name);
      if (applied && *applied) candidate.product.layers.at(name).encoding.offset = 0;
    }
    if (!unknown.empty())
      candidate.problems.push_back(join_text("no JSON beside its files says \"", flag, "\", whether the offset of ",
                                             join_list(unknown, ", "), " is applied; add the item's metadata, or ", kChooseOffset));
  }

  static std::optional<bool> said_by(const std::vector<ProductItem>& items, const SensorBand& band, const std::string& flag,
                                     const std::string& variant) {
    for (const ProductItem& item : items)
      if (const auto said = offset_is_applied(item, band, flag, variant); said && (*said || variant != "raw")) return said;
    return offset_is_applied({}, band, flag, variant);
  }

  // The items whose metadata lie beside the files.
  static std::vector<ProductItem> items_beside(FoundProduct& candidate) {
    std::vector<ProductItem> items;
    const fs::path folder = fs::path(candidate.product.path) / fs::path(candidate.product.layers.begin()->second.file).parent_path();
    for (const std::string& name : sorted_names(folder.string())) {
      if (!name.ends_with(".json")) continue;
      const std::string file = (folder / name).string();
      if (!special_file(file).empty()) continue;
      const auto item = nlohmann::json::parse(text_of_file(file), nullptr, false);
      if (!item.is_object() || !item.contains("properties") || !item["properties"].is_object()) continue;
      candidate.metadata.push_back(file);
      items.push_back(product_item(item));
    }
    return items;
  }
};

}  // namespace

std::unique_ptr<ProductLayout> make_raster_series() { return std::make_unique<RasterSeries>(); }

void check_raster_series(const SensorFile& sensor) {
  for (const LayerPattern& layer : patterns_of(sensor, sensor.variants.empty() ? "" : sensor.variants.front())) {
    if (layer.pattern.text().empty())
      throw UserError(
          join_text(sensor.origin, ": ", layer.name, ": needs a pattern of its files; expected file in it, or for all bands at the top"));
    if (layer.pattern.has("date") == (sensor.dates == "name")) continue;
    throw UserError(sensor.dates == "name"
                        ? join_text(sensor.origin, ": ", layer.name, ": file: expected a pattern with {date}, got \"", layer.pattern.text(),
                                    "\"; or set dates = \"bands\" or \"time\" where the files themselves say their dates")
                        : join_text(sensor.origin, ": ", layer.name, ": file: the dates are in the files (dates = \"", sensor.dates,
                                    "\"), but \"", layer.pattern.text(), "\" has {date}, too; expected one of both"));
  }
}

}  // namespace millesime
