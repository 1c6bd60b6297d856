#pragma once
// The report of a model: one self-contained HTML page from a model file and, if given, samples that judge it.

#include <optional>
#include <string>
#include <vector>

#include "models/base/model_file.h"
#include "pipeline/core/bootstrap.h"
#include "pipeline/stages/class_curves.h"
#include "pipeline/stages/evaluate.h"
#include "pipeline/stages/importance.h"
#include "pipeline/stages/stage.h"

namespace millesime {

struct ModelReportCommand {
  std::string model;
  std::vector<std::string> samples;  // none: only what the model file tells
  std::string output;                // .html
  int seed = 0;                      // whose split says what tests, and of chance
  bool all_samples = false;
  bool skip_importance = false;  // it takes most of the time

  Options declare();
};

struct QuantityCurves {
  std::string quantity;  // "NDVI", or a band
  std::vector<ClassCurve> curves;
};

// All that the page shows; what is missing has no section.
struct ModelReportData {
  std::string file;
  ModelFile model;
  std::optional<Evaluation> evaluation;
  AccuracyIntervals intervals;         // of the evaluation
  std::vector<QuantityCurves> curves;  // of all labelled samples
  std::optional<Importances> importance;
};

ModelReportData model_report_data(const ModelReportCommand& command, const Context& context);
std::string model_report_html(const ModelReportData& data);

// Both, and writes the page (atomic).
void report_model(const ModelReportCommand& command, const Context& context);

// Classes that are taken for each other, the most samples first.
struct ConfusedPair {
  int a = 0, b = 0;                     // codes, a < b
  std::int64_t a_as_b = 0, b_as_a = 0;  // samples
  std::int64_t samples_a = 0, samples_b = 0;
};
std::vector<ConfusedPair> confused_pairs(const ConfusionMatrix& matrix);

}  // namespace millesime
