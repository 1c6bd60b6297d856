#include "pipeline/learning/doubtful.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <tuple>
#include <utility>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/learning/label_votes.h"
#include "pipeline/learning/learning.h"
#include "pipeline/learning/selection.h"

namespace millesime {
namespace {

constexpr int kJudgingFolds = 5;
constexpr std::int64_t kLeastSamples = 5;  // of a polygon that is judged: fewer say little, and may be a table's rows that are just hard
constexpr std::int64_t kMostSamples = 300'000;  // that forests learn from and judge: a few of each polygon are enough
constexpr std::int64_t kOneOf = 5;              // polygons of a class, which may be left out

std::map<LabelledPolygon, std::int64_t> samples_of_polygons(const std::vector<SampleSelection>& selections) {
  std::map<LabelledPolygon, std::int64_t> polygons;
  for (const SampleSelection& selection : selections)
    for (const auto row : selection.rows)
      ++polygons[{selection.samples->group_of(row), selection.samples->label[static_cast<std::size_t>(row)]}];
  return polygons;
}

// Of each polygon that is judged.
std::map<LabelledPolygon, double> suspicions(const HeldOutProbabilities& judged, const std::vector<int>& classes) {
  std::map<LabelledPolygon, LabelVotes> votes;
  for (std::size_t i = 0; i < judged.target.size(); ++i)
    votes[{judged.group[i], classes[static_cast<std::size_t>(judged.target[i])]}].add(
        std::span(judged.probabilities).subspan(i * classes.size(), classes.size()), classes);
  std::map<LabelledPolygon, double> found;
  for (const auto& [polygon, of] : votes)
    if (of.samples() >= kLeastSamples) found[polygon] = of.suspicion(polygon.second);
  return found;
}

std::set<LabelledPolygon> doubtful(const std::map<LabelledPolygon, double>& suspicions,
                                   const std::map<LabelledPolygon, std::int64_t>& polygons, double difference) {
  std::map<int, std::int64_t> may_leave;  // of each class
  for (const auto& [key, samples] : polygons) ++may_leave[key.second];
  for (auto& [label, number] : may_leave) number /= kOneOf;
  std::vector<std::tuple<double, LabelledPolygon>> ranked;  // the most doubtful first
  for (const auto& [key, suspicion] : suspicions)
    if (suspicion >= difference) ranked.emplace_back(-suspicion, key);
  std::ranges::sort(ranked);
  std::set<LabelledPolygon> found;
  for (const auto& [suspicion, key] : ranked)
    if (may_leave.at(key.second)-- > 0) found.insert(key);
  return found;
}

LearningRequest request_for_forests(const LearningRequest& request) {
  LearningRequest judging = request;
  judging.model.name = "random_forest", judging.model.input = "auto", judging.model.parameters.clear();
  judging.recipe = recipe_for("random_forest", request.recipe);
  judging.recipe.validation_ratio = Recipe().validation_ratio, judging.recipe.season_cut = 0;
  judging.init_from.clear(), judging.output.clear(), judging.validation.clear();
  judging.selection = SelectionRule();
  judging.folds = kJudgingFolds;
  return judging;
}

}  // namespace

std::optional<DoubtfulPolygons> doubtful_polygons(const LearningRequest& request, const std::vector<NamedSamples>& all,
                                                  const std::vector<SampleSelection>& found, const Context& context) {
  if (request.recipe.doubtful == 0) return std::nullopt;
  const std::map<LabelledPolygon, std::int64_t> polygons = samples_of_polygons(found);
  const auto is_judged = [](const auto& polygon) { return polygon.second >= kLeastSamples; };
  if (std::ssize(polygons) < 2 * kJudgingFolds || std::ranges::none_of(polygons, is_judged) || count_labels(found).size() < 2)
    return std::nullopt;
  if (std::ssize(polygons) > kMostSamples / kLeastSamples) {
    context.progress->note(join_text("train.doubtful: labels are not judged, ", polygons.size(), " polygons are more than ",
                                     kMostSamples / kLeastSamples, "; they are where each region has a model of its own"));
    return std::nullopt;
  }
  std::int64_t samples = 0;
  for (const auto& [key, n] : polygons) samples += n;
  const auto of_each = static_cast<int>(kMostSamples / std::ssize(polygons));
  const LearningRequest judging = request_for_forests(request);
  const std::vector<SampleSelection> some =
      samples <= kMostSamples ? found : select_of_polygons(of_each, found, request.recipe.random_seed);
  context.progress->note(join_text("train.doubtful: forests judge the labels of ", polygons.size(), " polygons"));
  LearnedModel judges;
  try {
    judges = Learning(judging, all, some, {}, context).first();
  } catch (const UserError& error) {
    throw UserError(join_text("train.doubtful, which judges labels by forests: ", error.what(), "; or set train.doubtful = 0"));
  }
  DoubtfulPolygons found_doubtful{
      doubtful(suspicions(judges.held_out.front(), judges.model.spec.classes), polygons, request.recipe.doubtful)};
  for (const LabelledPolygon& key : found_doubtful.polygons) found_doubtful.samples += polygons.at(key);
  if (!found_doubtful.polygons.empty())
    context.progress->note(
        join_text("train.doubtful: ", found_doubtful.polygons.size(), " of ", polygons.size(), " polygons (", found_doubtful.samples,
                  " samples) do not learn, since forests that learned from the others give them another class; "
                  "where they are held out, they judge; `millesime samples audit --model random_forest` lists such ones"));
  return found_doubtful;
}

}  // namespace millesime
