#pragma once
// What the report of a model shows (pipeline/reports/model_report.h makes the page): the model, how it does on samples, what it looks at.

#include <optional>
#include <string>
#include <vector>

#include "models/base/model_file.h"
#include "pipeline/core/bootstrap.h"
#include "pipeline/core/context.h"
#include "pipeline/core/options.h"
#include "pipeline/learning/class_curves.h"
#include "pipeline/learning/evaluation.h"
#include "pipeline/learning/importance.h"

namespace millesime {

inline constexpr int kIntervalReplicates = 500;  // of the bootstrap: the ends of a 95 % interval rest on a dozen of them

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

// UserError where the model or the samples cannot be read, or the output is no .html.
ModelReportData model_report_data(const ModelReportCommand& command, const Context& context);
}  // namespace millesime
