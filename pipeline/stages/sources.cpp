#include "pipeline/stages/sources.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <regex>
#include <sstream>

#include "kernels/ops/index_expression.h"
#include "pipeline/core/error.h"
#include "pipeline/core/internal/toml.h"
#include "pipeline/core/language.h"
#include "pipeline/core/manifest.h"
#include "pipeline/core/text.h"
#include "pipeline/io/census.h"
#include "pipeline/io/sensor.h"
#include "pipeline/reports/html.h"
#include "pipeline/stages/config.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/tiles.h"

namespace millesime {
namespace fs = std::filesystem;
namespace {

// A value as it is written in TOML.
std::string literal(const toml::node& node) {
  std::ostringstream text;
  node.visit([&](const auto& value) { text << value; });
  return text.str();
}

// The old form: [sensors.sentinel2_theia] with the keys of a [[source]].
void refuse_old_form(const toml::table& root, const std::string& file) {
  const auto* node = root.get("sensors");
  if (!node) return;
  std::string form;
  if (const auto* sensors = node->as_table())
    for (const auto& [name, keys] : *sensors) {
      form += "\n\n[[source]]\nsensor = \"" + std::string(name.str()) + "\"";
      if (const auto* table = keys.as_table())
        for (const auto& [key, value] : *table) form += "\n" + std::string(key.str()) + " = " + literal(value);
    }
  throw UserError(join_text(file, ":", node->source().begin.line, ": [sensors.NAME] is now [[source]]; expected instead", form));
}

std::string text_of(const toml::table& table, const char* key) {
  const auto* node = table.get_as<std::string>(key);
  return node ? node->get() : "";
}

// The sensor's file where the configuration names one in its own folder.
std::string sensor_in(const fs::path& folder, const std::string& sensor) {
  return !sensor.empty() && fs::is_regular_file(folder / sensor) ? (folder / sensor).lexically_normal().string() : sensor;
}

}  // namespace

void declare_source(SourceOptions& source, Options& o) {
  o.add("name", &source.name, "what the source is called in samples, models and reports; default: that of the sensor");
  o.add("sensor", &source.sensor, "a name in configs/sensors (`millesime sensors` lists them), or a file").required().names("sensor");
  o.add("root", &source.root,
        "folder of the products, <root>/<tile>/<product>, on a disk or in object storage (s3://, gs://, az://), or a list of STAC items")
      .path()
      .required();
  o.add("bands", &source.bands, "bands to read, in the order of the model, by their own or their common names; default: the sensor's");
  o.add("variant", &source.variant, "which of the sensor's variants of its images is read; default: the first");
  o.add("invalid", &source.invalid,
        "values of its masks that make a pixel invalid, or bits of masks of bits, instead of those of the sensor, e.g. "
        "\"SCL = 1, 3, 8, 9, 10, 11\"");
  o.add("skip_damaged", &source.skip_damaged, "leave out products that cannot be read, and record them, instead of stopping");
  o.add("resampling", &source.resampling, "method of resampling bands of other pixels to the tile's grid")
      .choices({"nearest", "bilinear", "cubic"});
}

std::vector<std::string> source_sections(const std::vector<SourceOptions>& sources) {
  std::vector<std::string> sections;
  for (const SourceOptions& source : sources) sections.push_back(sections.empty() ? "source" : "source." + source.name);
  return sections;
}

std::vector<SourceOptions> named_sources(const std::string& file) {
  const toml::table root = parse_toml(file);
  refuse_old_form(root, file);
  const auto* node = root.get("source");
  if (!node) return {SourceOptions{}};
  const auto* tables = node->as_array();
  const auto where = [&](const toml::node& at) { return join_text(file, ":", at.source().begin.line, ": [[source]]"); };
  if (!tables || tables->empty()) throw UserError(join_text(where(*node), ": expected tables [[source]] with sensor and root"));
  std::vector<SourceOptions> sources;
  for (const auto& entry : *tables) {
    const auto* table = entry.as_table();
    if (!table) throw UserError(join_text(where(entry), ": expected a table with sensor and root"));
    SourceOptions source;
    source.name = text_of(*table, "name");
    const std::string sensor = text_of(*table, "sensor");
    if (sensor.empty())
      throw UserError(join_text(where(entry), ": needs a sensor; known: ", join_list(known_sensors(), ", "), ", or a sensor file"));
    try {
      if (source.name.empty()) source.name = SensorFile::load(sensor_in(fs::path(file).parent_path(), sensor)).source;
    } catch (const UserError& error) {
      throw with_context(where(entry), error);
    }
    if (source.name.find_first_of("./ \"") != std::string::npos || source.name.empty())
      throw UserError(join_text(where(entry), ": name: expected letters, digits and _, got \"", source.name, "\""));
    for (const SourceOptions& other : sources)
      if (other.name == source.name)
        throw UserError(join_text(where(entry), ": two sources are named \"", source.name,
                                  "\"; expected a name of its own for each, e.g. name = \"", source.name, "_2\""));
    sources.push_back(std::move(source));
  }
  return sources;
}

void resolve_sources(std::vector<SourceOptions>& sources, const std::string& file) {
  const fs::path folder = fs::path(file).parent_path();
  for (SourceOptions& source : sources) {
    source.sensor = sensor_in(folder, source.sensor);
    try {
      const SensorFile sensor = SensorFile::load(source.sensor);
      if (source.name.empty()) source.name = sensor.source;
      source.bands = source.bands.empty() ? sensor.default_bands() : sensor.own_names(source.bands, "bands");
      if (!source.variant.empty() && std::ranges::find(sensor.variants, source.variant) == sensor.variants.end())
        throw UserError(join_text("variant: expected one of ", join_list(sensor.variants, ", "), ", got \"", source.variant, "\""));
      std::vector<MaskPlane> masks = sensor.planes();
      change_invalid(masks, source.invalid);
    } catch (const UserError& error) {
      throw with_context(join_text(file, ": [[source]] ", source.name), error);
    }
  }
}

namespace {

// What the bands that the table of indices names are called whatever the sensor.
std::string common_of_table(const std::string& band) {
  static const std::map<std::string, std::string> names = {{"B2", "blue"},       {"B3", "green"},      {"B4", "red"}, {"B5", "red_edge_1"},
                                                           {"B6", "red_edge_2"}, {"B7", "red_edge_3"}, {"B8", "nir"}, {"B8A", "nir_narrow"},
                                                           {"B11", "swir_1"},    {"B12", "swir_2"}};
  const auto known = names.find(band);
  return known == names.end() ? "" : known->second;
}

// The own name of a band by its common name; near infrared may be the narrow one.
std::string own_name(const std::string& common, const SensorFile& sensor) {
  const SensorBand* band = sensor.find_band(common);
  if (!band && common == "nir") band = sensor.find_band("nir_narrow");
  return band ? band->name : "";
}

// Every name of an expression changed.
template <class Changed>
std::string with_names(const std::string& expression, const Changed& change) {
  std::string text, name;
  for (std::size_t i = 0; i <= expression.size(); ++i) {
    const char c = i < expression.size() ? expression[i] : ' ';
    const bool letter = std::isalpha(static_cast<unsigned char>(c)) || c == '_', digit = std::isdigit(static_cast<unsigned char>(c)) != 0;
    if (letter || (digit && !name.empty())) {
      name += c;
      continue;
    }
    if (!name.empty()) text += change(name);
    name.clear();
    if (i < expression.size()) text += c;
  }
  return text;
}

// What a source has of other dates, over all tiles: "2019 (12 products)"; "" without any. The censuses on disk leave it out.
std::string other_years(const Config& config, const SourceOptions& source, Date first, Date last) {
  const Layout layout(config);
  std::vector<OutsidePeriod> others;
  for (const std::string& tile : tiles_of(config)) {
    CensusRequest request = census_request(source, tile, first, last);
    request.grid = TileImages::read(layout.census(tile)).grid;
    const SourceCensus census = make_sensor(source.sensor)->take_census(request);
    others.insert(others.end(), census.outside_period.begin(), census.outside_period.end());
  }
  return years_of(others);
}

}  // namespace

std::vector<std::string> own_indices(const std::vector<std::string>& indices, const SensorFile& sensor) {
  std::vector<std::string> own;
  for (const std::string& index : indices) {
    if (is_index_expression(index)) {
      const auto sign = index.find('=') + 1;
      own.push_back(index.substr(0, sign) + with_names(index.substr(sign), [&](const std::string& name) {
                      const bool is_own = std::ranges::find(sensor.bands, name, &SensorBand::name) != sensor.bands.end();
                      const std::string found = is_own ? name : own_name(name, sensor);
                      return found.empty() ? name : found;
                    }));
      continue;
    }
    const auto& known = known_indices();
    const auto info = std::ranges::find_if(known, [&](const IndexInfo& each) { return lower(each.name) == lower(index); });
    const auto means = [&](const std::string& band) { return own_name(common_of_table(band), sensor); };
    if (info == known.end() || std::ranges::all_of(info->bands, [&](const std::string& band) { return means(band) == band; })) {
      own.push_back(index);  // of Sentinel-2, of all bands, or unknown, which whoever plans it says
      continue;
    }
    for (const std::string& band : info->bands)
      if (means(band).empty())
        throw UserError(join_text("index ", info->name, ": needs the band ", common_of_table(band), ", which ", sensor.name,
                                  " has not; its bands are ", join_list(sensor.band_names(), ", ")));
    static const std::regex factor("([0-9.]+) ([A-Za-z(])");  // 6 B4 is 6 * B4
    own.push_back(info->name + " = " + with_names(std::regex_replace(info->formula, factor, "$1 * $2"), means));
  }
  return own;
}

std::vector<std::string> indices_elsewhere(const std::vector<std::string>& indices, const SensorFile& sensor,
                                           const std::vector<std::string>& bands) {
  std::vector<std::string> own;
  for (const std::string& index : indices) {
    if (sensor.unit != SampleUnit::reflectance && !is_index_expression(index)) continue;
    bool is_common = true;  // a name of the first source may be that of another band here
    if (is_index_expression(index))
      with_names(index.substr(index.find('=') + 1), [&](const std::string& name) {
        const auto& common = common_band_names();
        is_common = is_common && std::ranges::find(common, name) != common.end();
        return name;
      });
    if (!is_common) continue;
    try {
      const std::vector<std::string> here = own_indices({index}, sensor);
      plan_indices(here, bands);
      own.push_back(here.front());
    } catch (const UserError&) {  // it needs what this source has not
    }
  }
  return own;
}

CensusRequest census_request(const SourceOptions& source, const std::string& tile, Date first, Date last) {
  return {source.name, source.root, tile, source.variant, source.bands, first, last, source.invalid};
}

void require_sources_somewhere(const Config& config) {
  if (config.sources.size() < 2 || config.classify.missing_sources) return;
  const Layout layout(config);
  std::vector<std::size_t> acquisitions(config.sources.size(), 0);
  for (const std::string& tile : tiles_of(config)) {
    const TileImages images = TileImages::read(layout.census(tile));
    for (std::size_t s = 0; s < std::min(images.sources.size(), acquisitions.size()); ++s)
      acquisitions[s] += images.sources[s].acquisitions.size();
    if (std::ranges::find(acquisitions, 0U) == acquisitions.end()) return;
  }
  for (std::size_t s = 1; s < acquisitions.size(); ++s) {
    if (acquisitions[s] > 0) continue;
    const auto [first, last] = config.days();
    const std::string others = other_years(config, config.sources[s], first, last);
    throw UserError(join_text(config.file, ": [[source]] ", config.sources[s].name, ": expected acquisitions from ", first.iso(), " to ",
                              last.iso(), " under ", config.sources[s].root, ", found none over any tile",
                              others.empty() ? "; correct root" : ", but products of " + others + "; set year or period to these",
                              ", or leave the source out (classify.missing_sources = true maps without it)"));
  }
}

std::vector<std::string> source_roots(const Config& config) {
  std::vector<std::string> roots;
  for (const SourceOptions& source : config.sources) roots.push_back(source.root);
  return roots;
}

std::vector<std::string> notes_on_sources(const Config& config, Language language) {
  const html::Words w{language};
  struct Share {
    std::int64_t mapped = 0, without = 0;
    std::vector<std::string> tiles;  // without any acquisition
  };
  std::map<std::string, Share> shares;
  const Layout layout(config);
  for (const std::string& tile : config.sources.size() > 1 ? tiles_of(config) : std::vector<std::string>{}) {
    const auto manifest = whole_manifest(layout.manifest("classify", tile));
    if (!manifest || !manifest->counts.contains("sources")) continue;
    const nlohmann::json& counts = manifest->counts;
    std::int64_t mapped = 0;
    for (const auto& [code, pixels] : counts.at("classes").items()) mapped += pixels.get<std::int64_t>();
    for (const auto& [source, of_tile] : counts.at("sources").items()) {
      Share& share = shares[source];
      share.mapped += mapped, share.without += of_tile.at("mapped_without").get<std::int64_t>();
      if (of_tile.at("acquisitions").get<std::int64_t>() == 0) share.tiles.push_back(tile);
    }
  }
  std::vector<std::string> notes;
  for (const auto& [source, share] : shares) {
    if (share.without == 0) continue;
    notes.push_back(join_text(
        source, w(" sees no part of ", " ne voit pas "),
        w.percent(static_cast<double>(share.without) / static_cast<double>(std::max<std::int64_t>(1, share.mapped))),
        w(" of the mapped pixels (", " des pixels cartographiés ("), share.without,
        w(" px), which are mapped without it", " px), qui sont classés sans elle"),
        share.tiles.empty() ? ""
                            : w("; it has no acquisition over ", " ; elle n’a aucune acquisition sur ") + join_list(share.tiles, ", ")));
  }
  return notes;
}

std::vector<std::string> source_keys(const Config& config, const std::vector<std::string>& names) {
  std::vector<std::string> keys;
  for (const std::string& section : source_sections(config.sources))
    for (const std::string& name : names) keys.push_back(section + "." + name);
  return keys;
}

}  // namespace millesime
