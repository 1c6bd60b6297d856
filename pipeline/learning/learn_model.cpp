#include "pipeline/learning/learn_model.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "models/registry.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/learning/learning.h"

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
                       const Context& context) {
  Learning learning(request, all, found, context);
  return learning.again(learning.first());
}

// If no series has a gap, the network with the better result on held-out samples.
LearnedModel learn_better(const LearningRequest& request, Learning& usual, const std::vector<NamedSamples>& all,
                          const std::vector<SampleSelection>& found, const Context& context) {
  const LearnedModel model = usual.first();
  if (!usual.dense() || !model.model.spec.metrics.contains("held_out")) return usual.again(model);
  const LearningRequest convolution = naming(request, "temporal_cnn");
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

// `auto`, as learn_model.h says.
LearnedModel learn_chosen(const LearningRequest& request, const std::vector<NamedSamples>& all, const std::vector<SampleSelection>& found,
                          const Context& context) {
  const LearningRequest attention =
      naming(request, request.init_from.empty() ? "ltae" : model_to_tune(request.init_from, "").spec.architecture);
  Learning usual(attention, all, found, context);
  const bool free = request.init_from.empty() && request.model.input == "auto" && usual.sources() == 1;
  if (!free) return usual.again(usual.first());
  // A forest makes other errors than networks, so the mean has fewer. With few polygons too few are held out to choose between the
  // networks.
  const bool together = usual.samples() <= request.recipe.ensemble_samples;
  std::vector<LearnedModel> members;
  if (together && usual.dense() && usual.polygons() <= request.recipe.choice_polygons)
    members = {usual.again(usual.first()), learn_one(naming(request, "temporal_cnn"), all, found, context)};
  else
    members = {learn_better(request, usual, all, found, context)};
  if (!together) return members.front();
  members.push_back(learn_one(naming(request, "random_forest"), all, found, context));
  return mean_of(members, context);
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

LearnedModel learn_model(const LearningRequest& request, const std::vector<NamedSamples>& all, const std::vector<SampleSelection>& found,
                         const Context& context) {
  check_model(request.model);
  request.selection.check("train");
  std::vector<LearnedModel> members;
  const auto names = members_of(request.model.name);
  for (const auto& name : names) {
    const LearningRequest own = names.size() == 1 ? request : naming(request, name);
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

}  // namespace millesime
