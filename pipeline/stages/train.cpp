#include "pipeline/stages/train.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <set>

#include "models/registry.h"
#include "pipeline/core/error.h"
#include "pipeline/core/safetensors.h"
#include "pipeline/core/samples.h"
#include "pipeline/core/text.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/learning.h"
#include "pipeline/stages/sample_input.h"
#include "pipeline/stages/tiles.h"

namespace millesime {
namespace {

// The command as if it had named this architecture.
TrainCommand naming(const TrainCommand& command, const std::string& model) {
  TrainCommand named = command;
  named.model.name = model;
  named.recipe = recipe_for(model, command.recipe);
  return named;
}

LearnedModel learn_one(const TrainCommand& command, const std::vector<NamedSamples>& all, const std::vector<SampleSelection>& found,
                       const Context& context) {
  Learning learning(command, all, found, context);
  return learning.again(learning.first());
}

// Where no series has a gap, the network that does better on what was held out.
LearnedModel learn_better(const TrainCommand& command, Learning& usual, const std::vector<NamedSamples>& all,
                          const std::vector<SampleSelection>& found, const Context& context) {
  const LearnedModel model = usual.first();
  if (!usual.dense() || !model.model.spec.metrics.contains("held_out")) return usual.again(model);
  const TrainCommand convolution = naming(command, "temporal_cnn");
  Learning dense(convolution, all, found, context);
  const LearnedModel other = dense.first();
  const auto accuracy = [](const LearnedModel& m) { return m.model.spec.metrics["held_out"]["accuracy"].get<double>(); };
  const nlohmann::json tried{{"ltae", accuracy(model)}, {"temporal_cnn", accuracy(other)}};
  const bool better = accuracy(other) > accuracy(model);
  context.progress->note(join_text("no series has a gap: temporal_cnn was tried beside ltae; held-out accuracy ", tried["ltae"].dump(),
                                   " (ltae), ", tried["temporal_cnn"].dump(), " (temporal_cnn): ", better ? "temporal_cnn" : "ltae",
                                   " is kept"));
  LearnedModel chosen = better ? dense.again(other) : usual.again(model);
  chosen.model.spec.metrics["tried"] = tried;
  return chosen;
}

LearnedModel mean_of(const std::vector<LearnedModel>& members, const Context& context) {
  LearnedModel joined = join_models(members);
  joined.model.spec.metrics["samples"] = members.front().model.spec.metrics["samples"];
  std::vector<std::string> names;
  for (const ModelFile& member : joined.model.members) names.push_back(member.spec.architecture);
  context.progress->note(join_text(joined.model.spec.provenance.n_samples, " samples: the mean of ", join_list(names, ", "), " is kept"));
  return joined;
}

// `auto`, as train.h says.
LearnedModel learn_chosen(const TrainCommand& command, const std::vector<NamedSamples>& all, const std::vector<SampleSelection>& found,
                          const Context& context) {
  const TrainCommand attention =
      naming(command, command.init_from.empty() ? "ltae" : model_to_tune(command.init_from, "").spec.architecture);
  Learning usual(attention, all, found, context);
  const bool free = command.init_from.empty() && command.model.input == "auto" && usual.sources() == 1;
  if (!free) return usual.again(usual.first());
  // A forest errs unlike networks: the mean errs less. Where polygons are few, too few are held out to say which network is the better one.
  const bool together = usual.samples() <= command.recipe.ensemble_samples;
  std::vector<LearnedModel> members;
  if (together && usual.dense() && usual.polygons() <= command.recipe.choice_polygons)
    members = {usual.again(usual.first()), learn_one(naming(command, "temporal_cnn"), all, found, context)};
  else
    members = {learn_better(command, usual, all, found, context)};
  if (!together) return members.front();
  members.push_back(learn_one(naming(command, "random_forest"), all, found, context));
  return mean_of(members, context);
}

}  // namespace

Options TrainCommand::declare() {
  Options o;
  o.section("");
  o.add("samples", &samples, "files of samples, .safetensors or .csv").required();
  o.add("model", &model.name, kModelHelp);
  o.add("output", &output, "model file to write").required();
  o.add("init_from", &init_from, "trained model of the same architecture to fine-tune; classes that it knows keep their weights");
  o.add("validation", &validation, "samples to choose the best epoch and to calibrate on; default: a part of the samples, by polygon");
  o.add("nomenclature", &nomenclature, "the classes: a name in configs/nomenclatures, or a file; default: the labels that occur");
  o.add("seed", &seed, "whose split of the samples decides what learns").range(0, 1000);
  o.add("all_samples", &all_samples, "learn from all samples, also those of the test split");
  o.section("time");
  time.step_days = 0;
  o.add("step_days", &time.step_days, "regular input: distance of the dates; 0: the samples' own dates where all files share them, else 10")
      .unit("days")
      .range(0, 366);
  o.add("start", &time.start, "regular input: first date; default: the earliest of the samples");
  o.add("end", &time.end, "regular input: last date; default: the latest of the samples");
  time.declare_gap_fill(o);
  o.section("model");
  o.add("input", &model.input, "series as acquired (raw), on regular dates, or what the architecture prefers")
      .choices({"auto", "raw", "regular"});
  o.add("indices", &model.indices, "spectral indices beside the bands, for regular input");
  o.add("sources", &model.sources, kSourcesHelp);
  o.add("parameters", &model.parameters, "parameters of the architecture, e.g. d_model=128");
  recipe.declare(o);
  selection.declare(o);
  return o;
}

std::vector<NamedSamples> load_named(const std::vector<std::string>& files, const std::string& nomenclature) {
  std::optional<Nomenclature> classes;
  if (!nomenclature.empty()) classes = Nomenclature::load(nomenclature);
  std::vector<NamedSamples> all;
  for (const auto& file : files) all.push_back({file, load_samples(file, classes ? &*classes : nullptr)});
  return all;
}

std::vector<SampleSelection> select_labelled(const std::vector<NamedSamples>& all, SampleUse use, int seed,
                                             const std::optional<std::string>& region) {
  std::vector<SampleSelection> selections;
  for (const auto& [file, samples] : all) {
    auto selection = select_samples(samples, file, use, seed, region);
    std::erase_if(selection.rows, [&s = samples](std::int64_t row) { return s.label[static_cast<std::size_t>(row)] == 0; });
    if (!selection.rows.empty()) selections.push_back(std::move(selection));
  }
  return selections;
}

std::vector<std::string> members_of(const std::string& model) {
  std::vector<std::string> members;
  for (const auto& part : split_text(model, '+')) members.emplace_back(trim(part));
  return members;
}

void check_model(const ModelOptions& model) {
  const auto names = members_of(model.name);
  if (std::set(names.begin(), names.end()).size() < names.size())
    throw UserError(
        join_text("model.name: ", model.name, " has the same member twice; the mean of different models errs less than they do"));
  const bool one = names.size() == 1 && names.front() != kChosenModel;
  for (const auto& name : names)
    if (name != kChosenModel) architecture_parameters(name, one ? model.parameters : std::vector<std::string>());
  if (!one && !model.parameters.empty())
    throw UserError(
        join_text("model.parameters: got ", model.parameters.front(), ", but ", model.name, " is not one architecture; name one"));
}

LearnedModel learn_model(const TrainCommand& command, const std::vector<NamedSamples>& all, const std::vector<SampleSelection>& found,
                         const Context& context) {
  check_model(command.model);
  command.selection.check("train");
  std::vector<LearnedModel> members;
  const auto names = members_of(command.model.name);
  for (const auto& name : names) {
    const TrainCommand own = names.size() == 1 ? command : naming(command, name);
    members.push_back(name == kChosenModel ? learn_chosen(own, all, found, context) : learn_one(own, all, found, context));
  }
  return members.size() == 1 ? members.front() : mean_of(members, context);
}

std::string counts_text(const ModelSpec& spec) {
  std::string text = join_text("samples of each class (selection: ", spec.provenance.selection,
                               "; added to rare classes: ", spec.provenance.oversampling, ")\n      class     found  selected   learned");
  char line[80];
  for (const ClassCount& entry : spec.provenance.classes) {
    std::snprintf(line, sizeof line, "\n%11d %9lld %9lld %9lld  ", entry.code, static_cast<long long>(entry.found),
                  static_cast<long long>(entry.selected), static_cast<long long>(entry.learned));
    text += line + spec.nomenclature.at(*spec.nomenclature.index_of_code(entry.code)).name;
  }
  return text;
}

nlohmann::json train_model(const TrainCommand& command, const Context& context) {
  const auto all = load_named(command.samples, command.nomenclature);
  if (all.empty()) throw UserError("train: no samples given");
  const auto selections = select_labelled(all, command.all_samples ? SampleUse::all : SampleUse::learn, command.seed, command.region);
  if (selections.empty())
    throw UserError(
        join_text(all.front().file, ": no samples", command.region ? join_text(" of region ", *command.region) : "", " that learn"));
  const ModelFile model = learn_model(command, all, selections, context).model;
  const bool changed_counts = !command.selection.takes_all() || command.recipe.oversample != "none";
  if (changed_counts) context.progress->note(counts_text(model.spec));
  model.write(command.output);
  remove_checkpoints(command);

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

// The regions of a samples file in which something learns in the run of every seed. Reads only what it needs: plans are made often.
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
    TrainCommand command;
    command.samples = samples;
    command.output = model.file;
    command.nomenclature = config.nomenclature;
    if (!model.region.empty()) command.region = model.region;
    command.seed = model.seed;
    command.model = config.model;
    command.time = config.time;
    command.recipe = config.train;
    command.selection = config.train_selection;
    command.recipe.random_seed += model.seed;
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
  stage.summary = "learns one model a region and seed from the samples of all tiles";
  stage.reads = "samples of every tile";
  stage.writes = "train/<region>_seed_<n>.safetensors";
  for (const auto& kind : architectures()) stage.papers.insert(stage.papers.end(), kind.papers.begin(), kind.papers.end());
  stage.kept_when_mending = true;
  stage.side_by_side = false;
  stage.units_from = {"sample"};
  stage.revision = 6;
  stage.plan = plan_train;
  return stage;
}

}  // namespace millesime
