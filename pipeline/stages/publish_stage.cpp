// The publish stage: what of a production is published. publish.cpp makes the products.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/language.h"
#include "pipeline/core/manifest.h"
#include "pipeline/core/text.h"
#include "pipeline/core/version.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/mosaic.h"
#include "pipeline/stages/publish.h"
#include "pipeline/stages/regularise.h"
#include "pipeline/stages/tiles.h"
#include "pipeline/stages/train.h"
#include "pipeline/stages/vectorise.h"

namespace millesime {

namespace fs = std::filesystem;

namespace {

// Options that say where a run computes do not belong to the products.
bool shapes_the_map(const std::string& key) {
  static const std::set<std::string> others = {"device", "threads", "memory", "output", "classify.batch"};
  const bool is_place = key.starts_with("source.") && key.ends_with(".root");
  return !is_place && !others.contains(key);
}

// Of a path, or of one as a TOML literal.
std::string last_part(const std::string& text) {
  const bool literal = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  const std::string path = literal ? text.substr(1, text.size() - 2) : text;
  const fs::path normal = fs::path(path).lexically_normal();
  return (normal.filename().empty() ? normal.parent_path() : normal).filename();
}

// The options that samples, models and maps of tiles were made with, where they are not those of the configuration: --tiles and --from keep
// what is there. "10, 77" where some were made with one and some with another.
std::map<std::string, std::string> options_of_what_was_made(const Config& config) {
  const Layout layout(config);
  std::vector<std::string> manifests;
  for (const std::string& tile : tiles_of(config))
    for (const char* stage : {"sample", "classify"}) manifests.push_back(layout.manifest(stage, tile));
  if (config.model.path.empty())
    for (const TrainedModel& model : models_of(config).value_or(ProductionModels{}).trained)
      manifests.push_back(layout.manifest("train", fs::path(model.file).stem().string()));
  std::map<std::string, std::set<std::string>> made;
  for (const std::string& file : manifests)
    if (const auto manifest = whole_manifest(file))
      for (const auto& [key, value] : manifest->config) made[key].insert(value);
  std::map<std::string, std::string> options;
  for (const auto& [key, values] : made) options[key] = join_list({values.begin(), values.end()}, ", ");
  return options;
}

// What a report tells of paths is the name of a file or folder: where it lay is nobody's business, and no part of the product.
std::vector<NamedValue> effective_config(Config config) {
  const auto of_what_was_made = options_of_what_was_made(config);
  std::vector<NamedValue> values;
  const Options options = config.declare();
  for (const Option& option : options.all())
    if (shapes_the_map(option.key()))
      values.emplace_back(option.key(), option.is_path() ? last_part(option.value_text()) : option.value_text());
  for (auto& [key, value] : values)
    if (const auto made = of_what_was_made.find(key); made != of_what_was_made.end()) value = made->second;
  for (const ExogenousOptions& exogenous : config.exogenous) values.emplace_back("exogenous." + exogenous.name, last_part(exogenous.path));
  return values;
}

// What training counts (train_model), for readers.
std::string name_of_fact(const std::string& key, Language language) {
  const std::tuple<const char*, const char*, const char*> names[] = {{"samples", "samples", "échantillons"},
                                                                     {"held_out", "samples held out", "échantillons mis de côté"},
                                                                     {"parameters", "parameters", "paramètres"},
                                                                     {"epoch", "epoch that was kept", "époque retenue"}};
  for (const auto& [name, english, french] : names)
    if (key == name) return say(language, english, french);
  return key;
}

// The provenance of the models of this production, from the manifests of training: of its regions and seeds, and no others.
std::vector<std::pair<std::string, std::vector<NamedValue>>> facts_of_models(const Config& config, const Layout& layout) {
  std::vector<std::pair<std::string, std::vector<NamedValue>>> models;
  if (!config.model.path.empty()) return {{last_part(config.model.path), {}}};
  for (const TrainedModel& model : models_of(config).value_or(ProductionModels{}).trained) {
    const std::string key_of_model = fs::path(model.file).stem().string(), file = layout.manifest("train", key_of_model);
    const auto manifest = whole_manifest(file);
    if (!manifest) continue;
    std::vector<NamedValue> facts;
    for (const auto& [key, value] : manifest->counts.items()) {
      const std::string name = name_of_fact(key, language_of(config.publish.language));
      if (value.is_string())
        facts.emplace_back(name, value.get<std::string>());
      else if (value.is_number_float())
        facts.emplace_back(name, join_text(std::round(value.get<double>() * 1e4) / 1e4));
      else if (!value.is_structured() && !value.is_null())
        facts.emplace_back(name, json_text(value));
    }
    models.emplace_back(key_of_model, std::move(facts));
  }
  std::ranges::sort(models);
  return models;
}

// Sums of what the manifests of classification count.
std::vector<NamedValue> unmapped_pixels(const Config& config, const Layout& layout) {
  const Language language = language_of(config.publish.language);
  const std::pair<const char*, const char*> reasons[] = {
      {"no_image", say(language, "no image", "aucune image")},
      {"no_valid_observation", say(language, "images, and no valid observation", "des images, et aucune observation valide")},
      {"outside_regions", say(language, "outside all regions", "hors de toute région")},
      {"region_without_model", say(language, "in a region without a model", "dans une région sans modèle")},
      {"outside_area", say(language, "outside the area that is mapped", "hors de la zone cartographiée")}};
  std::map<std::string, std::int64_t> sums;
  for (const std::string& tile : tiles_of(config))
    if (const auto manifest = whole_manifest(layout.manifest("classify", tile)); manifest && manifest->counts.contains("unmapped"))
      for (const auto& [reason, pixels] : manifest->counts.at("unmapped").items()) sums[reason] += pixels.get<std::int64_t>();
  std::vector<NamedValue> rows;
  if (!sums.empty())
    for (const auto& [reason, text] : reasons)
      if (sums.contains(reason) || std::string_view(reason) != "outside_area")
        rows.emplace_back(text, std::to_string(sums[reason]) + " px");
  return rows;
}

// Another edition that is published later changes the file: it is then made anew, which takes no time.
// Folders with an item of the collection: a new one, or one that was removed, changes it. Its own is there once it is published.
std::vector<std::string> editions_beside(const Layout& layout) {
  std::vector<std::string> editions;
  const fs::path own(layout.root);
  std::error_code error;
  for (fs::directory_iterator it(own.parent_path(), error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    std::error_code none;
    if (it->path().filename() != own.filename() && fs::exists(it->path() / join_text("OCS_", name, ".json"), none))
      editions.push_back(name);
  }
  std::ranges::sort(editions);
  return editions;
}

Unit collection_unit(const Config& config, const Layout& layout, const Publication& publication) {
  Unit unit;
  unit.stage = "publish";
  unit.key = "collection";
  unit.inputs = {publication.folder + "/" + publication.name + ".json"};
  unit.outputs = {layout.collection()};
  unit.config_keys = {"publish"};
  unit.facts = {"classes = " + publication.nomenclature.to_json()};
  for (const std::string& tile : publication.left_out) unit.facts.push_back("without tile " + tile);
  for (const std::string& edition : editions_beside(layout)) unit.facts.push_back("edition " + edition);
  unit.run = [file = layout.collection(), options = config.publish, nomenclature = publication.nomenclature](const Context&) {
    publish_collection(file, options, nomenclature);
    return nlohmann::json::object();
  };
  return unit;
}

std::optional<std::vector<Unit>> plan_publish(const Config& config) {
  const Layout layout(config);
  const auto mosaic_units = mosaic_stage().plan(config);
  if (!mosaic_units) return std::nullopt;

  Publication publication;
  const MosaicMaps maps = mosaic_maps(config);
  publication.classification = maps.classification;
  publication.confidence = maps.confidence;
  publication.validity = maps.validity;
  publication.uncertainty = maps.uncertainty;
  publication.level1 = maps.level1, publication.deepest = maps.deepest;
  if (!config.reference.path.empty()) {
    publication.accuracy = layout.accuracy();
    publication.results = layout.results();
    for (const std::string& tile : tiles_of(config)) publication.samples.push_back(layout.samples(tile));
  }
  const fs::path map(layout.map());
  publication.folder = map.parent_path();
  publication.form = SetForm::linked;
  publication.collection = layout.collection();
  const auto regularised = regularise_stage().plan(config), zones = vectorise_stage().plan(config);
  if (!regularised || !zones) return std::nullopt;
  if (!regularised->empty()) publication.regularised = layout.regularised();
  for (const Unit& zone : *zones)
    for (const std::string& file : zone.outputs) publication.polygons.push_back({file, 0, zone.key == kWholeMap});
  publication.name = map.stem();
  publication.year = config.year;
  publication.period = config.period;
  publication.nomenclature = Nomenclature::load(config.nomenclature);
  publication.options = config.publish;
  for (const std::string& tile : tiles_of(config)) publication.census.push_back(layout.census(tile));
  publication.config = effective_config(config);
  const auto models = models_of(config);
  const Language language = language_of(config.publish.language);
  publication.notes = substitution_notes(models.value_or(ProductionModels{}), language);
  for (std::string& note : notes_on_sources(config, language)) publication.notes.push_back(std::move(note));
  publication.unmapped = unmapped_pixels(config, layout);
  publication.left_out = config.tiles.left_out;
  if (!publication.left_out.empty())
    publication.notes.insert(publication.notes.begin(),
                             say(language, "The map is incomplete, without the tiles ", "La carte est incomplète, sans les tuiles ") +
                                 join_list(publication.left_out, ", "));

  Unit unit;
  unit.stage = "publish";
  unit.key = "products";
  for (const Unit& sheet : *mosaic_units) unit.inputs.insert(unit.inputs.end(), sheet.outputs.begin(), sheet.outputs.end());
  unit.inputs.insert(unit.inputs.end(), publication.census.begin(), publication.census.end());
  unit.inputs.insert(unit.inputs.end(), publication.samples.begin(), publication.samples.end());
  if (!publication.accuracy.empty()) unit.inputs.insert(unit.inputs.end(), {publication.accuracy, publication.results});
  for (const auto& units : {*regularised, *zones})
    for (const Unit& made : units) unit.inputs.insert(unit.inputs.end(), made.outputs.begin(), made.outputs.end());
  const auto add_products = [&](const std::string& suffix, const std::vector<const char*>& endings) {
    for (const char* ending : endings) unit.outputs.push_back(publication.folder + "/" + publication.name + suffix + ending);
  };
  for (const char* suffix : {kConfidence, kValidity}) add_products(suffix, {".tif", ".qml"});
  if (!publication.uncertainty.empty()) add_products(kUncertainty, {".tif", ".qml"});
  const std::vector<const char*> of_classes = {".tif", ".qml", ".tif.aux.xml", ".clr", ".sld", ".tif.vat.dbf"};
  add_products("", of_classes);
  if (!publication.regularised.empty()) add_products(kRegularised, of_classes);
  if (!publication.level1.empty()) add_products(kLevel1, of_classes), add_products(kDeepest, of_classes);
  if (!publication.polygons.empty()) add_products(kPolygonStyle, {""});
  for (const PublishedPolygons& polygons : publication.polygons)
    unit.outputs.push_back(publication.folder + "/" + kPolygonFolder + "/" + fs::path(polygons.file).filename().string());
  add_products("", {".qgz"});
  unit.outputs.push_back(publication.folder + "/" + publication.name + ".json");
  if (!publication.accuracy.empty())
    for (const std::string& file : {publication.accuracy, publication.results})
      unit.outputs.push_back(publication.folder + "/" + fs::path(file).filename().string());
  unit.outputs.push_back(layout.report());
  for (const TrainedModel& model : models.value_or(ProductionModels{}).trained) unit.inputs.push_back(model.file);
  unit.facts = {"classes = " + publication.nomenclature.to_json()};
  for (const std::string& tile : publication.left_out) unit.facts.push_back("without tile " + tile);
  for (const auto& [key, value] : publication.config) unit.facts.push_back(key + " = " + value);
  for (const auto& [reason, pixels] : publication.unmapped) unit.facts.push_back(reason + ": " + pixels);
  std::vector<std::pair<std::string, std::size_t>> counted;  // the manifest that counts the polygons of so many files, in their order
  for (const Unit& zone : *zones) counted.emplace_back(layout.manifest(zone.stage, zone.key), zone.outputs.size());
  unit.run = [config, layout, publication, counted](const Context& context) {
    Publication complete = publication;
    auto polygons = complete.polygons.begin();
    for (const auto& [manifest, files] : counted)
      for (std::size_t i = 0; i < files; ++i) (polygons++)->polygons = read_manifest(manifest).counts.value("polygons", std::int64_t{0});
    complete.models = facts_of_models(config, layout);
    for (const Stage& stage : stage_list())
      for (const std::string& paper : stage.papers)
        if (std::ranges::find(complete.papers, paper) == complete.papers.end()) complete.papers.push_back(paper);
    return publish(complete, context);
  };
  return std::vector<Unit>{std::move(unit), collection_unit(config, layout, publication)};
}

}  // namespace

Stage publish_stage() {
  return {
      .name = "publish",
      .summary = "cloud-optimised maps, styles, QGIS project, STAC item and report",
      .reads = "the national map, its regularised form and polygons, accuracy, census",
      .writes =
          "OCS_<edition>.tif with confidence and validity (and uncertainty), styles (.qml, .sld, .clr), QGIS project, STAC item, "
          "accuracy.json, "
          "RESULTS.txt, report.html; OCS_<edition>_regularised.tif and vectors/ if those stages are enabled, OCS_<edition>_level1.tif and "
          "_deepest.tif with classify.levels; collection.json above the editions",
      .command = "publish",
      .example = "millesime run france-2021.toml",
      .revision = 8,
      .papers = {"Olofsson et al. 2014, Remote Sensing of Environment 148 (areas with intervals)"},
      .options = {"publish", "year", "period", "nomenclature", "output"},
      .kept_when_mending = false,
      .side_by_side = true,
      .units_from = {"catalog"},
      .plan = plan_publish};
}

}  // namespace millesime
