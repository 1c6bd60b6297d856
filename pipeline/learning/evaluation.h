#pragma once
// evaluate and predict: apply a trained model to samples.

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "models/base/model_file.h"
#include "pipeline/core/accuracy.h"
#include "pipeline/core/bootstrap.h"
#include "pipeline/core/context.h"
#include "pipeline/core/options.h"
#include "pipeline/learning/learned_samples.h"
#include "pipeline/learning/sample_input.h"

namespace millesime {

struct EvaluateCommand {
  std::string model;
  std::vector<std::string> samples;
  std::string output;  // folder for confusion.csv and evaluation.json, "" for none
  int seed = 0;        // the test samples of this seed's split; all samples of files without any
  bool all_samples = false;
  bool trust_model = false;  // a TorchScript program may run
  TableRules tables;

  Options declare();
};

struct Evaluation {
  ConfusionMatrix confusion;
  Accuracy accuracy;
  Calibration calibration;
  std::int64_t unknown = 0;       // samples of classes that the model does not know; counted as wrong
  std::vector<Outcome> outcomes;  // of each sample; polygons of different references are different groups
  std::vector<std::string> files;
  LearnedShare learned;
};

// The samples that judge a model: those of the test split, or all if there are none.
SampleSelection judging_samples(const Samples& samples, const std::string& file, int seed, bool all_samples);

Evaluation evaluate_model(const EvaluateCommand& command, const Context& context);
nlohmann::json to_json(const Evaluation& evaluation, const ModelSpec& spec);
std::string to_table(const Evaluation& evaluation, const ModelSpec& spec);  // for a terminal

struct PredictCommand {
  std::string model;
  std::vector<std::string> samples;
  std::string output;  // CSV: file, sample, label, predicted, confidence, p_<code>...
  bool trust_model = false;
  TableRules tables;

  Options declare();
};

// Returns the number of samples written.
std::int64_t predict_samples(const PredictCommand& command, const Context& context);

// `millesime model info`.
nlohmann::json model_info(const std::string& file);
std::string model_info_text(const std::string& file);

}  // namespace millesime
