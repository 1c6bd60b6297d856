#pragma once
// train: samples -> model file. As a pipeline stage one model a region and seed, alone from any sample files.

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "models/base/recipe.h"
#include "pipeline/stages/config.h"
#include "pipeline/stages/stage.h"

namespace millesime {

// `millesime train`. Call declare(), let the command line set, then apply_recipe(options, model.name).
struct TrainCommand {
  std::vector<std::string> samples;     // .safetensors or .csv
  std::string output;                   // model file
  std::string validation;               // samples to choose the epoch and to calibrate on, instead of a part of `samples`
  std::string nomenclature;             // "": the classes are the labels that occur
  std::string region;                   // "": all samples
  int seed = 0;                         // whose split decides what learns; samples without a split all learn
  bool all_samples = false;             // also those of the test split
  int step_days = 0;                    // regular input: 0 = the samples' own dates where all files share them, else 10
  ModelOptions model;
  Recipe recipe;

  Options declare();
};

// Trains and writes command.output (atomic). Returns counts and metrics for a manifest: samples, classes, epochs, accuracy on held-out
// groups, calibration error before and after. UserError when samples and options do not fit.
nlohmann::json train_model(const TrainCommand& command, const Context& context);

Stage train_stage();

}  // namespace millesime
