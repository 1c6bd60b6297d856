#include "pipeline/learning/learn_model.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>

#include "kernels/ops/indices.h"
#include "models/registry.h"
#include "pipeline/core/checksum.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/learning/doubtful.h"
#include "pipeline/learning/learned_samples.h"
#include "pipeline/learning/learning.h"
#include "pipeline/learning/sample_blocks.h"
#include "pipeline/learning/selection.h"
#include "pipeline/learning/specification.h"
#include "pipeline/learning/validation_samples.h"

namespace millesime {
namespace {

// The request for this architecture.
LearningRequest naming(const LearningRequest& request, const std::string& model) {
  LearningRequest named = request;
  named.model.name = model;
  named.recipe = recipe_for(model, request.recipe);
  return named;
}

LearnedModel learn_one(const LearningRequest& request, const std::vector<NamedSamples>& all, const std::vector<SampleSelection>& found,
                       const LearningAids& aids, const Context& context) {
  Learning learning(request, all, found, aids, context);
  return learning.again(learning.first());
}

LearnedModel mean_of(const std::vector<LearnedModel>& members, const Context& context) {
  LearnedModel joined = join_models(members);
  joined.model.spec.metrics["samples"] = members.front().model.spec.metrics["samples"];
  std::vector<std::string> names;
  for (const ModelFile& member : joined.model.members) names.push_back(member.spec.architecture);
  context.progress->note(join_text(joined.model.spec.provenance.n_samples, " samples: the mean of ", join_list(names, ", "), " is kept"));
  return joined;
}

// An architecture that `auto` tries.
struct ModelCandidate {
  std::string model;
  int networks = 1;  // of other seeds
  std::vector<std::string> parameters = {};
};

struct Effort {
  std::vector<ModelCandidate> candidates;
  int folds = 0;
};

constexpr std::int64_t kFewSamples = 10000;       // beyond which a quick model is one network
constexpr std::int64_t kFoldsSamples = 1000;      // up to which a standard effort learns in folds
constexpr std::int64_t kBestFoldSamples = 10000;  // and the best one
constexpr std::int64_t kFewPolygons = 1000;  // of which a part says too little of weights and confidence, however many samples they have
constexpr int kFolds = 5, kFewerFolds = 3;   // the second: of many samples
constexpr double kLeastWeight = 0.08;        // of a candidate that is kept
constexpr double kTilePixels = 10980.0 * 10980.0;

Effort effort_of(const std::string& name, std::int64_t samples, std::int64_t polygons, bool dense) {
  if (name == "quick") {
    Effort quick{{{dense ? "temporal_cnn" : "ltae"}}, 0};
    if (samples <= kFewSamples) quick.candidates.push_back({"random_forest"});
    return quick;
  }
  ModelCandidate forest{"random_forest"};
  if (dense) forest.parameters = {"features=quantiles"};  // slower; of series with gaps they are worse (models/MEASURED.md)
  if (name == "standard") {
    const int seeds = samples <= kFewSamples ? 2 : 1;
    const bool few_judge = samples <= kFewSamples && polygons <= kFewPolygons;
    Effort standard{{{"ltae", 2}, {"temporal_cnn", seeds}}, samples <= kFoldsSamples ? kFolds : few_judge ? kFewerFolds : 0};
    if (dense) standard.candidates.push_back({"inception_time", seeds, {"filters=16", "kernel=20"}});  // a light form
    standard.candidates.push_back(forest);
    return standard;
  }
  MILLESIME_CHECK(name == "best", "unknown effort ", name);
  return {{{"ltae", 3}, {"temporal_cnn", 3}, {"inception_time", 2}, forest}, samples <= kBestFoldSamples ? kFolds : 0};
}

// A candidate, and its first network without the held-out samples.
struct Tried {
  ModelCandidate candidate;
  LearningRequest request;
  LearnedModel first = {};
};

// What it costs, before it starts. `seconds`: of a pixel, of each candidate.
void tell_cost(const std::string& effort, const Effort& plan, const std::vector<double>& seconds, const Context& context) {
  std::vector<std::string> trained, mapped;
  double hours = 0;
  for (std::size_t c = 0; c < seconds.size(); ++c) {
    const ModelCandidate& candidate = plan.candidates[c];
    const double own = candidate.networks * seconds[c] * kTilePixels / 3600;
    hours += own;
    trained.push_back(join_text(candidate.networks > 1 ? join_text(candidate.networks, " ") : "", candidate.model));
    mapped.push_back(join_text(trained.back(), " ", fixed(own, 1), " h"));
  }
  context.progress->note(join_text(
      "train.effort = \"", effort, "\": trains ", join_list(trained, ", "), plan.folds > 0 ? join_text(" (in ", plan.folds, " folds)") : "",
      "; to map a Sentinel-2 tile with them will take about ", fixed(hours, 1), " h on this machine (", join_list(mapped, ", "), ")"));
}

// Leaves out the candidates that have little weight. Returns what was measured of all.
nlohmann::json choose(std::vector<Tried>& tried, const Context& context) {
  nlohmann::json told;
  std::vector<LearnedModel> judged;
  for (const Tried& one : tried) judged.push_back(one.first);
  const std::vector<double> weights = fit_weights(judged);
  std::vector<std::string> texts;
  std::vector<Tried> kept;
  for (std::size_t c = 0; c < tried.size(); ++c) {
    const ModelSpec& spec = tried[c].first.model.spec;
    const double share = weights[c] / static_cast<double>(weights.size());
    const bool is_judged = spec.metrics.contains("held_out");
    if (is_judged) told[spec.architecture] = spec.metrics["held_out"]["accuracy"];
    texts.push_back(join_text(spec.architecture, is_judged ? join_text(" ", fixed(told[spec.architecture].get<double>(), 3)) : "",
                              " (weight ", fixed(share, 2), ")"));
    if (share >= kLeastWeight) kept.push_back(std::move(tried[c]));
  }
  context.progress->note(join_text("accuracy on held-out samples: ", join_list(texts, ", ")));
  tried = std::move(kept);
  return told;
}

// `auto`, as learn_model.h says.
LearnedModel learn_chosen(const LearningRequest& request, const std::vector<NamedSamples>& all, const std::vector<SampleSelection>& found,
                          const LearningAids& aids, const Context& context) {
  const LearningRequest attention =
      naming(request, request.init_from.empty() ? "ltae" : model_to_tune(request.init_from, "").spec.architecture);
  Effort plan;
  {
    Learning usual(attention, all, found, aids, context);
    const bool free = request.init_from.empty() && request.model.input == "auto" && usual.sources() == 1;
    if (!free) return usual.again(usual.first());
    plan = effort_of(request.recipe.effort, usual.samples(), usual.polygons(), usual.dense());
  }

  if (request.recipe.season_cut > 0) {
    const std::size_t all_candidates = plan.candidates.size();
    std::erase_if(plan.candidates, [&](const ModelCandidate& candidate) { return !serves_any_day(naming(request, candidate.model)); });
    if (plan.candidates.size() < all_candidates)
      context.progress->note(
          "train.season_cut: only members that make maps of any day are trained; forests and regular input need whole seasons");
    if (plan.candidates.empty()) plan.candidates = {{attention.model.name}};
  }

  // One Learning at a time: each holds the samples as its architecture reads them.
  std::vector<Tried> tried;
  std::vector<double> seconds;
  for (const ModelCandidate& candidate : plan.candidates) {
    Tried& one = tried.emplace_back(Tried{candidate, naming(request, candidate.model)});
    one.request.model.parameters = candidate.parameters;
    one.request.folds = plan.folds;
    seconds.push_back(Learning(one.request, all, found, aids, context).seconds_per_pixel());
  }
  tell_cost(request.recipe.effort, plan, seconds, context);
  for (Tried& one : tried) one.first = Learning(one.request, all, found, aids, context).first();
  const nlohmann::json told = tried.size() > 1 ? choose(tried, context) : nlohmann::json();
  std::vector<LearnedModel> members;
  for (Tried& one : tried)
    for (one.request.member = 0; one.request.member < one.candidate.networks; ++one.request.member) {
      Learning learning(one.request, all, found, aids, context);
      // What held-out samples say of one seed holds for another, which then learns from all samples only.
      const bool known = one.request.member == 0 || learning.learns_again();
      members.push_back(learning.again(known ? one.first : learning.first()));
    }
  LearnedModel learned = members.size() > 1 ? mean_of(members, context) : members.front();
  if (!told.is_null()) learned.model.spec.metrics["tried"] = told;
  return learned;
}

// `auto` chooses members that fit; of those that are named, all must make maps of any day, or the mean makes none.
void check_season(const LearningRequest& request, const std::vector<std::string>& names) {
  if (names.size() == 1) return;  // nothing is lost (unread_options.h)
  for (const std::string& name : names)
    if (name != kChosenModel && !serves_any_day(naming(request, name)))
      throw UserError(join_text("train.season_cut: ", name,
                                " learns from whole seasons (forests and regular input do), so that a mean with it makes no maps of a part "
                                "of the season; take it out of model.name, or set train.season_cut = 0"));
}

// An unknown index, or one that needs a band that the samples lack, is told before anything is trained.
void check_indices(const ModelOptions& model, const std::vector<NamedSamples>& all) {
  const bool by_name = !model.sources.empty() && model.sources.front() != "all";
  for (const NamedSamples& named : all)
    for (const SampleSeries& series : named.samples.series)
      if (by_name ? series.source == model.sources.front() : &series == &named.samples.series.front()) {
        plan_indices(model.indices, series.bands);
        return;
      }
}

// What the model will know: of later samples it can be told whether they judge it fairly.
void enter_known(Provenance& provenance, const LearningRequest& request, const std::vector<NamedSamples>& all,
                 const std::vector<SampleSelection>& selected, const ValidationSamples& validation, const Context& context) {
  provenance.known = SampleDigests(digests_of_polygons(all, selected));
  provenance.known.merge(SampleDigests(digests_of_polygons(validation.all, validation.known)));
  if (request.init_from.empty()) return;
  const ModelSpec base = ModelFile::read(request.init_from).spec;
  const std::string file = std::filesystem::path(request.init_from).filename().string();
  LearnedShare share;
  for (const auto* selections : {&selected, &validation.known})
    for (const SampleSelection& selection : *selections) share.add(learned_share(base, selection, true));
  if (share.any())
    context.progress->note(join_text(file,
                                     " has learned from polygons of these samples: what is held out of them is no fair judge, the "
                                     "accuracy is optimistic"));
  provenance.known.merge(base.provenance.known);
  provenance.known_polygons = base.provenance.known_polygons;
  Provenance of_base = base.provenance;
  of_base.known = of_base.known_polygons = {};  // listed once
  provenance.base = {
      {"path", file}, {"xxh3", xxh3_of_file(request.init_from)}, {"knows_samples", share.any()}, {"provenance", of_base.to_json()}};
}

}  // namespace

std::vector<std::string> members_of(const std::string& model) {
  std::vector<std::string> members;
  for (const auto& part : split_text(model, '+')) members.emplace_back(trim(part));
  return members;
}

void check_model(const ModelOptions& model) {
  const auto names = members_of(model.name);
  if (std::set(names.begin(), names.end()).size() < names.size())
    throw UserError(join_text("model.name: ", model.name, " has the same member twice; a mean is better only for different models"));
  const bool one = names.size() == 1 && names.front() != kChosenModel;
  for (const auto& name : names)
    if (name != kChosenModel) architecture_parameters(name, one ? model.parameters : std::vector<std::string>());
  if (!one && !model.parameters.empty())
    throw UserError(
        join_text("model.parameters: got ", model.parameters.front(), ", but ", model.name, " is not one architecture; choose one"));
}

LearnedModel learn_model(const LearningRequest& request, const std::vector<NamedSamples>& all,
                         const std::vector<SampleSelection>& selections, const Context& context) {
  check_model(request.model);
  request.selection.check("train");
  check_indices(request.model, all);
  if (request.block_km > 0 && request.validation.empty()) context.progress->note(note_on_blocks(selections, request.block_km));
  const auto selected = select(request.selection, selections, request.recipe.random_seed);
  const ValidationSamples validation = validation_samples(request, all, selected, context);
  const auto doubtful = doubtful_polygons(request, all, selections, context);
  const LearningAids aids{doubtful.value_or(DoubtfulPolygons()), validation.known};
  std::vector<LearnedModel> members;
  const auto names = members_of(request.model.name);
  if (request.recipe.season_cut > 0) check_season(request, names);
  for (const auto& name : names) {
    const LearningRequest own = names.size() == 1 ? request : naming(request, name);
    members.push_back(name == kChosenModel ? learn_chosen(own, all, selections, aids, context)
                                           : learn_one(own, all, selections, aids, context));
  }
  LearnedModel learned = members.size() == 1 ? members.front() : mean_of(members, context);
  count_unknown(learned.model, validation, context);
  if (doubtful)
    learned.model.spec.metrics["doubtful"] = {
        {"difference", request.recipe.doubtful}, {"polygons", doubtful->polygons.size()}, {"samples", doubtful->samples}};
  enter_known(learned.model.spec.provenance, request, all, selected, validation, context);
  return learned;
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

}  // namespace millesime
