#include "pipeline/stages/train.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <set>

#include "models/arch/random_forest.h"
#include "models/base/ensemble.h"
#include "models/base/rare_classes.h"
#include "models/base/training.h"
#include "models/registry.h"
#include "pipeline/core/error.h"
#include "pipeline/core/safetensors.h"
#include "pipeline/core/samples.h"
#include "pipeline/core/text.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/predictor.h"
#include "pipeline/stages/sample_input.h"
#include "pipeline/stages/tiles.h"
#include "pipeline/stages/train_spec.h"

namespace millesime {
namespace {

TrainingRun watched_by(Progress& progress) {
  TrainingRun run;
  run.on_epoch = [&progress](const EpochReport& report) {
    const auto percent = [](double share) { return std::to_string(share).substr(0, 5); };
    progress.note(join_text("epoch ", report.epoch, ": loss ", percent(report.loss),
                            report.f_score > 0 ? join_text(", F-score ", percent(report.f_score)) : ""));
    progress.advance(1);
  };
  run.on_note = [&progress](const std::string& text) { progress.note(text); };
  run.on_resume = [&progress](int epochs) {
    progress.note(join_text("goes on after epoch ", epochs, " of an interrupted training"));
    progress.advance(epochs);
  };
  return run;
}

// Beside the model while it is not finished.
std::string checkpoint_of(const TrainCommand& command, const std::string& architecture) {
  return command.output.empty() ? "" : join_text(command.output, ".", architecture, ".checkpoint");
}

// How many samples of each class there were, and how many the rule of selection took; codes in the order of the nomenclature.
void enter_counts(ModelSpec& spec, const TrainCommand& command, const std::map<int, std::int64_t>& found,
                  const std::map<int, std::int64_t>& selected) {
  const auto number = [](const std::map<int, std::int64_t>& counts, int code) {
    const auto at = counts.find(code);
    return at == counts.end() ? std::int64_t{0} : at->second;
  };
  for (const LandClass& entry : spec.nomenclature.classes)
    if (number(found, entry.code) > 0)
      spec.provenance.classes.push_back({entry.code, number(found, entry.code), number(selected, entry.code), 0});
  spec.provenance.selection = command.selection.to_text();
  const Recipe& recipe = command.recipe;
  spec.provenance.oversampling = recipe.oversample;
  if (recipe.oversample == "none") return;
  spec.provenance.oversampling += recipe.oversample_to > 0 ? join_text(" to ", recipe.oversample_to) : " to the largest class";
  if (!recipe.oversample_by_class.empty()) spec.provenance.oversampling += ", " + join_list(recipe.oversample_by_class, ", ");
}

nlohmann::json count_samples(const ModelSpec& spec, const ModelInput& input) {
  nlohmann::json counts;
  for (int k = 0; k < spec.n_classes(); ++k)
    counts[std::to_string(spec.classes[static_cast<std::size_t>(k)])] = std::ranges::count(input.target, k);
  return counts;
}

std::optional<Nomenclature> nomenclature_of(const TrainCommand& command) {
  if (command.nomenclature.empty()) return std::nullopt;
  return Nomenclature::load(command.nomenclature);
}

// The model to fine-tune; of an ensemble, the member of this architecture, or the first.
ModelFile model_to_tune(const std::string& file, const std::string& architecture) {
  ModelFile model = ModelFile::read(file);
  if (model.members.empty()) return model;
  const auto same = std::ranges::find_if(model.members, [&](const ModelFile& m) { return m.spec.architecture == architecture; });
  return same == model.members.end() ? model.members.front() : *same;
}

// `spec` takes over what decides the meaning of the weights to go on from: parameters and target dates.
ModelFile read_start(const std::string& file, ModelSpec& spec) {
  ModelFile start = model_to_tune(file, spec.architecture);
  if (start.spec.architecture != spec.architecture || !architecture(spec.architecture).make)
    throw UserError(join_text(file, ": is a ", start.spec.architecture, ", --model asks for a ", spec.architecture,
                              "; a network is fine-tuned as what it is"));
  spec.parameters = start.spec.parameters;
  spec.input = start.spec.input;
  spec.days = start.spec.days;
  spec.sources.clear();
  for (const auto& source : start.spec.sources) spec.sources.push_back({source.name, {}, source.indices, {}, {}});
  return start;
}

void keep_normalisation(const ModelFile& start, ModelSpec& spec) {
  for (std::size_t s = 0; s < spec.sources.size(); ++s) {
    if (start.spec.sources[s].bands != spec.sources[s].bands)
      throw UserError(join_text(start.path, ": reads the bands ", join_list(start.spec.sources[s].bands, ", "), ", the samples have ",
                                join_list(spec.sources[s].bands, ", "), "; fine-tuning needs the same"));
    spec.sources[s] = start.spec.sources[s];
  }
  for (auto& own : spec.statics)
    for (const auto& known : start.spec.statics)
      if (known.name == own.name) own = known;
}

// Samples of their own to choose the epoch and to calibrate, as far as the model knows their classes.
ModelInput validation_input(const TrainCommand& command, const ModelSpec& spec) {
  const auto nomenclature = nomenclature_of(command);
  const auto judges = load_named({command.validation}, nomenclature ? &*nomenclature : nullptr);
  const ModelInput given = make_input(spec, select_labelled(judges, SampleUse::all, 0, std::nullopt));
  std::vector<std::int64_t> known;
  for (std::int64_t i = 0; i < given.size(); ++i)
    if (given.target[static_cast<std::size_t>(i)] >= 0) known.push_back(i);
  if (known.empty()) throw UserError(join_text(command.validation, ": none of its samples has a class of the training samples"));
  return given.subset(known);
}

// The training of one architecture.
class Learning {
 public:
  Learning(const TrainCommand& command, const std::vector<NamedSamples>& all, const std::vector<SampleSelection>& found,
           const Context& context)
      : command_(command), context_(context), spec_(begin_spec(command, all)) {
    const auto selections = select(command.selection, found, command.recipe.random_seed);
    if (!command.init_from.empty()) start_ = read_start(command.init_from, spec_);
    fit_spec(spec_, selections);
    if (start_) keep_normalisation(*start_, spec_);
    input_ = make_input(spec_, selections);
    spec_.metrics["samples"] = count_samples(spec_, input_);
    spec_.provenance.n_samples = input_.size();
    enter_counts(spec_, command, count_labels(found), count_labels(selections));
    run_ = watched_by(*context.progress);
    run_.device = context.device;
    run_.threads = context.threads;
    run_.precision = precision_of(command.recipe.precision);
    run_.start = start_ ? &*start_ : nullptr;
    run_.checkpoint = checkpoint_of(command, spec_.architecture);
  }
  Learning(const Learning&) = delete;
  Learning& operator=(const Learning&) = delete;

  std::int64_t samples() const { return input_.size(); }
  std::size_t sources() const { return spec_.sources.size(); }
  bool dense() const { return spec_.sources.size() == 1 && input_.complete(); }  // what convolutions over a regular series can read

  // Learned from a part of the samples where the recipe holds some out.
  ModelFile first() {
    const std::string what = join_text("train ", spec_.architecture, command_.region ? join_text(" of region ", *command_.region) : "");
    const Recipe& recipe = command_.recipe;
    ModelFile model;
    if (is_forest()) {
      context_.progress->start(what, 1, "forests");
      model = first_forest();
      context_.progress->advance(1);
    } else if (!command_.validation.empty()) {
      const ModelInput held_out = validation_input(command_, spec_);
      ModelSpec spec = spec_;
      spec.provenance.n_held_out = held_out.size();
      const ModelInput learn = with_rare_classes(input_, spec, recipe);
      count_learned(spec, learn);
      context_.progress->start(what, recipe.epochs_for(learn.size()), "epochs");
      model = train_network(spec, learn, held_out, recipe, run_);
    } else {
      context_.progress->start(what, recipe.epochs_for(input_.size()), "epochs");
      model = train_held_out(spec_, input_, recipe, run_);
    }
    context_.progress->finish();
    return model;
  }

  // Learned from all of them, where they are few; a forest in any case.
  ModelFile again(const ModelFile& first) {
    if (!first.spec.metrics.contains("held_out") || !command_.validation.empty()) return first;
    const std::string what = join_text("train ", spec_.architecture, " on all samples");
    ModelFile model;
    if (is_forest()) {
      context_.progress->start(what, 1, "forests");
      ModelSpec spec = first.spec;
      spec.provenance.n_samples = input_.size();
      model = grow(spec, input_);
      context_.progress->advance(1);
    } else if (command_.recipe.refits(input_.size())) {
      context_.progress->start(what, first.spec.metrics["epoch"].get<int>(), "epochs");
      model = learn_again(first, input_, command_.recipe, run_);
    } else {
      return first;
    }
    context_.progress->finish();
    return model;
  }

 private:
  bool is_forest() const { return !architecture(spec_.architecture).make; }

  ModelFile grow(ModelSpec spec, const ModelInput& samples) const {
    const ModelInput learn = with_rare_classes(samples, spec, command_.recipe);
    count_learned(spec, learn);
    return forest_file(spec, train_forest(spec, learn, command_.recipe));
  }

  // Held-out samples say how far the shares of a forest's votes can be trusted.
  ModelFile first_forest() const {
    ModelSpec spec = spec_;
    ModelInput learn = input_, held_out;
    if (!command_.validation.empty()) {
      held_out = validation_input(command_, spec_);
    } else {
      const HoldOut split = hold_out(input_, command_.recipe.validation_ratio, command_.recipe.random_seed);
      if (split.held_out.empty()) return grow(spec, learn);
      learn = input_.subset(split.learn), held_out = input_.subset(split.held_out);
    }
    spec.provenance.n_samples = learn.size(), spec.provenance.n_held_out = held_out.size();
    ModelFile forest = grow(spec, learn);
    calibrate_forest(forest, held_out, predict_probabilities(forest, held_out, context_));
    return forest;
  }

  const TrainCommand& command_;
  const Context& context_;
  ModelSpec spec_;
  std::optional<ModelFile> start_;
  ModelInput input_;
  TrainingRun run_;
};

// The command as if it had named this architecture.
TrainCommand naming(const TrainCommand& command, const std::string& model) {
  TrainCommand named = command;
  named.model.name = model;
  named.recipe = recipe_for(model, command.recipe);
  return named;
}

ModelFile learn_one(const TrainCommand& command, const std::vector<NamedSamples>& all, const std::vector<SampleSelection>& found,
                    const Context& context) {
  Learning learning(command, all, found, context);
  return learning.again(learning.first());
}

// Where no series has a gap, the network that does better on what was held out.
ModelFile learn_better(const TrainCommand& command, Learning& usual, const std::vector<NamedSamples>& all,
                       const std::vector<SampleSelection>& found, const Context& context) {
  const ModelFile model = usual.first();
  if (!usual.dense() || !model.spec.metrics.contains("held_out")) return usual.again(model);
  const TrainCommand convolution = naming(command, "temporal_cnn");
  Learning dense(convolution, all, found, context);
  const ModelFile other = dense.first();
  const auto accuracy = [](const ModelFile& m) { return m.spec.metrics["held_out"]["accuracy"].get<double>(); };
  const nlohmann::json tried{{"ltae", accuracy(model)}, {"temporal_cnn", accuracy(other)}};
  const bool better = accuracy(other) > accuracy(model);
  context.progress->note(join_text("no series has a gap: temporal_cnn was tried beside ltae; held-out accuracy ", tried["ltae"].dump(),
                                   " (ltae), ", tried["temporal_cnn"].dump(), " (temporal_cnn): ", better ? "temporal_cnn" : "ltae",
                                   " is kept"));
  ModelFile chosen = better ? dense.again(other) : usual.again(model);
  chosen.spec.metrics["tried"] = tried;
  return chosen;
}

ModelFile mean_of(const std::vector<ModelFile>& members, const Context& context) {
  ModelFile ensemble = make_ensemble(members);
  ensemble.spec.metrics["samples"] = members.front().spec.metrics["samples"];
  std::vector<std::string> names;
  for (const ModelFile& member : members) names.push_back(member.spec.architecture);
  context.progress->note(
      join_text(members.front().spec.provenance.n_samples, " samples: the mean of ", join_list(names, ", "), " is kept"));
  return ensemble;
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

std::vector<NamedSamples> load_named(const std::vector<std::string>& files, const Nomenclature* nomenclature) {
  std::vector<NamedSamples> all;
  for (const auto& file : files) all.push_back({file, load_samples(file, nomenclature)});
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

void check_model(const ModelOptions& model) {
  if (model.name != kChosenModel)
    architecture_parameters(model.name, model.parameters);
  else if (!model.parameters.empty())
    throw UserError(join_text("model.parameters: got ", model.parameters.front(), ", but auto may become several architectures; name one"));
}

ModelFile learn_model(const TrainCommand& command, const std::vector<NamedSamples>& all, const std::vector<SampleSelection>& found,
                      const Context& context) {
  check_model(command.model);
  command.selection.check("train");
  if (command.model.name != kChosenModel) return learn_one(command, all, found, context);
  const TrainCommand attention =
      naming(command, command.init_from.empty() ? "ltae" : model_to_tune(command.init_from, "").spec.architecture);
  Learning usual(attention, all, found, context);
  const bool free = command.init_from.empty() && command.model.input == "auto" && usual.sources() == 1;
  if (!free) return usual.again(usual.first());
  // A forest errs unlike networks: the mean errs less. Where samples are few, too few are held out to say which network is the better one.
  const bool together = usual.samples() <= command.recipe.ensemble_samples;
  std::vector<ModelFile> members;
  if (together && usual.dense() && usual.samples() <= command.recipe.choice_samples)
    members = {usual.again(usual.first()), learn_one(naming(command, "temporal_cnn"), all, found, context)};
  else
    members = {learn_better(command, usual, all, found, context)};
  if (!together) return members.front();
  members.push_back(learn_one(naming(command, "random_forest"), all, found, context));
  return mean_of(members, context);
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
  const auto nomenclature = nomenclature_of(command);
  const auto all = load_named(command.samples, nomenclature ? &*nomenclature : nullptr);
  if (all.empty()) throw UserError("train: no samples given");
  const auto selections = select_labelled(all, command.all_samples ? SampleUse::all : SampleUse::learn, command.seed, command.region);
  if (selections.empty())
    throw UserError(
        join_text(all.front().file, ": no samples", command.region ? join_text(" of region ", *command.region) : "", " that learn"));
  const ModelFile model = learn_model(command, all, selections, context);
  const bool changed_counts = !command.selection.takes_all() || command.recipe.oversample != "none";
  if (changed_counts) context.progress->note(counts_text(model.spec));
  model.write(command.output);
  for (const auto& kind : architectures()) remove_checkpoint(checkpoint_of(command, kind.name));

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
