#pragma once
// Random forest (Breiman 2001). OpenCV trains it; as tensors it is traversed by kernels/ops/forest.h.

#include <cstdint>
#include <vector>

#include "models/base/model_file.h"
#include "models/base/model_input.h"
#include "models/base/recipe.h"

namespace millesime {

// Trees as arrays of nodes: what the file holds and what kernels/ops/forest.h packs.
struct TrainedForest {
  int n_features = 0, n_classes = 0;
  std::vector<std::int32_t> root;         // [tree], index of its first node
  std::vector<std::int32_t> feature;      // [node], -1 in a leaf; features are [date][feature of the source], then statics
  std::vector<float> threshold;           // [node]; left when feature <= threshold
  std::vector<std::int32_t> left, right;  // [node], children come after their parent, so every walk ends
  std::vector<std::int32_t> leaf_class;   // [node], class index in a leaf, -1 otherwise
};

// Numbers of a pixel that the forest reads.
int forest_features(const ModelSpec& spec);

// Writes the forest into a model file, and reads it from one with every index checked (UserError).
ModelFile forest_file(const ModelSpec& spec, const TrainedForest& forest);
TrainedForest read_forest(const ModelFile& file);

// The logit that each number of votes stands for where held-out samples said how far shares of votes can be trusted: log of the share, with
// half a vote more so that no class is impossible, over the temperature. [0..trees] for decide (kernels/ops/decide.h); empty where the
// shares are the probabilities.
std::vector<float> vote_logits(const ModelSpec& spec, int trees);

// Enters into the forest's spec what samples say that it did not learn from (models/base/calibration.h): shares [sample][class] of its
// votes.
void calibrate_forest(ModelFile& forest, const ModelInput& held_out, const std::vector<float>& shares);

// Input must be regular. Repeatable for the same samples and seed. UserError when there is nothing to learn from.
TrainedForest train_forest(const ModelSpec& spec, const ModelInput& learn, const Recipe& recipe);

}  // namespace millesime
