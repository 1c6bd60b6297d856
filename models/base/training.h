#pragma once
// Training of networks: AdamW on a one-cycle schedule, label smoothing, augmentation, averaged weights, the best epoch by F-score on
// held-out groups (the latest within a standard error of it), then calibration on them (models/base/calibration.h). Same seed, same
// machine: same weights, on any number of threads.

#include <functional>
#include <string>
#include <vector>

#include "kernels/base/device.h"
#include "kernels/base/training_batch_args.h"
#include "models/base/input_table.h"
#include "models/base/model_file.h"
#include "models/base/recipe.h"

namespace millesime {

struct EpochReport {
  int epoch = 0, epochs = 0;         // from 1
  double loss = 0;                   // mean over the epoch's steps
  double f_score = 0, accuracy = 0;  // on held-out groups, 0..1; mean F-score of the classes that occur there
};
using EpochCallback = std::function<void(const EpochReport&)>;

// Precision of the training of a network. Weights, losses and the optimizer always have 32 bits.
enum class Precision {
  automatic,  // bfloat16 on a GPU, float32 on the CPU
  float32,
  bfloat16,  // matrix products and convolutions in 16 bits with the range of 32 (Micikevicius et al. 2018; no scaling of the loss is
             // needed)
};
Precision precision_of(const std::string& text);  // "auto", "float32", "bfloat16"; UserError otherwise

// Where a training runs, and callbacks. The number of threads does not change a bit of the result.
struct TrainingRun {
  MakeTrainingBatch make_batch = nullptr;  // training_batch of kernels/ops/training_batch.h
  Device device;
  int threads = 1;
  // For the samples: where they need more, they are read part after part in every epoch. It does not change a bit of the result either.
  std::int64_t memory_bytes = std::int64_t{4} << 30;
  Precision precision = Precision::automatic;
  EpochCallback on_epoch;
  std::function<void(const std::string&)> on_note;  // messages for the user, e.g. that a checkpoint is damaged
  std::function<void(int)> on_resume;               // number of epochs taken from a checkpoint
  // Logits [sample][class] of the held-out samples, each at the epoch that the other half of their groups chose; if there are enough
  // groups.
  std::function<void(const std::vector<double>&)> on_crossed;
  SeasonCut cut;                     // of networks for maps of a part of the season (models/base/season.h)
  const ModelFile* start = nullptr;  // a trained model whose weights training starts from, instead of random ones (copy_weights)
  // File in which the state of the training is saved, atomically, so that a training that was killed continues from there and ends with
  // the same bytes. A training that is asked to end (pipeline/core/interruption.h) saves it first and throws Interrupted. A file of another
  // recipe, spec or samples is kept until this training saves its own. "": none.
  std::string checkpoint;
  double checkpoint_seconds = 30;  // minimum time between two of them; the state of a finished network is always saved
};

// `spec`: complete except for metrics and temperature, which are added. `held_out` may be empty: then the last weights are kept, without
// calibration. UserError if there are not enough samples to train.
ModelFile train_network(const ModelSpec& spec, const InputTable& learn, const InputTable& held_out, const Recipe& recipe,
                        const TrainingRun& run);

// Learns from `samples`, and from the samples that the recipe adds to rare classes. Sets the numbers of samples in the provenance.
ModelFile train_held_out(ModelSpec spec, const InputTable& samples, const InputTable& held_out, const Recipe& recipe,
                         const TrainingRun& run);

// With few polygons (Recipe::refits) a second network learns from all of `input`, also from the held-out ones, on the schedule of `first`
// (of train_held_out) up to the epoch that it chose, and takes over its calibration and metrics. Otherwise returns `first` itself.
ModelFile learn_again(const ModelFile& first, const InputTable& input, const Recipe& recipe, const TrainingRun& run);

// A network of `spec` with random weights, to measure its speed.
ModelFile untrained_network(const ModelSpec& spec, std::int64_t seed);

// Call it when the model is written.
void remove_checkpoint(const std::string& checkpoint);
std::string second_checkpoint(const std::string& first);  // learn_again's; "" without a first

}  // namespace millesime
