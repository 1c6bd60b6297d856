#include "pipeline/io/sensor_file.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/checksum.h"
#include "pipeline/core/configs.h"
#include "pipeline/core/error.h"
#include "pipeline/core/internal/toml.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/core/source_name.h"
#include "pipeline/core/text.h"
#include "pipeline/io/sensors/layout.h"

namespace millesime {
namespace fs = std::filesystem;
using nlohmann::ordered_json;

const std::vector<std::string>& common_band_names() {
  static const std::vector<std::string> names = {"coastal",    "blue",       "green",   "yellow",      "red",          "red_edge_1",
                                                 "red_edge_2", "red_edge_3", "nir",     "nir_narrow",  "water_vapour", "cirrus",
                                                 "swir_1",     "swir_2",     "thermal", "thermal_2",   "vv",           "vh",
                                                 "hh",         "hv",         "ndvi",    "temperature", "precipitation"};
  return names;
}

namespace {

// Every key of a band, and those of it that may stand at the top level for all bands.
const std::vector<std::string> kScaling = {"scale", "offset", "nodata", "valid_range", "encoding", "unit"};
const std::vector<std::string> kBandKeys = {"name",  "common", "file",   "asset",  "files",       "variable", "band", "resolution",
                                            "extra", "scale",  "offset", "nodata", "valid_range", "encoding", "unit"};
const std::vector<std::string> kMaskKeys = {"name",    "file",         "asset", "variable", "band",          "valid",
                                            "invalid", "invalid_bits", "image", "no_image", "no_image_bits", "optional"};

class Reader {
 public:
  explicit Reader(const std::string& file) : file_(file), root_(parse_toml(file)) {}

  SensorFile read() {
    SensorFile sensor;
    sensor.layout = text(root_, "layout");
    const std::vector<std::string> layouts = known_layouts();
    if (std::ranges::find(layouts, sensor.layout) == layouts.end())
      throw UserError(join_text(file_, ": layout: expected one of ", join_list(layouts, ", "), ", got \"", sensor.layout, "\""));
    std::vector<std::string> keys = {"title",    "platform", "source", "layout",    "resolution", "product",          "tile",       "dates",
                                     "variants", "band",     "mask",   "syntheses", "items",      "variant_property", "list_sensor"};
    keys.insert(keys.end(), kScaling.begin(), kScaling.end());
    const std::vector<std::string> own = layout_settings(sensor.layout);
    keys.insert(keys.end(), own.begin(), own.end());
    check_keys(file_, root_, keys);
    sensor.title = text(root_, "title");
    sensor.platform = text(root_, "platform");
    sensor.source = text(root_, "source");
    sensor.resolution = number(root_, "resolution").value_or(0);
    sensor.product = text(root_, "product");
    sensor.tile = text(root_, "tile");
    if (sensor.tile.empty()) sensor.tile = "[A-Za-z0-9]+";
    sensor.dates = text(root_, "dates");
    if (sensor.dates.empty()) sensor.dates = "name";
    if (sensor.dates != "name" && sensor.dates != "bands" && sensor.dates != "time")
      throw UserError(join_text(file_, ": dates: expected name, bands or time, got \"", sensor.dates, "\""));
    sensor.unit = unit_of(root_, SampleUnit::reflectance);
    if (const auto* node = root_.get("syntheses")) sensor.syntheses = node->value_or(false);
    if (const auto* list = array(root_, "variants"))
      for (const auto& node : *list) sensor.variants.push_back(node.value_or(std::string()));
    for (const std::string& name : texts(root_, "items")) sensor.items.emplace_back(lower(name), sensor.tile, file_ + ": items");
    sensor.variant_property = text(root_, "variant_property");
    sensor.list_sensor = text(root_, "list_sensor");
    for (const std::string& key : own) sensor.settings[key] = setting(key);
    for_each("band", [&](const toml::table& table, const std::string& at) { sensor.bands.push_back(band(table, at, sensor)); });
    for_each("mask", [&](const toml::table& table, const std::string& at) { sensor.masks.push_back(mask(table, at, sensor)); });
    if (sensor.bands.empty()) throw UserError(join_text(file_, ": has no [[band]]"));
    if (std::ranges::count_if(sensor.masks, [](const SensorMask& each) { return each.plane.meaning.tells_images(); }) > 1)
      throw UserError(join_text(file_, ": two masks say where there is no image (image, no_image, no_image_bits); expected at most one"));
    return sensor;
  }

 private:
  std::string where(const toml::node& node) const { return place_of(file_, node); }

  std::string text(const toml::table& table, const char* key) const {
    const auto* node = table.get(key);
    if (!node) return "";
    const auto* value = node->as_string();
    if (!value) throw UserError(join_text(where(*node), ": ", key, ": expected a text"));
    return value->get();
  }

  // A text, or a list of texts.
  std::vector<std::string> texts(const toml::table& table, const char* key) const {
    const auto* node = table.get(key);
    if (!node) return {};
    if (!node->is_array()) return {text(table, key)};
    std::vector<std::string> list;
    for (const auto& each : *node->as_array()) {
      if (!each.is_string()) throw UserError(join_text(where(each), ": ", key, ": expected a text"));
      list.push_back(each.as_string()->get());
    }
    return list;
  }

  std::optional<double> number(const toml::table& table, const char* key) const {
    const auto* node = table.get(key);
    if (!node) return std::nullopt;
    const auto value = node->value<double>();
    if (!value) throw UserError(join_text(where(*node), ": ", key, ": expected a number"));
    return *value;
  }

  const toml::array* array(const toml::table& table, const char* key) const {
    const auto* node = table.get(key);
    if (!node) return nullptr;
    if (!node->is_array()) throw UserError(join_text(where(*node), ": ", key, ": expected a list"));
    return node->as_array();
  }

  std::vector<int> integers(const toml::table& table, const char* key) const {
    std::vector<int> values;
    if (const auto* list = array(table, key))
      for (const auto& node : *list) {
        const auto value = node.value_exact<std::int64_t>();
        if (!value || *value < -32768 || *value > 65535)
          throw UserError(join_text(where(node), ": ", key, ": expected whole numbers from -32768 to 65535"));
        values.push_back(static_cast<int>(*value));
      }
    return values;
  }

  std::string setting(const std::string& key) const {
    const auto* node = root_.get(key);
    if (!node) return "";
    if (const auto* value = node->as_string()) return value->get();
    if (const auto value = node->value<double>()) return join_text(*value);
    throw UserError(join_text(where(*node), ": ", key, ": expected a text or a number"));
  }

  template <class F>
  void for_each(const char* name, F&& f) const {
    const auto* list = array(root_, name);
    if (!list) return;
    for (const auto& node : *list) {
      const auto* table = node.as_table();
      const std::string at = join_text(where(node), ": [[", name, "]]");
      if (!table) throw UserError(join_text(at, ": expected a table"));
      f(*table, at);
    }
  }

  SampleUnit unit_of(const toml::table& table, SampleUnit otherwise) const {
    const std::string name = text(table, "unit");
    if (name.empty()) return otherwise;
    if (const auto unit = sample_unit(name)) return *unit;
    throw UserError(join_text(where(*table.get("unit")),
                              ": unit: expected reflectance, decibel, celsius, millimetre, index or number, got \"", name, "\""));
  }

  // What a band says of its numbers, or the sensor for all bands.
  Encoding encoding(const toml::table& table, SampleUnit unit) const {
    const auto of = [&](const char* key) {
      const auto value = number(table, key);
      return value ? value : number(root_, key);
    };
    Encoding encoding;
    const std::string kind = text(table, "encoding").empty() ? text(root_, "encoding") : text(table, "encoding");
    if (!kind.empty() && kind != "power" && kind != "linear" && kind != "file")
      throw UserError(join_text(file_,
                                ": encoding: expected linear, file (as the file states by scale and offset) or power (a linear power, "
                                "which becomes decibel), got \"",
                                kind, "\""));
    const auto scale = of("scale"), offset = of("offset");
    if (scale && *scale == 0)
      throw UserError(join_text(file_, ": scale: expected another number than 0, with which every value is the same"));
    if (kind == "power") {
      if (unit != SampleUnit::decibel) throw UserError(join_text(file_, ": encoding = \"power\": expected unit = \"decibel\""));
      encoding.kind = Encoding::Kind::power;
      encoding.factor = per_unit(unit);
    } else if (scale || offset || !kind.empty()) {
      encoding.kind = kind == "file" ? Encoding::Kind::file : Encoding::Kind::linear;
      encoding.factor = scale.value_or(1) * per_unit(unit);
      encoding.offset = offset.value_or(0) * per_unit(unit);
    }
    encoding.nodata = of("nodata");
    const auto* range = array(table, "valid_range") ? array(table, "valid_range") : array(root_, "valid_range");
    if (range) {
      if (range->size() != 2 || !(*range)[0].value<double>() || !(*range)[1].value<double>())
        throw UserError(join_text(where(*range), ": valid_range: expected two numbers, the least and the most of the file"));
      encoding.least = (*range)[0].value<double>(), encoding.most = (*range)[1].value<double>();
    }
    return encoding;
  }

  // Only formats whose drivers read in several threads, and that cannot make GDAL open another file.
  std::string variable(const toml::table& table, const std::string& at) const {
    const std::string name = text(table, "variable"), format = format_of_variable(name);
    if (format != "NETCDF" && format != "HDF4_EOS" && format != "HDF4_SDS")
      throw UserError(join_text(at,
                                ": variable: expected the name of a variable, or GDAL's name that begins with NETCDF:, HDF4_EOS: or "
                                "HDF4_SDS: and has {file} in the place of the file, got \"",
                                name,
                                "\"; variables of HDF5 files are named "
                                "NETCDF:\"{file}\":/group/variable"));
    return name;
  }

  SensorBand band(const toml::table& table, const std::string& at, const SensorFile& sensor) const {
    check_keys(file_, table, kBandKeys);
    SensorBand band;
    band.name = text(table, "name");
    band.common = text(table, "common");
    band.file = text(table, "file");
    if (const auto* files = table.get_as<toml::table>("files"))
      for (const auto& [beginning, node] : *files) band.files[std::string(beginning.str())] = node.value_or(std::string());
    band.assets = texts(table, "asset");
    band.variable = variable(table, at);
    band.band = static_cast<int>(number(table, "band").value_or(1));
    band.resolution = number(table, "resolution").value_or(sensor.resolution);
    band.unit = unit_of(table, sensor.unit);
    band.encoding = encoding(table, band.unit);
    if (const auto* node = table.get("extra")) band.extra = node->value_or(false);
    if (band.name.empty()) throw UserError(join_text(at, ": needs a name"));
    if (band.band < 1) throw UserError(join_text(at, ": band: expected its number in the file, from 1, got ", band.band));
    if (!band.common.empty()) {
      const auto& known = common_band_names();
      if (std::ranges::find(known, band.common) == known.end()) {
        const std::string near = nearest_name(band.common, known);
        throw UserError(join_text(at, ": band ", band.name, ": common: unknown common name \"", band.common, "\"",
                                  near.empty() ? "" : ", did you mean " + near + "?", "; known are ", join_list(known, ", ")));
      }
    }
    for (const SensorBand& other : sensor.bands) {
      if (other.name == band.name) throw UserError(join_text(at, ": two bands are named ", band.name));
      if (!band.common.empty() && other.common == band.common)
        throw UserError(join_text(at, ": two bands have the common name ", band.common, ": ", other.name, " and ", band.name));
      if (other.name == band.common || other.common == band.name)
        throw UserError(join_text(at, ": a band is named like the common name of another: ", band.name, ", ", other.name));
    }
    return band;
  }

  SensorMask mask(const toml::table& table, const std::string& at, const SensorFile& sensor) const {
    check_keys(file_, table, kMaskKeys);
    SensorMask mask;
    mask.plane.name = text(table, "name");
    mask.file = text(table, "file");
    mask.assets = texts(table, "asset");
    mask.variable = variable(table, at);
    mask.band = static_cast<int>(number(table, "band").value_or(1));
    if (const auto* node = table.get("optional")) mask.plane.optional = node->value_or(false);
    MaskMeaning& meaning = mask.plane.meaning;
    meaning = {integers(table, "valid"), integers(table, "invalid"),  integers(table, "invalid_bits"),
               integers(table, "image"), integers(table, "no_image"), integers(table, "no_image_bits")};
    if (mask.plane.name.empty()) throw UserError(join_text(at, ": needs a name"));
    if (mask.band < 1) throw UserError(join_text(at, ": band: expected its number in the file, from 1, got ", mask.band));
    if (meaning == MaskMeaning{})
      throw UserError(join_text(at, ": mask ", mask.plane.name,
                                ": says nothing; expected valid, invalid, invalid_bits, image, no_image or no_image_bits"));
    std::set<int> bits, values;
    for (const auto* list : {&meaning.invalid_bits, &meaning.no_image_bits})
      for (const int bit : *list) {
        if (bit < 0 || bit > 15) throw UserError(join_text(at, ": mask ", mask.plane.name, ": expected bits from 0 to 15, got ", bit));
        if (!bits.insert(bit).second)
          throw UserError(
              join_text(at, ": mask ", mask.plane.name, ": bit ", bit, " is named twice; expected once, in invalid_bits or no_image_bits"));
      }
    for (const auto* list : {&meaning.valid_values, &meaning.invalid_values, &meaning.no_image_values})
      for (const int value : *list)
        if (!values.insert(value).second)
          throw UserError(join_text(at, ": mask ", mask.plane.name, ": value ", value,
                                    " is named twice; expected once, in valid, invalid or no_image"));
    for (const SensorMask& other : sensor.masks)
      if (other.plane.name == mask.plane.name) throw UserError(join_text(at, ": two masks are named ", mask.plane.name));
    if (sensor.find_band(mask.plane.name)) throw UserError(join_text(at, ": mask and band are both named ", mask.plane.name));
    return mask;
  }

  std::string file_;
  toml::table root_;
};

std::string file_of(const std::string& name_or_file) {
  if (fs::is_regular_file(name_or_file)) return name_or_file;
  const std::string known = (fs::path(configs_folder()) / "sensors" / (name_or_file + ".toml")).string();
  const bool bare = !name_or_file.empty() && name_or_file.find_first_of("/\\.") == std::string::npos;
  if (bare && fs::is_regular_file(known)) return known;
  const std::vector<std::string> names = known_sensors();
  const std::string near = nearest_name(name_or_file, names);
  throw UserError(join_text("unknown sensor \"", name_or_file, "\"", bare ? "" : ": no such file",
                            near.empty() ? "" : ", did you mean " + near + "?", "; known: ", join_list(names, ", "),
                            "; or a sensor file (configs/sensors/README.md)"));
}

}  // namespace

std::vector<std::string> known_sensors() { return names_in_configs("sensors"); }

SensorFile SensorFile::load(const std::string& name_or_file) {
  const std::string file = file_of(name_or_file);
  SensorFile sensor = Reader(file).read();
  sensor.name = fs::path(file).stem().string();
  sensor.origin = file;
  sensor.digest = xxh3(read_text(file));
  if (sensor.source.empty()) sensor.source = sensor.name;
  check_layout(sensor);
  return sensor;
}

std::vector<std::string> SensorFile::band_names() const {
  std::vector<std::string> names;
  for (const SensorBand& band : bands) names.push_back(band.name);
  return names;
}

std::vector<std::string> SensorFile::default_bands() const {
  std::vector<std::string> names;
  for (const SensorBand& band : bands)
    if (!band.extra) names.push_back(band.name);
  return names;
}

const SensorBand* SensorFile::find_band(const std::string& asked) const {
  const auto found = std::ranges::find_if(bands, [&](const SensorBand& band) { return band.name == asked || band.common == asked; });
  return asked.empty() || found == bands.end() ? nullptr : &*found;
}

std::vector<std::string> SensorFile::own_names(const std::vector<std::string>& asked, const std::string& key) const {
  std::vector<std::string> own;
  for (const std::string& each : asked) {
    const SensorBand* band = find_band(each);
    if (!band) {
      std::vector<std::string> known = band_names(), all = known;
      for (const SensorBand& other : bands)
        if (!other.common.empty()) all.push_back(other.common);
      const std::string near = nearest_name(each, all);
      throw UserError(join_text(key, ": unknown band \"", each, "\"", near.empty() ? "" : ", did you mean " + near + "?", "; known are ",
                                join_list(known, ", ")));
    }
    own.push_back(band->name);
  }
  return own;
}

std::vector<MaskPlane> SensorFile::planes() const {
  std::vector<MaskPlane> planes;
  for (const SensorMask& mask : masks) planes.push_back(mask.plane);
  return planes;
}

ordered_json SensorFile::to_json() const {
  ordered_json document{
      {"name", name},     {"title", title}, {"platform", platform}, {"layout", layout}, {"unit", millesime::to_text(unit)},
      {"source", source}, {"file", origin}};
  if (!variants.empty()) document["variants"] = variants;
  document["bands"] = ordered_json::array();
  for (const SensorBand& band : bands) {
    ordered_json entry{
        {"name", band.name}, {"common", band.common}, {"resolution", band.resolution}, {"unit", millesime::to_text(band.unit)}};
    entry["encoding"] = band.encoding.to_json();
    if (band.extra) entry["extra"] = true;
    document["bands"].push_back(entry);
  }
  document["masks"] = ordered_json::array();
  for (const SensorMask& mask : masks) document["masks"].push_back(mask.plane.to_json());
  return document;
}

}  // namespace millesime
