#include "pipeline/stages/train.h"

#include <filesystem>
#include <set>

#include "models/registry.h"
#include "pipeline/core/error.h"
#include "pipeline/core/safetensors.h"
#include "pipeline/learning/learn_model.h"
#include "pipeline/learning/learning.h"
#include "pipeline/stages/config.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/tiles.h"

namespace millesime {

Options TrainCommand::declare() {
  Options o;
  o.section("");
  o.add("samples", &samples, "files of samples, .safetensors or .csv").required();
  o.add("model", &request.model.name, kModelHelp);
  o.add("output", &request.output, "model file to write").required();
  request.declare_start(o);
  o.add("seed", &seed, "seed whose split defines the training samples").range(0, 1000);
  o.add("all_samples", &all_samples, "train on all samples, also those of the test split");
  request.declare_training(o);
  return o;
}

nlohmann::json train_model(const TrainCommand& command, const Context& context) {
  const auto all = load_named(command.samples, command.request.nomenclature, command.request.tables, context.progress);
  if (all.empty()) throw UserError("train: no samples given");
  const auto selections =
      select_labelled(all, command.all_samples ? SampleUse::all : SampleUse::learn, command.seed, command.request.region);
  if (selections.empty())
    throw UserError(join_text(all.front().file, ": no samples",
                              command.request.region ? join_text(" of region ", *command.request.region) : "", " that learn"));
  const ModelFile model = learn_model(command.request, all, selections, context).model;
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

// The regions of a samples file with training samples in the run of every seed. Reads only what it needs: plans are made often.
std::set<std::string> learning_regions(const std::string& file) {
  const auto tensors = SafetensorsFile::open(file);
  const auto header = tensors.metadata().find("samples");
  const auto json = header == tensors.metadata().end() ? nlohmann::json() : nlohmann::json::parse(header->second, nullptr, false);
  if (!json.is_object() || !json.contains("region_names")) throw UserError(join_text(file, ": not a file of samples"));
  const auto names = json["region_names"].get<std::vector<std::string>>();
  std::set<std::string> found;
  for (const auto region : tensors.vector<std::int32_t>("region", {-1}))
    if (region >= 0 && static_cast<std::size_t>(region) < names.size()) found.insert(names[static_cast<std::size_t>(region)]);
  return found;
}

std::optional<std::vector<Unit>> plan_train(const Config& config) {
  if (!config.model.path.empty()) return std::vector<Unit>{};
  const auto models = trained_models(config);
  if (!models) return std::nullopt;
  const Layout layout(config);
  std::vector<std::string> samples;
  for (const auto& tile : tiles_of(config)) samples.push_back(layout.samples(tile));
  std::vector<Unit> units;
  for (const auto& model : *models) {
    Unit unit;
    unit.stage = "train";
    unit.key = Layout::model_key(model.region, model.seed);
    unit.inputs = samples;
    unit.outputs = {model.file};
    unit.config_keys = {"nomenclature", "time", "model", "train"};
    unit.facts = {Nomenclature::load(config.nomenclature).codes_text()};
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
    request.recipe.random_seed += model.seed;
    unit.run = [command](const Context& context) { return train_model(command, context); };
    units.push_back(std::move(unit));
  }
  return units;
}

}  // namespace

std::optional<std::vector<TrainedModel>> trained_models(const Config& config) {
  const Layout layout(config);
  if (!config.model.path.empty()) return std::vector<TrainedModel>{{"", 0, config.model.path}};
  std::set<std::string> regions;
  if (config.regions.path.empty()) {
    regions = {""};
  } else {
    for (const auto& tile : tiles_of(config)) {
      if (!std::filesystem::exists(layout.samples(tile))) return std::nullopt;
      regions.merge(learning_regions(layout.samples(tile)));
    }
    regions.erase("");  // polygons outside every region
  }
  std::vector<TrainedModel> models;
  for (int seed = 0; seed < layout.seeds; ++seed)
    for (const auto& region : regions) models.push_back({region, seed, layout.model(region, seed)});
  return models;
}

Stage train_stage() {
  Stage stage;
  stage.name = "train";
  stage.summary = "trains one model for each region and seed from the samples of all tiles";
  stage.reads = "samples of every tile";
  stage.writes = "train/<region>_seed_<n>.safetensors";
  for (const auto& kind : architectures()) stage.papers.insert(stage.papers.end(), kind.papers.begin(), kind.papers.end());
  stage.kept_when_mending = true;
  stage.side_by_side = false;
  stage.units_from = {"sample"};
  stage.revision = 7;
  stage.plan = plan_train;
  return stage;
}

}  // namespace millesime
