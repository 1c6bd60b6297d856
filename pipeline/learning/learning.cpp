#include "pipeline/learning/learning.h"

#include <algorithm>
#include <map>
#include <set>

#include "kernels/ops/training_batch.h"
#include "models/arch/random_forest.h"
#include "models/base/calibration.h"
#include "models/base/rare_classes.h"
#include "models/registry.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/learning/prediction.h"
#include "pipeline/learning/selection.h"
#include "pipeline/learning/specification.h"

namespace millesime {
namespace {

TrainingRun watched_by(Progress& progress) {
  TrainingRun run;
  run.make_batch = training_batch;
  run.on_epoch = [&progress](const EpochReport& report) {
    const auto percent = [](double share) { return std::to_string(share).substr(0, 5); };
    progress.note(join_text("epoch ", report.epoch, ": loss ", percent(report.loss),
                            report.f_score > 0 ? join_text(", F-score ", percent(report.f_score)) : ""));
    progress.advance(1);
  };
  run.on_note = [&progress](const std::string& text) { progress.note(text); };
  run.on_resume = [&progress](int epochs) {
    progress.note(join_text("continues after epoch ", epochs, " of an interrupted training"));
    progress.advance(epochs);
  };
  return run;
}

// Next to the model until it is finished.
std::string checkpoint_of(const LearningRequest& request, const std::string& architecture) {
  return request.output.empty() ? "" : join_text(request.output, ".", architecture, ".checkpoint");
}

// Number of samples of each class, and number of selected ones; codes in the order of the nomenclature.
void enter_counts(ModelSpec& spec, const LearningRequest& request, const std::map<int, std::int64_t>& found,
                  const std::map<int, std::int64_t>& selected) {
  const auto number = [](const std::map<int, std::int64_t>& counts, int code) {
    const auto at = counts.find(code);
    return at == counts.end() ? std::int64_t{0} : at->second;
  };
  for (const LandClass& entry : spec.nomenclature.classes)
    if (number(found, entry.code) > 0)
      spec.provenance.classes.push_back({entry.code, number(found, entry.code), number(selected, entry.code), 0});
  spec.provenance.selection = request.selection.to_text();
  const Recipe& recipe = request.recipe;
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

// Copies to `spec` everything that decides the meaning of the initial weights: parameters and target dates.
ModelFile read_start(const std::string& file, ModelSpec& spec) {
  ModelFile start = model_to_tune(file, spec.architecture);
  if (start.spec.architecture != spec.architecture || !architecture(spec.architecture).make)
    throw UserError(join_text(file, ": is a ", start.spec.architecture, ", --model is ", spec.architecture,
                              "; fine-tuning cannot change the architecture"));
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

// Separate samples to choose the epoch and to calibrate, those of classes that the model knows.
ModelInput validation_input(const LearningRequest& request, const ModelSpec& spec) {
  const auto judges = load_named({request.validation}, request.nomenclature, request.tables.for_reading());
  const ModelInput given = make_input(spec, select_labelled(judges, SampleUse::all, 0, std::nullopt));
  std::vector<std::int64_t> known;
  for (std::int64_t i = 0; i < given.size(); ++i)
    if (given.target[static_cast<std::size_t>(i)] >= 0) known.push_back(i);
  if (known.empty()) throw UserError(join_text(request.validation, ": none of its samples has a class of the training samples"));
  return given.subset(known);
}

}  // namespace

Learning::Learning(const LearningRequest& request, const std::vector<NamedSamples>& all, const std::vector<SampleSelection>& found,
                   const Context& context)
    : request_(request), context_(context), spec_(begin_spec(request, all)) {
  const auto selections = select(request.selection, found, request.recipe.random_seed);
  if (!request.init_from.empty()) start_ = read_start(request.init_from, spec_);
  fit_spec(spec_, selections);
  if (start_) keep_normalisation(*start_, spec_);
  input_ = make_input(spec_, selections);
  if (request.validation.empty()) {
    const HoldOut split = hold_out(input_, request.recipe.validation_ratio, request.recipe.random_seed);
    if (!split.held_out.empty()) learners_ = split.learn, held_out_ = input_.subset(split.held_out);
  } else {
    held_out_ = validation_input(request, spec_);
  }
  spec_.metrics["samples"] = count_samples(spec_, input_);
  enter_counts(spec_, request, count_labels(found), count_labels(selections));
  run_ = watched_by(*context.progress);
  run_.device = context.device;
  run_.threads = context.threads;
  run_.precision = precision_of(request.recipe.precision);
  run_.start = start_ ? &*start_ : nullptr;
  run_.checkpoint = checkpoint_of(request, spec_.architecture);
}

std::int64_t Learning::polygons() const { return static_cast<std::int64_t>(std::set(input_.group.begin(), input_.group.end()).size()); }

bool Learning::is_forest() const { return !architecture(spec_.architecture).make; }

ModelFile Learning::grow(ModelSpec spec, const ModelInput& samples) const {
  spec.provenance.n_samples = samples.size(), spec.provenance.n_held_out = held_out_.size();
  const ModelInput learn = with_rare_classes(samples, spec, request_.recipe);
  count_learned(spec, learn);
  return forest_file(spec, train_forest(spec, learn, request_.recipe, context_.threads));
}

LearnedModel Learning::first() {
  const std::string what = join_text("train ", spec_.architecture, request_.region ? join_text(" of region ", *request_.region) : "");
  const ModelInput part = learners_.empty() ? ModelInput() : input_.subset(learners_);
  const ModelInput& samples = learners_.empty() ? input_ : part;
  LearnedModel learned{{}, {{{}, held_out_.target, held_out_.group, {}, false}}};
  const auto judge = [&] { return predict_probabilities(learned.model, held_out_, context_); };
  if (is_forest()) {
    context_.progress->start(what, 1, "forests");
    learned.model = grow(spec_, samples);
    if (held_out_.size() > 0) calibrate_forest(learned.model, held_out_, judge());
    context_.progress->advance(1);
  } else {
    context_.progress->start(what, request_.recipe.epochs_for(samples.size()), "epochs");
    std::vector<double> crossed;
    TrainingRun run = run_;
    run.on_crossed = [&crossed](const std::vector<double>& logits) { crossed = logits; };
    learned.model = train_held_out(spec_, samples, held_out_, request_.recipe, run);
    const ModelSpec& spec = learned.model.spec;
    learned.held_out.front().crossed = calibrated_probabilities(crossed, spec.n_classes(), spec.temperature, spec.sharpening);
    learned.held_out.front().chose_epoch = crossed.empty() && held_out_.size() > 0;
  }
  learned.held_out.front().probabilities = judge();
  context_.progress->finish();
  return learned;
}

LearnedModel Learning::again(LearnedModel first) {
  if (held_out_.size() == 0 || !request_.validation.empty()) return first;
  const std::string what = join_text("train ", spec_.architecture, " on all samples");
  if (is_forest()) {
    context_.progress->start(what, 1, "forests");
    first.model = grow(first.model.spec, input_);
    context_.progress->advance(1);
  } else if (request_.recipe.refits(input_.size())) {
    context_.progress->start(what, first.model.spec.metrics["epoch"].get<int>(), "epochs");
    first.model = learn_again(first.model, input_, request_.recipe, run_);
  } else {
    return first;
  }
  context_.progress->finish();
  return first;
}

ModelFile model_to_tune(const std::string& file, const std::string& architecture) {
  ModelFile model = ModelFile::read(file);
  if (model.members.empty()) return model;
  const auto same = std::ranges::find_if(model.members, [&](const ModelFile& m) { return m.spec.architecture == architecture; });
  return same == model.members.end() ? model.members.front() : *same;
}

void remove_checkpoints(const LearningRequest& request) {
  for (const auto& kind : architectures()) remove_checkpoint(checkpoint_of(request, kind.name));
}

}  // namespace millesime
