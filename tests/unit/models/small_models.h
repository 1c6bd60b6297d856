#pragma once
// Small specs and samples shared by the tests of models.

#include <cmath>
#include <random>
#include <string>

#include "kernels/ops/training_batch.h"
#include "models/base/model_input.h"
#include "models/base/model_spec.h"
#include "models/base/recipe.h"
#include "models/base/training.h"
#include "models/registry.h"

namespace millesime::testing {

inline ModelSpec small_spec(const std::string& architecture_name, int n_classes = 3, int n_dates = 8, int n_statics = 0) {
  const Architecture& kind = architecture(architecture_name);
  ModelSpec spec;
  spec.architecture = kind.name;
  spec.parameters = kind.parameters;
  spec.input = kind.preferred_input;
  spec.sources = {{"sentinel2", {"B3", "B4", "B8"}, {}, {0, 0, 0}, {1, 1, 1}}};
  if (spec.input == InputKind::regular)
    for (int d = 0; d < n_dates; ++d) spec.days.push_back(d * 40);
  for (int s = 0; s < n_statics; ++s) spec.statics.push_back({"static" + std::to_string(s), 0, 1});
  spec.nomenclature.name = "test";
  for (int k = 0; k < n_classes; ++k) {
    LandClass entry;
    entry.code = 10 + k;
    entry.name = entry.name_en = "class " + std::to_string(k);
    entry.alias = "C" + std::to_string(entry.code);
    spec.nomenclature.classes.push_back(entry);
    spec.classes.push_back(entry.code);
  }
  spec.papers = kind.papers;
  return spec;
}

// Series whose level and slope depend on the class, with noise and, in raw input, missing dates. Every sample is a group of its own.
inline ModelInput small_input(const ModelSpec& spec, int n, int n_dates = 8, std::uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> noise(0, 0.3f);
  const int features = spec.sources.front().features();
  ModelInput input;
  InputSeries series;
  series.dates = n_dates;
  series.features = features;
  for (int i = 0; i < n; ++i) {
    const int target = i % spec.n_classes();
    for (int d = 0; d < n_dates; ++d) {
      const bool valid = spec.input == InputKind::regular || d == 0 || random() % 3 != 0;
      series.valid.push_back(valid);
      series.days.push_back(static_cast<float>(d * 40));
      for (int f = 0; f < features; ++f) {
        const float value = std::sin(static_cast<float>(d * (target + 1)) * 0.7f + static_cast<float>(f)) + noise(random);
        series.values.push_back(valid ? value : 0);
      }
    }
    for (int s = 0; s < spec.n_statics(); ++s) input.statics.push_back(noise(random));
    input.target.push_back(target);
    input.group.push_back(i);
  }
  input.n_statics = spec.n_statics();
  input.series = {series};
  return input;
}

inline Recipe quick_recipe() {
  Recipe recipe;
  recipe.epochs = 2;
  recipe.batch = 16;
  recipe.trees = 10;
  return recipe;
}

inline TrainingRun plain_run() {
  TrainingRun run;
  run.make_batch = training_batch;
  return run;
}

// Holds out samples according to the recipe, and learns from the others.
inline ModelFile train_on_a_part(const ModelSpec& spec, const ModelInput& input, const Recipe& recipe,
                                 const TrainingRun& run = plain_run()) {
  const HoldOut split = hold_out(input, recipe.validation_ratio, recipe.random_seed);
  return train_held_out(spec, input.subset(split.learn), input.subset(split.held_out), recipe, run);
}

}  // namespace millesime::testing
