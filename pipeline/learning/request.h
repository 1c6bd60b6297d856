#pragma once
// LearningRequest: what is to be learned, and how; from which samples is said beside it.

#include <optional>
#include <string>

#include "models/base/recipe.h"
#include "pipeline/core/options.h"
#include "pipeline/learning/model_options.h"
#include "pipeline/learning/selection_rule.h"
#include "pipeline/learning/time_options.h"

namespace millesime {

// Call declare(), set what is asked for, then apply_recipe(options, request.model.name).
struct LearningRequest {
  std::string init_from;              // trained model to go on from: its normalisation and dates are kept, the head is of the new classes
  std::string validation;             // samples to choose the epoch and to calibrate on, instead of a part of the samples
  std::string nomenclature;           // "": the classes are the labels that occur
  std::optional<std::string> region;  // of the pipeline
  ModelOptions model;
  TimeOptions time;  // of regular input; step_days 0: the samples' own dates where all files share them, else 10
  Recipe recipe;
  SelectionRule selection;  // also in section [train]
  std::string output;       // checkpoints of an interrupted training lie beside this model file; "": there are none

  Options declare();                        // all that users may set
  void declare_start(Options& options);     // init_from, validation, nomenclature
  void declare_training(Options& options);  // sections [time], [model] and [train]
};

}  // namespace millesime
