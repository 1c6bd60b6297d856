#pragma once
// LearningRequest: the options of a training, without its samples.

#include <optional>
#include <string>

#include "models/base/recipe.h"
#include "pipeline/core/options.h"
#include "pipeline/core/table_rules.h"
#include "pipeline/learning/model_options.h"
#include "pipeline/learning/selection_rule.h"
#include "pipeline/learning/time_options.h"

namespace millesime {

// Call declare(), set the options, then apply_recipe(options, request.model.name).
struct LearningRequest {
  std::string init_from;              // trained model to start from: its normalisation and dates are kept, the head is for the new classes
  std::string validation;             // samples to choose the epoch and to calibrate on, instead of a part of the samples
  std::string nomenclature;           // "": the classes are the labels that occur
  std::optional<std::string> region;  // of the pipeline
  ModelOptions model;
  TimeOptions time;  // of regular input; step_days 0: the samples' own dates if all files share them, else 10
  Recipe recipe;
  SelectionRule selection;  // also in section [train]
  TableRules tables;        // of samples that are tables
  double block_km = 0;      // side of the squares of land that are held out as a whole, as far as there are many; 0: polygons are held out
  int member = 0;           // of several models of one architecture in an ensemble: other weights, the same held-out samples
  int folds = 0;            // every group is held out once, by one of this number of trainings; below 2: recipe.validation_ratio, once
  std::string output;       // checkpoints of an interrupted training are next to this model file; "": none are written

  Options declare();                        // all options of users
  void declare_start(Options& options);     // init_from, validation, nomenclature, and the rules of tables
  void declare_training(Options& options);  // sections [time], [model] and [train]
};

}  // namespace millesime
