// The publish stage: what of a production is published. publish.cpp makes the products.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "pipeline/core/error.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/manifest.h"
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

// What a report tells of paths is the name of a file or folder: where it lay is nobody's business, and no part of the product.
std::vector<NamedValue> effective_config(Config config) {
  std::vector<NamedValue> values;
  const Options options = config.declare();
  for (const Option& option : options.all())
    if (shapes_the_map(option.key()))
      values.emplace_back(option.key(), option.is_path() ? last_part(option.value_text()) : option.value_text());
  for (const ExogenousOptions& exogenous : config.exogenous) values.emplace_back("exogenous." + exogenous.name, last_part(exogenous.path));
  return values;
}

// The provenance of the models of this production, from the manifests of training: of its regions and seeds, and no others.
std::vector<std::pair<std::string, std::vector<NamedValue>>> facts_of_models(const Config& config, const Layout& layout) {
  std::vector<std::pair<std::string, std::vector<NamedValue>>> models;
  if (!config.model.path.empty()) return {{last_part(config.model.path), {}}};
  for (const TrainedModel& model : models_of(config).value_or(ProductionModels{}).trained) {
    const std::string key = Layout::model_key(model.region, model.seed), file = layout.manifest("train", key);
    if (!fs::exists(file)) continue;
    std::vector<NamedValue> facts;
    const Manifest manifest = read_manifest(file);
    for (const auto& [name, value] : manifest.counts.items())
      if (value.is_string())
        facts.emplace_back(name, value.get<std::string>());
      else if (value.is_number_float())
        facts.emplace_back(name, join_text(std::round(value.get<double>() * 1e4) / 1e4));
      else if (!value.is_structured() && !value.is_null())
        facts.emplace_back(name, json_text(value));
    models.emplace_back(key, std::move(facts));
  }
  std::ranges::sort(models);
  return models;
}

// Sums of what the manifests of classification count.
std::vector<NamedValue> unmapped_pixels(const Config& config, const Layout& layout) {
  const std::pair<const char*, const char*> reasons[] = {{"no_image", "no image"},
                                                         {"no_valid_observation", "images, and no valid observation"},
                                                         {"outside_regions", "outside all regions"},
                                                         {"region_without_model", "in a region without a model"}};
  std::map<std::string, std::int64_t> sums;
  for (const std::string& tile : tiles_of(config))
    if (const std::string file = layout.manifest("classify", tile); fs::exists(file)) {
      const nlohmann::json counts = read_manifest(file).counts;
      if (counts.contains("unmapped"))
        for (const auto& [reason, pixels] : counts.at("unmapped").items()) sums[reason] += pixels.get<std::int64_t>();
    }
  std::vector<NamedValue> rows;
  if (!sums.empty())
    for (const auto& [reason, text] : reasons) rows.emplace_back(text, std::to_string(sums[reason]) + " px");
  return rows;
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
  if (!config.reference.path.empty()) {
    publication.accuracy = layout.accuracy();
    publication.results = layout.results();
    for (const std::string& tile : tiles_of(config)) publication.samples.push_back(layout.samples(tile));
  }
  const fs::path map(layout.map());
  publication.folder = map.parent_path();
  publication.form = SetForm::linked;
  publication.collection = layout.collection();
  if (const auto units = regularise_stage().plan(config); units && !units->empty()) publication.regularised = layout.regularised();
  if (const auto units = vectorise_stage().plan(config); units)
    for (const Unit& zone : *units)
      for (const std::string& file : zone.outputs)
        if (file.ends_with(".gpkg") || file.ends_with(".fgb") || file.ends_with(".parquet")) publication.vectors.push_back(file);
  publication.name = map.stem();
  publication.year = config.year;
  publication.period = config.period;
  publication.nomenclature = Nomenclature::load(config.nomenclature);
  publication.options = config.publish;
  for (const std::string& tile : tiles_of(config)) publication.census.push_back(layout.census(tile));
  publication.config = effective_config(config);
  const auto models = models_of(config);
  publication.notes = substitution_notes(models.value_or(ProductionModels{}));
  publication.unmapped = unmapped_pixels(config, layout);

  Unit unit;
  unit.stage = "publish";
  unit.key = "products";
  for (const Unit& sheet : *mosaic_units) unit.inputs.insert(unit.inputs.end(), sheet.outputs.begin(), sheet.outputs.end());
  unit.inputs.insert(unit.inputs.end(), publication.census.begin(), publication.census.end());
  unit.inputs.insert(unit.inputs.end(), publication.samples.begin(), publication.samples.end());
  if (!publication.accuracy.empty()) unit.inputs.insert(unit.inputs.end(), {publication.accuracy, publication.results});
  for (const std::string suffix : {"", kConfidence, kValidity})
    for (const char* ending : {".tif", ".qml"}) unit.outputs.push_back(publication.folder + "/" + publication.name + suffix + ending);
  for (const char* ending : {".clr", ".sld", ".tif.vat.dbf", ".qgz"})
    unit.outputs.push_back(publication.folder + "/" + publication.name + ending);
  unit.outputs.push_back(layout.map() + ".aux.xml");
  unit.outputs.push_back(publication.folder + "/" + publication.name + ".json");
  if (!publication.accuracy.empty())
    for (const std::string& file : {publication.accuracy, publication.results})
      unit.outputs.push_back(publication.folder + "/" + fs::path(file).filename().string());
  unit.outputs.push_back(layout.report());
  for (const TrainedModel& model : models.value_or(ProductionModels{}).trained) unit.inputs.push_back(model.file);
  unit.facts = {"classes = " + publication.nomenclature.to_json()};
  for (const std::string& file : publication.vectors) unit.facts.push_back("polygons " + fs::path(file).filename().string());
  if (!publication.regularised.empty()) unit.facts.push_back("with the regularised map");
  for (const auto& [key, value] : publication.config) unit.facts.push_back(key + " = " + value);
  for (const auto& [reason, pixels] : publication.unmapped) unit.facts.push_back(reason + ": " + pixels);
  unit.run = [config, layout, publication](const Context& context) {
    Publication complete = publication;
    complete.models = facts_of_models(config, layout);
    for (const Stage& stage : stage_list())
      for (const std::string& paper : stage.papers)
        if (std::ranges::find(complete.papers, paper) == complete.papers.end()) complete.papers.push_back(paper);
    return publish(complete, context);
  };
  return std::vector<Unit>{std::move(unit)};
}

}  // namespace

Stage publish_stage() {
  return {.name = "publish",
          .summary = "cloud-optimised maps, styles, QGIS project, STAC item and report",
          .reads = "the national map, accuracy, census",
          .writes =
              "OCS_<year>.tif with confidence and validity, styles (.qml, .sld, .clr), QGIS project, STAC item, accuracy.json, "
              "RESULTS.txt, report.html; collection.json above the editions",
          .command = "publish",
          .example = "millesime run france-2021.toml",
          .revision = 4,
          .papers = {"Olofsson et al. 2014, Remote Sensing of Environment 148 (areas with intervals)"},
          .options = {"publish", "year", "nomenclature", "output"},
          .kept_when_mending = false,
          .side_by_side = true,
          .units_from = {"catalog"},
          .plan = plan_publish};
}

}  // namespace millesime
