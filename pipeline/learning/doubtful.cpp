#include "pipeline/learning/doubtful.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "pipeline/core/text.h"
#include "pipeline/learning/learning.h"

namespace millesime {
namespace {

constexpr int kJudgingFolds = 5;
constexpr std::int64_t kLeastSamples = 5;  // of a polygon that is judged: fewer say little, and may be a table's rows that are just hard

using Key = std::pair<std::int64_t, int>;  // group, index of the class

std::set<Key> doubtful(const HeldOutProbabilities& judged, std::size_t n_classes, double difference) {
  struct OfPolygon {
    std::int64_t samples = 0;
    std::vector<double> sum;  // [class]
  };
  std::map<Key, OfPolygon> polygons;
  for (std::size_t i = 0; i < judged.target.size(); ++i) {
    OfPolygon& of = polygons[{judged.group[i], judged.target[i]}];
    of.sum.resize(n_classes, 0);
    ++of.samples;
    for (std::size_t c = 0; c < n_classes; ++c) of.sum[c] += static_cast<double>(judged.probabilities[i * n_classes + c]);
  }
  std::set<Key> found;
  for (const auto& [key, of] : polygons) {
    const double own = of.sum[static_cast<std::size_t>(key.second)], most = *std::ranges::max_element(of.sum);
    if (of.samples >= kLeastSamples && most - own >= difference * static_cast<double>(of.samples)) found.insert(key);
  }
  return found;
}

}  // namespace

std::optional<WithoutDoubtful> without_doubtful(const LearningRequest& request, const std::vector<NamedSamples>& all,
                                                const std::vector<SampleSelection>& found, const Context& context) {
  if (request.recipe.doubtful == 0 || !request.validation.empty()) return std::nullopt;
  LearningRequest judging = request;
  judging.model.name = "random_forest", judging.model.input = "auto", judging.model.parameters.clear();
  judging.recipe = recipe_for("random_forest", request.recipe);
  judging.recipe.validation_ratio = Recipe().validation_ratio, judging.recipe.season_cut = 0;
  judging.init_from.clear(), judging.output.clear();
  judging.folds = kJudgingFolds;
  Learning forests(judging, all, found, context);
  if (forests.polygons() < 2 * kJudgingFolds) return std::nullopt;
  const LearnedModel judges = forests.first();
  const std::vector<int>& classes = judges.model.spec.classes;
  std::set<Key> left_out;  // of codes
  for (const auto& [group, target] : doubtful(judges.held_out.front(), classes.size(), request.recipe.doubtful))
    left_out.insert({group, classes[static_cast<std::size_t>(target)]});

  WithoutDoubtful kept{found, std::ssize(left_out)};
  for (SampleSelection& selection : kept.samples)
    kept.left_out += static_cast<std::int64_t>(std::erase_if(selection.rows, [&](std::int64_t row) {
      return left_out.contains({selection.samples->group_of(row), selection.samples->label[static_cast<std::size_t>(row)]});
    }));
  std::erase_if(kept.samples, [](const SampleSelection& selection) { return selection.rows.empty(); });
  context.progress->note(join_text("train.doubtful: ", kept.polygons, " of ", forests.polygons(), " polygons (", kept.left_out,
                                   " samples) are left out, since forests that learned from the others give them another class; "
                                   "`millesime samples audit --model random_forest` lists such ones"));
  return kept;
}

}  // namespace millesime
