#include "pipeline/learning/model_report_data.h"

#include <algorithm>
#include <functional>

#include "pipeline/core/error.h"
#include "pipeline/core/samples.h"

namespace millesime {
namespace {

constexpr std::size_t kCurveBands = 3;  // bands shown if there is no NDVI

// NDVI if its bands exist, otherwise the most important bands of the model.
std::vector<QuantityCurves> curves_of(const std::vector<const Samples*>& samples, const ModelSpec& spec,
                                      const std::optional<Importances>& importance) {
  if (auto ndvi = ndvi_curves(samples); !ndvi.empty()) return {{"NDVI", std::move(ndvi)}};
  std::vector<std::string> bands = spec.sources.front().bands;
  if (importance) {
    std::vector<Importance> sorted = importance->bands;
    std::ranges::stable_sort(sorted, std::greater{}, &Importance::loss);
    bands.clear();
    for (const Importance& entry : sorted) bands.push_back(entry.name);
  }
  bands.resize(std::min(bands.size(), kCurveBands));
  std::vector<QuantityCurves> curves;
  for (const std::string& band : bands)
    if (auto of_band = band_curves(samples, band); !of_band.empty()) curves.push_back({band, std::move(of_band)});
  return curves;
}

}  // namespace

Options ModelReportCommand::declare() {
  Options o;
  o.add("model", &model, "model file").path().required();
  o.add("samples", &samples, "samples to test it on, .safetensors or .csv; default: only the content of the model file").path();
  o.add("output", &output, "page to write, .html").path().required();
  o.add("seed", &seed, "seed whose split defines the test samples, also of the intervals and importances").range(0, 1000);
  o.add("all_samples", &all_samples, "test on all samples, also those for training");
  o.add("skip_importance", &skip_importance, "leave out the importance of bands and dates, which takes most of the time");
  tables.declare(o);
  return o;
}

ModelReportData model_report_data(const ModelReportCommand& command, const Context& context) {
  if (!command.output.ends_with(".html")) throw UserError(join_text("--output ", command.output, ": expected a name that ends in .html"));
  ModelReportData data;
  data.file = command.model;
  data.model = ModelFile::read(command.model);
  if (command.samples.empty()) return data;
  EvaluateCommand evaluate;
  evaluate.model = command.model, evaluate.samples = command.samples;
  evaluate.seed = command.seed, evaluate.all_samples = command.all_samples, evaluate.tables = command.tables;
  data.evaluation = evaluate_model(evaluate, context);
  data.intervals = bootstrap_intervals(data.evaluation->outcomes, kIntervalReplicates, command.seed);

  std::vector<NamedSamples> parts;
  for (const std::string& file : command.samples)
    for (Samples& part : load_parts(file, &data.model.spec.nomenclature, command.tables.for_reading()))
      parts.push_back({file, std::move(part)});
  if (!command.skip_importance) {
    std::vector<SampleSelection> selections;
    for (const NamedSamples& part : parts)
      selections.push_back(judging_samples(part.samples, part.file, command.seed, command.all_samples));
    data.importance = permutation_importance(data.model, selections, command.seed, context);
  }
  std::vector<const Samples*> all;
  for (const NamedSamples& part : parts) all.push_back(&part.samples);
  data.curves = curves_of(all, data.model.spec, data.importance);
  return data;
}

}  // namespace millesime
