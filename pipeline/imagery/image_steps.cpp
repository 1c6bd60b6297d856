#include "pipeline/imagery/image_steps.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/ops/indices.h"
#include "models/arch/random_forest.h"
#include "pipeline/core/band_steps.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace {

// What a number of the images is multiplied by to be one of the model, of each feature.
std::vector<float> ratios_of_features(const SourceSpec& source, float step) {
  std::vector<float> ratios;
  for (const float own : source.steps()) {
    const bool integers = own == 1 && step == kReflectanceStep;  // of a product, which the name of the band does not say
    const float ratio = integers ? 1 : step / own;
    ratios.push_back(std::abs(ratio - 1) > 1e-3F ? ratio : 1);
  }
  const IndexPlan plan = plan_indices(source.indices, source.bands);
  for (int i = 0; i < plan.n; ++i) {  // those that are stored as numbers of bands change with them
    const IndexFormula& formula = plan.formulas[i];
    ratios.push_back(formula.integer_scale == 1 ? ratios[static_cast<std::size_t>(formula.n_bands > 0 ? formula.band[0] : 0)] : 1);
  }
  return ratios;
}

// Divides the thresholds of features of the source; those of a forest are [source][date][feature] or, of quantiles, [source][feature][...].
void divide_thresholds(ModelFile& model, std::size_t source, const std::vector<float>& ratios) {
  const ModelSpec& spec = model.spec;
  const std::vector<QuantilePlan> quantiles = forest_quantiles(spec);
  const auto width = [&](std::size_t s) {
    return static_cast<std::size_t>(quantiles.empty() ? static_cast<int>(spec.days_of(s).size()) : quantiles[s].features) *
           static_cast<std::size_t>(spec.sources[s].features());
  };
  std::size_t first = 0;
  for (std::size_t s = 0; s < source; ++s) first += width(s);
  TrainedForest forest = read_forest(model);
  for (std::size_t node = 0; node < forest.feature.size(); ++node) {
    const auto feature = static_cast<std::size_t>(std::max(0, forest.feature[node]));
    if (forest.feature[node] < 0 || feature < first || feature >= first + width(source)) continue;
    const std::size_t at = feature - first;
    forest.threshold[node] /= ratios[quantiles.empty() ? at % ratios.size() : at / static_cast<std::size_t>(quantiles[source].features)];
  }
  model.tensors.at("threshold").values = std::move(forest.threshold);
}

}  // namespace

void convert_to_steps(ModelFile& model, std::size_t source, float step) {
  SourceSpec& spec = model.spec.sources[source];
  if (step <= 0 || (spec.step.empty() && spec.scale.empty())) return;  // older models from images read them as they are
  const std::vector<float> ratios = ratios_of_features(spec, step);
  if (std::ranges::all_of(ratios, [](float ratio) { return ratio == 1; })) return;
  if (model.spec.architecture == "random_forest") divide_thresholds(model, source, ratios);
  for (std::size_t f = 0; f < ratios.size(); ++f) {
    if (model.spec.architecture == "random_forest") break;
    spec.mean[f] /= ratios[f], spec.deviation[f] /= ratios[f];
  }
  if (spec.step.empty()) spec.step.assign(spec.bands.size(), kReflectanceStep);  // in which older programs computed indices
  for (std::size_t b = 0; b < spec.bands.size(); ++b) spec.step[b] *= ratios[b];
}

}  // namespace millesime
