#include "pipeline/stages/train.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <limits>
#include <map>
#include <set>

#include "models/registry.h"
#include "pipeline/core/error.h"
#include "pipeline/core/names_apart.h"
#include "pipeline/core/safetensors.h"
#include "pipeline/core/special_file.h"
#include "pipeline/imagery/region_weights.h"
#include "pipeline/io/layer_choice.h"
#include "pipeline/io/vector_file.h"
#include "pipeline/learning/learn_model.h"
#include "pipeline/learning/learning.h"
#include "pipeline/stages/config.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/planning.h"
#include "pipeline/stages/sources.h"
#include "pipeline/stages/tiles.h"

namespace millesime {

Options TrainCommand::declare() {
  Options o;
  o.section("");
  o.add("samples", &samples, "files of samples, .safetensors or .csv").path().required();
  o.add("model", &request.model.name, kModelHelp).names("architecture");
  o.add("output", &request.output, "model file to write").path().required();
  request.declare_start(o);
  o.add("seed", &seed, "seed whose split defines the training samples").range(0, 1000);
  o.add("all_samples", &all_samples, "train on all samples, also those of the test split");
  request.declare_training(o);
  return o;
}

void apply_recipe_file(Options& options, const std::string& file) {
  LearningRequest request;
  Options told;
  told.section("model");
  told.add("name", &request.model.name, kModelHelp).names("architecture");
  request.declare_training(told);
  told.read_toml(file);
  for (const Option& option : told.all()) {
    Option* const ours = options.find(option.key() == "model.name" ? "model" : option.key());
    if (option.origin() != "default" && ours->origin() == "default") ours->take(option);
  }
}

nlohmann::json train_model(const TrainCommand& command, const Context& context) {
  require_writable(command.request.output);
  const auto all = load_named(command.samples, command.request.nomenclature, command.request.tables, context.progress);
  if (all.empty()) throw UserError("train: no samples given");
  const auto selections =
      select_labelled(all, command.all_samples ? SampleUse::all : SampleUse::learn, command.seed, command.request.region);
  if (selections.empty())
    throw UserError(join_text(all.front().file, ": no samples",
                              command.request.region ? join_text(" of region ", *command.request.region) : "", " that learn"));
  ModelFile model = learn_model(command.request, all, selections, context).model;
  model.spec.provenance.split = command.all_samples ? "all samples" : join_text("the learning samples of seed ", command.seed);
  const bool changed_counts = !command.request.selection.takes_all() || command.request.recipe.oversample != "none";
  if (changed_counts) context.progress->note(counts_text(model.spec));
  model.write(command.request.output);
  remove_checkpoints(command.request);

  nlohmann::json counts{
      {"samples", model.spec.metrics["samples"]}, {"held_out", model.spec.provenance.n_held_out}, {"parameters", model.parameters()}};
  if (changed_counts) counts["classes"] = model.spec.to_json()["provenance"]["classes"];
  if (model.spec.metrics.contains("held_out")) {
    if (model.spec.metrics.contains("epoch")) counts["epoch"] = model.spec.metrics["epoch"];
    counts["held_out_metrics"] = model.spec.metrics["held_out"];
  }
  for (const ModelFile& member : model.members)
    counts["members"].push_back(
        {{"model", member.spec.architecture}, {"held_out_metrics", member.spec.metrics.value("held_out", nlohmann::json())}});
  return counts;
}

namespace {

struct SampledRegions {
  std::set<std::string> all, learning;  // that lie in a tile; of these, those in which something learns in the run of every seed
};

nlohmann::json regions_in(const std::string& file) {
  const auto tensors = SafetensorsFile::open(file);
  const auto header = tensors.metadata().find("samples");
  const auto json = header == tensors.metadata().end() ? nlohmann::json() : nlohmann::json::parse(header->second, nullptr, false);
  if (!json.is_object() || !json.contains("region_names")) throw UserError(join_text(file, ": not a file of samples"));
  const auto names = json["region_names"].get<std::vector<std::string>>();
  std::set<std::string> learning;
  tensors.column<std::int32_t>("region", {-1}).scan([&](const auto& piece) {
    for (const std::int32_t region : piece)
      if (region >= 0 && static_cast<std::size_t>(region) < names.size()) learning.insert(names[static_cast<std::size_t>(region)]);
  });
  return {{"all", names}, {"learning", learning}};
}

void add_regions(const Config& config, const std::string& file, SampledRegions& regions) {
  const auto found = found_in(config, "regions", file, [&] { return regions_in(file); });
  for (const auto& name : found.at("all")) regions.all.insert(name);
  for (const auto& name : found.at("learning")) regions.learning.insert(name);
}

// The region of `learning` nearest to each of `lacking`: by the distance of the centres of their polygons, then by name.
std::map<std::string, std::string> nearest_regions(const RegionOptions& options, const std::set<std::string>& lacking,
                                                   const std::set<std::string>& learning) {
  std::map<std::string, std::vector<Point>> centres;
  for (const Feature& feature : read_polygons(options.path, LayerChoice{options.layer, "regions.layer"}, {options.field}, "").features)
    centres[region_name(feature.attributes.at(options.field))].push_back(feature.centroid());
  std::map<std::string, std::string> nearest;
  for (const std::string& region : lacking) {
    double least = std::numeric_limits<double>::infinity();
    for (const std::string& candidate : learning)
      for (const Point& a : centres[region])
        for (const Point& b : centres[candidate])
          if (const double distance = std::hypot(a.x - b.x, a.y - b.y); distance < least) least = distance, nearest[region] = candidate;
  }
  return nearest;
}

std::string region_text(const std::string& region, Language language) {
  if (region == kUnnamedRegion) return say(language, "the region without a name", "la région sans nom");
  return say(language, "region ", "la région ") + region + say(language, " has no samples: it", " n’a pas d’échantillon : elle");
}

// A model that regions.without_samples = "error" forbids to do without.
void refuse_region(const RegionOptions& regions, const std::string& region) {
  throw UserError(
      join_text(regions.path, ": ", region == kUnnamedRegion ? "a region without a name" : "region " + region,
                " lies in a tile and has no samples; add reference polygons there, or set regions.without_samples to \"all\" or "
                "\"nearest\" to map it by another model"));
}

// Keys of the configuration that shape what the units make.
const std::vector<std::string> kTrainOptions = {"time", "model", "train", "reference.split", "reference.block_km"};

// Before hours of sampling.
void check_train(const Config& config) {
  require_reference(config);
  if (config.time.axis != "thermal" || !config.model.path.empty()) return;
  if (std::ranges::find(config.sources, config.time.temperature, &SourceOptions::name) == config.sources.end())
    throw UserError(join_text(config.file, ": time.axis = \"thermal\" needs daily temperature: there is no [[source]] named ",
                              config.time.temperature, "; add one (sensor = \"temperature_daily\"), or set time.temperature to its name"));
}

std::optional<std::vector<Unit>> plan_train(const Config& config) {
  if (!config.model.path.empty()) return std::vector<Unit>{};
  const auto models = models_of(config);
  if (!models) return std::nullopt;
  const Layout layout(config);
  std::vector<std::string> samples;
  std::int64_t bytes = 0;  // of all samples
  for (const auto& tile : tiles_of(config)) {
    samples.push_back(layout.samples(tile));
    std::error_code none_yet;
    if (const auto size = std::filesystem::file_size(samples.back(), none_yet); !none_yet) bytes += static_cast<std::int64_t>(size);
  }
  // A network reads its samples part after part and keeps a twentieth of them; a forest keeps a byte of each number of two.
  const bool forest = config.model.name == "auto" || config.model.name.find("random_forest") != std::string::npos;
  const std::int64_t needed = (std::int64_t{512} << 20) + (forest ? bytes : bytes / 16);
  const std::string codes = Nomenclature::load(config.nomenclature).codes_text();
  std::vector<Unit> units;
  for (const auto& model : models->trained) {
    Unit unit;
    unit.stage = "train";
    unit.key = std::filesystem::path(model.file).stem().string();
    unit.inputs = samples;
    unit.outputs = {model.file};
    unit.config_keys = kTrainOptions;
    unit.memory_bytes = needed;
    unit.facts = {codes};  // names and colours come from the nomenclature when the map is made
    TrainCommand command;
    command.samples = samples;
    command.seed = model.seed;
    LearningRequest& request = command.request;
    request.output = model.file;
    request.nomenclature = config.nomenclature;
    if (!model.region.empty()) request.region = model.region;
    request.model = config.model;
    request.time = config.time;
    request.recipe = config.train;
    request.selection = config.train_selection;
    request.block_km = config.reference.split == "polygon" ? 0 : config.reference.block_km;
    request.recipe.random_seed += model.seed;
    const bool refused = config.regions.without_samples == "error" && models->substitutes.contains(model.region);
    // Said once: with the model that is used.
    ProductionModels here{{}, models->substitutes};
    std::erase_if(here.substitutes, [&](const auto& entry) { return refused || model.seed != 0 || entry.second != model.region; });
    const auto notes = substitution_notes(here, Language::en);
    unit.run = [command, config, refused, region = model.region, notes](const Context& context) {
      require_sources_somewhere(config);
      if (refused) refuse_region(config.regions, region);
      nlohmann::json counts = train_model(command, context);
      for (const auto& note : notes) context.progress->note(note);
      return counts;
    };
    units.push_back(std::move(unit));
  }
  return units;
}

}  // namespace

std::vector<std::string> substitution_notes(const ProductionModels& models, Language language) {
  std::vector<std::string> notes;
  for (const auto& [region, other] : models.substitutes)
    notes.push_back(
        join_text(region_text(region, language), say(language, " is mapped by the model of ", " est classée par le modèle de "),
                  other.empty() ? say(language, "all samples", "tous les échantillons") : say(language, "region ", "la région ") + other));
  return notes;
}

namespace {

std::optional<ProductionModels> models_in(const Config& config) {
  const Layout layout(config);
  if (!config.model.path.empty()) return ProductionModels{{{"", 0, config.model.path}}, {}};
  SampledRegions regions;
  std::set<std::string> trained{""};
  ProductionModels models;
  if (!config.regions.path.empty()) {
    for (const auto& tile : tiles_of(config)) {
      if (!std::filesystem::exists(layout.samples(tile))) return std::nullopt;
      add_regions(config, layout.samples(tile), regions);
    }
    regions.learning.erase(kUnnamedRegion);
    trained = regions.learning;
    std::set<std::string> lacking;
    std::ranges::set_difference(regions.all, regions.learning, std::inserter(lacking, lacking.end()));
    const std::string& rule = config.regions.without_samples;
    if (rule == "nearest" && !regions.learning.empty()) {
      models.substitutes = nearest_regions(config.regions, lacking, regions.learning);
    } else {
      for (const std::string& region : lacking) models.substitutes[region] = rule == "error" ? region : "";
      if (rule == "error")
        trained.insert(lacking.begin(), lacking.end());  // units that refuse
      else if (!lacking.empty())
        trained.insert("");
    }
  }
  const std::vector<std::string> names(regions.all.begin(), regions.all.end()), apart = names_apart(names);
  std::map<std::string, std::string> named{{"", ""}};
  for (std::size_t i = 0; i < names.size(); ++i) named.emplace(names[i], apart[i]);
  for (int seed = 0; seed < layout.seeds; ++seed)
    for (const auto& region : trained) models.trained.push_back({region, seed, layout.model(named.at(region), seed)});
  return models;
}

}  // namespace

std::optional<ProductionModels> models_of(const Config& config) {
  return once(config, "models", [&] { return models_in(config); });
}

bool all_models_learned(const Config& config) {
  const Layout layout(config);
  const auto models = models_of(config);
  return models && config.model.path.empty() && std::ranges::all_of(models->trained, [&](const TrainedModel& model) {
           return std::filesystem::exists(layout.manifest("train", std::filesystem::path(model.file).stem().string()));
         });
}

Stage train_stage() {
  Stage stage;
  stage.name = "train";
  stage.summary = "trains one model for each region and seed from the samples of all tiles";
  stage.reads = "samples of every tile";
  stage.writes = "train/<region>_seed_<n>.safetensors";
  for (const auto& kind : architectures()) stage.papers.insert(stage.papers.end(), kind.papers.begin(), kind.papers.end());
  stage.command = "train";
  stage.example = "millesime run france-2021.toml --to train";
  stage.options = kTrainOptions;
  stage.kept_when_mending = true;
  stage.of_any_edition = true;
  stage.units_from = {"sample"};
  stage.revision = 15;
  stage.plan = plan_train;
  stage.check = check_train;
  return stage;
}

}  // namespace millesime
