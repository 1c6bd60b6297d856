#pragma once
// The data of a model's report (pipeline/reports/model_report.h makes the page): the model, its accuracy, the importance of its inputs.

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

inline constexpr int kIntervalReplicates = 500;  // of the bootstrap: about a dozen are outside each end of a 95 % interval

struct ModelReportCommand {
  std::string model;
  std::vector<std::string> samples;  // empty: only the content of the model file
  std::string output;                // .html
  int seed = 0;                      // whose split defines the test samples; also for random numbers
  bool all_samples = false;
  bool skip_importance = false;  // it takes most of the time
  TableRules tables;             // of samples that are tables

  Options declare();
};

struct QuantityCurves {
  std::string quantity;  // "NDVI", or a band
  std::vector<ClassCurve> curves;
};

// The content of the page; missing parts have no section.
struct ModelReportData {
  std::string file;
  ModelFile model;
  std::optional<Evaluation> evaluation;
  AccuracyIntervals intervals;         // of the evaluation
  std::vector<QuantityCurves> curves;  // of all labelled samples
  std::optional<Importances> importance;
};

// UserError if the model or the samples cannot be read, or if the output is not .html.
ModelReportData model_report_data(const ModelReportCommand& command, const Context& context);
}  // namespace millesime
