#pragma once
// Training of networks: AdamW on a one-cycle schedule, label smoothing, augmentation, averaged weights, the best epoch by F-score on
// held-out groups (the latest within a standard error of it), then calibration on them (models/base/calibration.h). Same seed, same
// machine: same weights, on any number of threads.

#include <functional>
#include <string>

#include "kernels/base/device.h"
#include "kernels/base/training_batch_args.h"
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

// Numbers that a network computes with while it learns. Weights, losses and the optimizer are of 32 bits always.
enum class Precision {
  automatic,  // bfloat16 on a GPU, float32 on the CPU
  float32,
  bfloat16,  // matrix products and convolutions in 16 bits with the range of 32 (Micikevicius et al. 2018; no scaling of the loss is
             // needed)
};
Precision precision_of(const std::string& text);  // "auto", "float32", "bfloat16"; UserError otherwise

// Where a training runs, and who watches it. Neither device nor threads change what it is after, and threads not a bit of the result.
struct TrainingRun {
  MakeTrainingBatch make_batch = nullptr;  // training_batch of kernels/ops/training_batch.h
  Device device;
  int threads = 1;
  Precision precision = Precision::automatic;
  EpochCallback on_epoch;
  std::function<void(const std::string&)> on_note;  // what a user should know, e.g. that a checkpoint is damaged
  std::function<void(int)> on_resume;               // how many epochs a checkpoint spares
  const ModelFile* start = nullptr;                 // a trained model whose weights training goes on from, not random ones (copy_weights)
  // File in which the state of the training is kept, atomically, so that a training that was killed goes on from there and ends with the
  // same bytes. One of another recipe, spec or samples is not touched until this training has something to keep. "": none.
  std::string checkpoint;
  double checkpoint_seconds = 30;  // at least so long between two of them; a finished network is always kept
};

// `spec`: complete but for metrics and temperature, which are added. `held_out` may be empty: then the last weights are kept, without
// calibration. UserError when there is nothing to learn from.
ModelFile train_network(const ModelSpec& spec, const ModelInput& learn, const ModelInput& held_out, const Recipe& recipe,
                        const TrainingRun& run);

// Learns from `samples`, and from what the recipe adds to their rare classes. Sets the numbers of samples in the provenance.
ModelFile train_held_out(ModelSpec spec, const ModelInput& samples, const ModelInput& held_out, const Recipe& recipe,
                         const TrainingRun& run);

// Few samples are too dear to be held out (Recipe::refits): then a second network learns from all of `input`, on the schedule of `first`
// (of train_held_out) up to the epoch that it chose, and takes over its calibration and metrics. Otherwise `first` itself.
ModelFile learn_again(const ModelFile& first, const ModelInput& input, const Recipe& recipe, const TrainingRun& run);

// Once the model is written.
void remove_checkpoint(const std::string& checkpoint);

}  // namespace millesime
