#include "pipeline/stages/vectorise.h"

#include <algorithm>

#include "pipeline/core/error.h"
#include "pipeline/core/file_name.h"
#include "pipeline/core/source_name.h"
#include "pipeline/core/text.h"
#include "pipeline/io/layer_choice.h"
#include "pipeline/io/polygon_writer.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/source_files.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/mosaic.h"

namespace millesime {
namespace {

CoverageMaps maps_of(const Config& config) {
  const MosaicMaps mosaic = mosaic_maps(config);
  return {config.regularise.enabled ? Layout(config).regularised() : mosaic.classification, mosaic.classification, mosaic.confidence,
          mosaic.validity};
}

nlohmann::json run_zone(const Config& config, const std::string& name, const std::vector<std::string>& files, const Context& context) {
  const CoverageMaps maps = maps_of(config);
  const Nomenclature nomenclature = Nomenclature::load(config.nomenclature);
  if (name.empty()) return to_json(vectorise_zone(maps, nomenclature, config.vectorise, nullptr, 0, files, context));
  const Zones zones = read_zones(config.vectorise.zones, RasterReader(maps.map).grid());
  const auto zone = std::ranges::find(zones.zones, name, &Zone::name);
  if (zone == zones.zones.end()) throw UserError(join_text(zones.path, ": the zone \"", name, "\" does not meet the map any more"));
  const auto number = static_cast<std::uint32_t>(zone - zones.zones.begin() + 1);
  nlohmann::json counts = to_json(vectorise_zone(maps, nomenclature, config.vectorise, &zones, number, files, context));
  if (!zones.notes.empty()) counts["notes"] = zones.notes;
  return counts;
}

std::optional<std::vector<Unit>> plan_vectorise(const Config& config) {
  const VectoriseOptions& options = config.vectorise;
  if (!options.enabled) return std::vector<Unit>{};
  const auto mosaic_units = mosaic_stage().plan(config);
  const std::optional<Grid> grid = mosaic_grid(config);
  if (!mosaic_units || !grid) return std::nullopt;
  const Layout layout(config);
  Unit every;
  every.stage = "vectorise";
  for (const Unit& sheet : *mosaic_units) every.inputs.insert(every.inputs.end(), sheet.outputs.begin(), sheet.outputs.end());
  if (config.regularise.enabled) every.inputs.push_back(layout.regularised());
  every.config_keys = {"vectorise"};
  every.facts = {"classes = " + Nomenclature::load(config.nomenclature).to_json()};
  const auto unit_of = [&](const std::string& zone, const std::string& key, const auto& file) {
    Unit unit = every;
    unit.key = key;
    for (const std::string& format : options.formats) unit.outputs.push_back(layout.vectors() + "/" + file(format));
    unit.run = [config, zone, files = unit.outputs](const Context& context) { return run_zone(config, zone, files, context); };
    return unit;
  };
  const auto whole = [&] {
    return unit_of("", kWholeMap, [&](const std::string& format) { return layout.product_name() + "." + format; });
  };
  if (options.zones.path.empty()) return std::vector<Unit>{whole()};
  std::vector<Unit> units;
  if (options.whole) units.push_back(whole());
  for (const std::string& file : files_of_source(options.zones.path)) every.inputs.push_back(file);
  if (const std::string part = part_of_source(options.zones.path); !part.empty()) every.facts.push_back("vectorise.zones = " + part);
  const Zones zones = read_zones(options.zones, *grid);
  const std::vector<std::string> names = zone_names(zones);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Zone& zone = zones.zones[i];
    const std::string key = file_name_of(options.prefix + names[i]), known = lower(key);
    if (options.whole && (known == lower(kWholeMap) || known == lower(layout.product_name())))
      throw UserError(join_text(options.zones.path, ": the zone \"", zone.name,
                                "\" would have the file name of the whole map (vectorise.whole); set vectorise.prefix"));
    units.push_back(unit_of(zone.name, key, [&](const std::string& format) { return zone_file(options, names[i], format); }));
  }
  return units;
}

void check_vectorise(const Config& config) {
  if (!config.vectorise.enabled) return;
  if (config.vectorise.formats.empty())
    throw UserError(config.file + ": vectorise.formats is empty; expected at least one of gpkg, fgb, parquet, zip, mbtiles, pmtiles");
  for (const std::string& format : config.vectorise.formats) require_polygon_format("vectorise.formats: polygons." + format);
  if (!config.vectorise.zones.path.empty() && config.vectorise.zones.field.empty())
    throw UserError(config.file + ": vectorise.zones needs also vectorise.zones_field, the field that names the zones");
}

void check_zones(const Config& config) {
  const ZoneOptions& zones = config.vectorise.zones;
  if (config.vectorise.enabled && !zones.path.empty()) require_polygons(zones.path, {zones.layer, "vectorise.zones_layer"}, {zones.field});
}

}  // namespace

Stage vectorise_stage() {
  return {.name = "vectorise",
          .summary = "makes polygons of the map, one output a zone, if vectorise.enabled",
          .reads = "the regularised map (without one the national map), the national map, its confidence and validity, zones",
          .writes = "OCS_<edition>.gpkg, or departement_<name>.gpkg for each zone, which publish puts into vectors/",
          .command = "vectorise",
          .example = "millesime run france-2021.toml --set vectorise.enabled=true --from vectorise --to vectorise",
          .revision = 3,
          .papers = {"Douglas and Peucker 1973, Cartographica 10(2)", "Visvalingam and Whyatt 1993, The Cartographic Journal 30(1)",
                     "Chaikin 1974, Computer Graphics and Image Processing 3"},
          .options = {"vectorise"},
          .kept_when_mending = false,
          .side_by_side = true,
          .units_from = {"catalog"},
          .plan = plan_vectorise,
          .check = check_vectorise,
          .check_files = check_zones};
}

}  // namespace millesime
