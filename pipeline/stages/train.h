#pragma once
// train: samples -> model file. As a pipeline stage one model a region and seed, alone from any sample files.

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "models/base/joint_calibration.h"
#include "models/base/recipe.h"
#include "pipeline/core/samples.h"
#include "pipeline/stages/config.h"
#include "pipeline/stages/sample_input.h"
#include "pipeline/stages/selection.h"
#include "pipeline/stages/stage.h"

namespace millesime {

// `millesime train`. Call declare(), let the command line set, then apply_recipe(options, command.model.name).
struct TrainCommand {
  std::vector<std::string> samples;   // .safetensors or .csv
  std::string output;                 // model file
  std::string init_from;              // trained model to go on from: its normalisation and dates are kept, the head is of the new classes
  std::string validation;             // samples to choose the epoch and to calibrate on, instead of a part of `samples`
  std::string nomenclature;           // "": the classes are the labels that occur
  std::optional<std::string> region;  // of the pipeline
  int seed = 0;                       // whose split decides what learns
  bool all_samples = false;           // also those of the test split
  ModelOptions model;
  TimeOptions time;  // of regular input; step_days 0: the samples' own dates where all files share them, else 10
  Recipe recipe;
  SelectionRule selection;  // also in section [train]

  Options declare();
};

// The names in a model's name: one, or those of an ensemble, joined by +.
std::vector<std::string> members_of(const std::string& model);

// UserError for an architecture or parameters that do not exist.
void check_model(const ModelOptions& model);

// Samples and the file they came from. `nomenclature`: name or file; "": labels are what the files say.
struct NamedSamples {
  std::string file;
  Samples samples;
};
std::vector<NamedSamples> load_named(const std::vector<std::string>& files, const std::string& nomenclature);

// Those of each file that have a label; files without any are left out.
std::vector<SampleSelection> select_labelled(const std::vector<NamedSamples>& all, SampleUse use, int seed,
                                             const std::optional<std::string>& region);

// Several architectures joined by + become their mean. "auto" is ltae; where no series has a gap temporal_cnn is tried, too, and kept if it
// does better on held-out polygons. Of recipe.ensemble_samples or less it is the mean of that and a random_forest, of all three
// where these lie in recipe.choice_polygons or less. Means are calibrated by what their members were (models/base/joint_calibration.h).
//
// Learns from what command.selection takes of `selections` of `all`, whose dates span the time grid of regular input. command.samples and
// command.output have no influence on the model; the checkpoint of an interrupted training lies beside the output, if there is one.
LearnedModel learn_model(const TrainCommand& command, const std::vector<NamedSamples>& all, const std::vector<SampleSelection>& selections,
                         const Context& context);

// Samples of each class: found, selected, learned. For people, with the rules behind them.
std::string counts_text(const ModelSpec& spec);

// Trains and writes command.output (atomic). Returns counts and metrics for a manifest: samples, classes, epochs, accuracy on held-out
// groups, calibration error before and after. UserError when samples and options do not fit each other.
nlohmann::json train_model(const TrainCommand& command, const Context& context);

// The models of a production: those that the train stage makes (or the one of model.path). Nothing while the samples that say which
// regions there are have not been drawn.
struct TrainedModel {
  std::string region;  // "" without regions
  int seed = 0;
  std::string file;
};
std::optional<std::vector<TrainedModel>> trained_models(const Config& config);

Stage train_stage();

}  // namespace millesime
