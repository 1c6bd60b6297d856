#pragma once
// train: samples -> model file. As a stage one model for each region and seed; as a command from any sample files.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/language.h"
#include "pipeline/learning/request.h"
#include "pipeline/stages/stage.h"

namespace millesime {

// `millesime train`. Call declare(), let the command line set, then apply_recipe(options, command.request.model.name).
struct TrainCommand {
  std::vector<std::string> samples;  // .safetensors or .csv
  int seed = 0;                      // whose split defines the training samples
  bool all_samples = false;          // also those of the test split
  LearningRequest request;           // request.output: the model file to write

  Options declare();
};

// Sets every option of a declared TrainCommand that is still at its default to what the file says: sections of a configuration that decide
// a training ([model], [time], [train]...). UserError for other keys.
void apply_recipe_file(Options& options, const std::string& file);

// Trains and writes command.request.output (atomic). Returns counts and metrics for a manifest: samples, classes, epochs, accuracy on
// held-out groups, calibration error before and after. UserError if samples and options do not match.
nlohmann::json train_model(const TrainCommand& command, const Context& context);

struct TrainedModel {
  std::string region;  // "" without regions
  int seed = 0;
  std::string file;
};

// The models of a production: those that the train stage makes (or the one of model.path), one a region and seed.
struct ProductionModels {
  std::vector<TrainedModel> trained;
  // Regions without samples of their own, and the region whose model is used there; "": the one of all samples, trained for them too.
  std::map<std::string, std::string> substitutes;
};
// For the log and the report, one a region.
std::vector<std::string> substitution_notes(const ProductionModels& models, Language language);
// Nothing while the samples that say which regions there are have not been drawn.
std::optional<ProductionModels> models_of(const Config& config);
// Whether the train stage has made every one of them.
bool all_models_learned(const Config& config);

Stage train_stage();

}  // namespace millesime
