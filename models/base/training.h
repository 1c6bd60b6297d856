#pragma once
// Training of networks: AdamW on a one-cycle schedule, label smoothing, augmentation, averaged weights, the best epoch by F-score on
// held-out groups (the latest within a standard error of it), then temperature scaling on them (Guo et al. 2017). Same seed, same machine:
// same weights, on any number of threads.

#include <functional>

#include "kernels/base/device.h"
#include "models/base/model_file.h"
#include "models/base/model_input.h"
#include "models/base/recipe.h"

namespace millesime {

struct EpochReport {
  int epoch = 0, epochs = 0;         // from 1
  double loss = 0;                   // mean over the epoch's steps
  double f_score = 0, accuracy = 0;  // on held-out groups, 0..1; mean F-score of the classes that occur there
};
using EpochCallback = std::function<void(const EpochReport&)>;

// `spec`: complete but for metrics and temperature, which are added. `held_out` may be empty: then the last weights are kept, without
// calibration. UserError when there is nothing to learn from.
// `start`: a trained model whose weights training goes on from instead of random ones (copy_weights).
ModelFile train_network(const ModelSpec& spec, const ModelInput& learn, const ModelInput& held_out, const Recipe& recipe,
                        const Device& device, const EpochCallback& on_epoch, const ModelFile* start = nullptr);

// Holds a part of the groups out as the recipe says. Few samples are too dear for that (Recipe::refits): then a second network learns from
// all of them, on the same schedule up to the epoch that the first one chose, and takes over its temperature and metrics. Sets the numbers
// of samples in the provenance.
ModelFile train_network(ModelSpec spec, const ModelInput& input, const Recipe& recipe, const Device& device, const EpochCallback& on_epoch,
                        const ModelFile* start = nullptr);

}  // namespace millesime
