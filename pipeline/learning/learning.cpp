#include "pipeline/learning/learning.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>
#include <span>

#include "kernels/ops/training_batch.h"
#include "models/arch/random_forest.h"
#include "models/base/calibration.h"
#include "models/base/rare_classes.h"
#include "models/base/season.h"
#include "models/registry.h"
#include "pipeline/core/error.h"
#include "pipeline/core/memory_amount.h"
#include "pipeline/core/text.h"
#include "pipeline/learning/prediction.h"
#include "pipeline/learning/sample_blocks.h"
#include "pipeline/learning/selection.h"
#include "pipeline/learning/specification.h"
#include "pipeline/learning/thermal_samples.h"

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
  const std::string member = request.member > 0 ? join_text("-", request.member) : "";
  return request.output.empty() ? "" : join_text(request.output, ".", architecture, member, ".checkpoint");
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

nlohmann::json count_samples(const ModelSpec& spec, const InputTable& input) {
  nlohmann::json counts;
  for (int k = 0; k < spec.n_classes(); ++k)
    counts[std::to_string(spec.classes[static_cast<std::size_t>(k)])] = std::ranges::count(input.target, k);
  return counts;
}

// Copies to `spec` everything that decides the meaning of the initial weights: parameters and target dates.
ModelFile read_start(const std::string& file, ModelSpec& spec) {
  ModelFile start = model_to_tune(file, spec.architecture);
  if (!architecture(spec.architecture).network)
    throw UserError(join_text("--init-from ", file, ": a ", spec.architecture,
                              " cannot be fine-tuned, its trees are grown anew; train without --init-from, or a network"));
  if (start.spec.architecture != spec.architecture)
    throw UserError(join_text(file, ": is a ", start.spec.architecture, ", --model is ", spec.architecture,
                              "; fine-tuning cannot change the architecture"));
  spec.parameters = start.spec.parameters;
  spec.input = start.spec.input;
  spec.days = start.spec.days, spec.statics = start.spec.statics;
  spec.thermal = start.spec.thermal;
  spec.sources.clear();
  for (const auto& source : start.spec.sources) spec.sources.push_back({source.name, {}, source.indices, {}, {}, {}, source.days});
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

// The same samples with the quantiles of their series, made when they are read.
InputTable quantiles_of(const InputTable& table, const std::vector<QuantilePlan>& plans, const Context& context) {
  return {table.target, table.group, table.bytes_per_sample(), true, "", [&table, plans, &context](std::span<const std::int64_t> samples) {
            return with_quantiles(table.read(samples), plans, context);
          }};
}

// What of the budget is left for the samples that a training reads. The program, its libraries, the weights and a batch need kProgram; of
// each sample about kOfEach bytes are in memory (measured), mapped ones too: label, polygon, position in the files, order, group.
std::int64_t memory_for_samples(const std::vector<NamedSamples>& all, const Context& context) {
  constexpr std::int64_t kProgram = std::int64_t{384} << 20, kOfEach = 96, kLeast = std::int64_t{16} << 20;
  std::int64_t samples = 0;
  for (const NamedSamples& named : all) samples += named.samples.size();
  const std::int64_t fixed = kProgram + samples * kOfEach;
  if (context.memory_bytes < fixed + kLeast)
    throw UserError(join_text("training: the program and the list of ", samples, " samples need ", mib_needed(fixed), " MiB, --memory is ",
                              context.memory_bytes >> 20, " MiB; expected at least ", mib_needed(fixed + kLeast),
                              "MiB (of it what is left is for the samples, which are read part after part where they do not fit)"));
  return context.memory_bytes - fixed;
}

// Some samples, spread over the table.
ModelInput some_of(const InputTable& table, std::int64_t most) {
  std::vector<std::int64_t> some;
  for (std::int64_t i = 0, step = std::max<std::int64_t>(1, table.size() / most); i < table.size(); i += step) some.push_back(i);
  return table.read(some);
}

template <class T>
void append(std::vector<T>& all, const std::vector<T>& part) {
  all.insert(all.end(), part.begin(), part.end());
}

constexpr std::int64_t kSamplesOfDays = 1000;  // that say on which days something is seen

}  // namespace

Learning::Learning(const LearningRequest& request, const std::vector<NamedSamples>& all, const std::vector<SampleSelection>& found,
                   const LearningAids& aids, const Context& context)
    : request_(request), context_(context), spec_(begin_spec(request, all)), recipe_(request.recipe) {
  const auto selections = select(request.selection, found, request.recipe.random_seed);
  if (!request.init_from.empty()) start_ = read_start(request.init_from, spec_);
  fit_spec(spec_, selections);
  if (spec_.thermal && !start_) spec_.thermal->degrees_per_day = growing_degrees_per_day(*spec_.thermal, selections);
  if (start_) keep_normalisation(*start_, spec_);
  input_ = make_table(spec_, selections);
  if (request.block_km > 0 && aids.judging.empty()) {
    input_.block = blocks_of(selections, request.block_km);
    if (are_many(input_.block)) spec_.metrics["held_out_blocks_km"] = request.block_km;
  }
  for (std::size_t i = 0; !aids.doubtful.polygons.empty() && i < input_.group.size(); ++i)
    doubtful_.push_back(aids.doubtful.contains(input_.group[i], spec_.classes[static_cast<std::size_t>(input_.target[i])]));
  if (!aids.judging.empty()) {
    validation_ = make_table(spec_, aids.judging);
  } else if (request.folds > 1 && request.recipe.validation_ratio > 0) {
    folds_ = hold_out_parts(input_, request.folds, request.recipe.random_seed);
  } else {
    HoldOut split = hold_out(input_, request.recipe.validation_ratio, request.recipe.random_seed);
    if (!split.held_out.empty()) folds_.push_back(std::move(split));
  }
  constexpr std::int64_t kApart = 1'000'003;  // seeds of members of one architecture; seeds of a run follow each other
  recipe_.random_seed += kApart * request.member;
  spec_.provenance.seed = recipe_.random_seed;
  spec_.metrics["samples"] = count_samples(spec_, input_);
  enter_counts(spec_, request, count_labels(found), count_labels(selections));
  any_day_ = serves_any_day(request);
  if (any_day_) season_ = plan_season(some_of(input_, kSamplesOfDays), recipe_.season_cut);
  run_ = watched_by(*context.progress);
  run_.device = context.device;
  run_.threads = context.threads;
  run_.memory_bytes = memory_for_samples(all, context);
  run_.precision = precision_of(request.recipe.precision);
  run_.start = start_ ? &*start_ : nullptr;
  run_.checkpoint = checkpoint_of(request, spec_.architecture);
}

std::int64_t Learning::polygons() const { return input_.groups(); }

double Learning::seconds_per_pixel() const {
  constexpr std::int64_t kEnough = 2000;  // samples of a forest: deep enough
  constexpr double kKernel = 1 / 2.7;     // of the time that LibTorch takes for L-TAE (models/MEASURED.md)
  const ModelInput samples = some_of(input_, kEnough);
  const ModelFile model = is_forest() ? grow(spec_, samples) : untrained_network(spec_, recipe_.random_seed);
  return millesime::seconds_per_pixel(model, samples, context_) * (spec_.architecture == "ltae" ? kKernel : 1);
}

// Those of the rows of input_ that learn. A class that has doubtful ones alone among them keeps these.
InputTable Learning::learners(std::vector<std::int64_t> rows) const {
  if (doubtful_.empty()) return input_.subset(rows);
  const auto target = [&](std::int64_t row) { return input_.target[static_cast<std::size_t>(row)]; };
  std::set<int> certain;
  for (const std::int64_t row : rows)
    if (!doubtful_[static_cast<std::size_t>(row)]) certain.insert(target(row));
  std::erase_if(rows, [&](std::int64_t row) { return doubtful_[static_cast<std::size_t>(row)] && certain.contains(target(row)); });
  return input_.subset(rows);
}

InputTable Learning::learners() const {
  if (doubtful_.empty()) return input_;
  std::vector<std::int64_t> rows(doubtful_.size());
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  return learners(std::move(rows));
}

bool Learning::is_forest() const { return !architecture(spec_.architecture).network; }

ModelFile Learning::grow(ModelSpec spec, const InputTable& samples) const {
  spec.provenance.n_samples = samples.size();
  const InputTable learn = with_rare_classes(samples, spec, recipe_, run_.memory_bytes);
  count_learned(spec, learn);
  const auto quantiles = forest_quantiles(spec);
  const InputTable read = quantiles.empty() ? learn : quantiles_of(learn, quantiles, context_);
  return forest_file(spec, train_forest(spec, read, recipe_, context_.threads, run_.memory_bytes));
}

Learning::Learned Learning::learn(const InputTable& samples, const InputTable& held_out, const std::string& checkpoint) const {
  Learned learned{{{}, {{{}, held_out.target, held_out.group, {}, false}}}};
  const auto judge = [&] { return predict_probabilities(learned.model, held_out, context_); };
  if (is_forest()) {
    ModelSpec spec = spec_;
    spec.provenance.n_held_out = held_out.size();
    learned.model = grow(spec, samples);
    if (held_out.size() > 0) calibrate_forest(learned.model, held_out, judge());
    context_.progress->advance(1);
  } else {
    std::vector<double>& crossed = learned.crossed_logits;
    TrainingRun run = run_;
    run.checkpoint = checkpoint;
    run.on_crossed = [&crossed](const std::vector<double>& logits) { crossed = logits; };
    learned.model = train_held_out(spec_, samples, held_out, recipe_, run);
    const ModelSpec& spec = learned.model.spec;
    learned.held_out.front().crossed = calibrated_probabilities(crossed, spec.n_classes(), spec.temperature, spec.sharpening);
    learned.held_out.front().chose_epoch = crossed.empty() && held_out.size() > 0;
  }
  learned.held_out.front().probabilities = judge();
  return learned;
}

LearnedModel Learning::first() {
  const std::string what = join_text("train ", spec_.architecture, request_.region ? join_text(" of region ", *request_.region) : "");
  const std::int64_t n_learn = folds_.empty() ? input_.size() : std::ssize(folds_.front().learn);
  const int trainings = std::max(1, static_cast<int>(folds_.size()));
  const int of_parts = static_cast<int>(season_.parts.size());
  context_.progress->start(what, is_forest() ? trainings : (trainings + of_parts) * recipe_.epochs_for(n_learn),
                           is_forest() ? "forests" : "epochs");
  std::vector<Learned> learned;
  const bool apart = in_folds() && !run_.checkpoint.empty();
  const auto checkpoint = [&](std::size_t f) { return apart ? join_text(run_.checkpoint, f) : run_.checkpoint; };
  const auto learn_from = [&](std::size_t f) { return folds_.empty() ? learners() : learners(folds_[f].learn); };
  const auto judges = [&](std::size_t f) {
    return folds_.empty() ? validation_.value_or(InputTable()) : input_.subset(folds_[f].held_out);
  };
  for (std::size_t f = 0; f == 0 || f < folds_.size(); ++f) learned.push_back(learn(learn_from(f), judges(f), checkpoint(f)));
  LearnedModel first = in_folds() ? join_folds(learned) : learned.front();
  if (any_day_) learn_season(first.model, learn_from(0), judges(0), checkpoint(0));
  context_.progress->finish();
  return first;
}

// The models of the folds are calibrated as one: by what they say, uncalibrated, of the samples that each did not see; a network at the
// epoch that the other half of its fold's groups chose, so that what is said of its accuracy is no more than it has. Its epoch is the
// median of those that the folds chose, so that no sample had much of a part in it.
LearnedModel Learning::join_folds(const std::vector<Learned>& learned) const {
  LearnedModel joined{learned.front().model, {{}}};
  ModelSpec& spec = joined.model.spec;
  const auto judge = [&](std::size_t fold) {  // with the calibration of `spec`
    ModelFile model = learned[fold].model;
    model.spec.temperature = spec.temperature, model.spec.sharpening = spec.sharpening;
    return predict_probabilities(model, input_.subset(folds_[fold].held_out), context_);
  };
  const auto judge_all = [&] {
    std::vector<float> all;
    for (std::size_t fold = 0; fold < learned.size(); ++fold) append(all, judge(fold));
    return all;
  };
  std::vector<std::int64_t> rows;
  for (const HoldOut& fold : folds_) append(rows, fold.held_out);
  const InputTable held_out = input_.subset(rows);
  joined.held_out = {{{}, held_out.target, held_out.group}};
  HeldOutProbabilities& judged = joined.held_out.front();
  spec.temperature = 1, spec.sharpening = 0;
  if (is_forest()) {
    calibrate_forest(joined.model, held_out, judge_all());
    judged.probabilities = judge_all();
  } else {
    HeldOutLogits logits{spec.n_classes(), {}, held_out.target, held_out.group};
    std::vector<int> epochs;
    for (std::size_t fold = 0; fold < learned.size(); ++fold) {
      append(logits.logits, learned[fold].crossed_logits);
      if (learned[fold].crossed_logits.empty())
        for (const float p : judge(fold)) logits.logits.push_back(std::log(std::max(static_cast<double>(p), 1e-30)));
      logits.chose_epoch = logits.chose_epoch || learned[fold].held_out.front().chose_epoch;
      epochs.push_back(learned[fold].model.spec.metrics["epoch"].get<int>());
    }
    enter_calibration(spec, logits);
    judged.probabilities = calibrated_probabilities(logits.logits, spec.n_classes(), spec.temperature, spec.sharpening);
    judged.chose_epoch = logits.chose_epoch;
    std::ranges::sort(epochs);
    spec.metrics["epoch"] = epochs[epochs.size() / 2];
  }
  spec.metrics["folds"] = learned.size();
  spec.provenance.n_held_out = held_out.size();
  return joined;
}

bool Learning::learns_again() const { return !folds_.empty() && (is_forest() || in_folds() || recipe_.refits(polygons())); }

LearnedModel Learning::again(LearnedModel first) {
  if (!learns_again()) return first;
  first.model.spec.provenance.seed = spec_.provenance.seed;
  const std::string what = join_text("train ", spec_.architecture, " on all samples");
  if (is_forest()) {
    context_.progress->start(what, 1, "forests");
    first.model = grow(first.model.spec, learners());
    context_.progress->advance(1);
  } else {
    int epochs = first.model.spec.metrics["epoch"].get<int>();
    for (std::size_t p = 0; p < season_.parts.size(); ++p) epochs += first.model.spec.metrics["season"]["parts"][p]["epoch"].get<int>();
    context_.progress->start(what, epochs, "epochs");
    Recipe recipe = recipe_;
    if (in_folds()) recipe.refit_polygons = std::max(recipe.refit_polygons, static_cast<int>(polygons()));
    const ModelFile chosen = first.model;
    first.model = learn_again(chosen, learners(), recipe, run_);
    if (!season_.parts.empty()) learn_season_again(first.model, chosen, recipe);
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
  if (request.output.empty()) return;
  const std::filesystem::path model(request.output), folder = model.has_parent_path() ? model.parent_path() : ".";
  const std::string begin = model.filename().string() + ".";
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const auto end = name.find(".checkpoint", begin.size());
    if (!name.starts_with(begin) || end == std::string::npos) continue;
    const std::string architecture = name.substr(begin.size(), std::min(end, name.find('-', begin.size())) - begin.size());
    if (std::ranges::find(architectures(), architecture, &Architecture::name) != architectures().end())
      found.push_back(entry.path().string());
  }
  for (const std::string& file : found) remove_checkpoint(file);
}

}  // namespace millesime
