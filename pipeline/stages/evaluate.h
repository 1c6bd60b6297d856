#pragma once
// evaluate and predict: a trained model on samples.

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "models/base/model_file.h"
#include "pipeline/core/accuracy.h"
#include "pipeline/stages/stage.h"

namespace millesime {

struct EvaluateCommand {
  std::string model;
  std::vector<std::string> samples;
  std::string output;  // folder for confusion.csv and evaluation.json, "" for none
  int seed = 0;        // test samples of this seed's split; files that have none are used whole
  bool all_samples = false;

  Options declare();
};

struct Evaluation {
  ConfusionMatrix confusion;
  Accuracy accuracy;
  Calibration calibration;
  std::int64_t unknown = 0;  // samples of classes that the model does not know; they count as wrong
};

Evaluation evaluate_model(const EvaluateCommand& command, const Context& context);
nlohmann::json to_json(const Evaluation& evaluation, const ModelSpec& spec);
std::string to_table(const Evaluation& evaluation, const ModelSpec& spec);  // for a terminal

struct PredictCommand {
  std::string model;
  std::vector<std::string> samples;
  std::string output;  // CSV: file, sample, label, predicted, confidence, p_<code>...

  Options declare();
};

// Returns the number of samples written.
std::int64_t predict_samples(const PredictCommand& command, const Context& context);

// `millesime model info`.
nlohmann::json model_info(const std::string& file);
std::string model_info_text(const std::string& file);

}  // namespace millesime
