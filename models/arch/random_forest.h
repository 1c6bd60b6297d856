#pragma once
// Random forest (Breiman 2001). forest_trainer.h grows the trees; kernels/ops/forest.h traverses them as tensors.

#include <cstdint>
#include <limits>
#include <vector>

#include "models/base/input_table.h"
#include "models/base/model_file.h"
#include "models/base/recipe.h"
#include "pipeline/core/quantile_plan.h"

namespace millesime {

// Trees as arrays of nodes, as in the model file; kernels/ops/forest.h packs them.
struct TrainedForest {
  int n_features = 0, n_classes = 0;
  std::vector<std::int32_t> root;         // [tree], index of its first node
  std::vector<std::int32_t> feature;      // [node], -1 in a leaf; features are [source][date][feature of the source], then statics
  std::vector<float> threshold;           // [node]; left when feature <= threshold
  std::vector<std::int32_t> left, right;  // [node], children come after their parent, so every traversal ends
  std::vector<std::int32_t> leaf_class;   // [node], class index in a leaf, -1 otherwise
  std::vector<double> importance = {};    // [feature], of a forest that was just grown: its share of the decrease of Gini impurity
};

// Numbers of a pixel that the forest reads: its series, or their quantiles (parameter features = quantiles), and the statics.
int forest_features(const ModelSpec& spec);

// The quantiles that the forest reads instead of its series, of each source; none for others. UserError if the parameter has another value.
std::vector<QuantilePlan> forest_quantiles(const ModelSpec& spec);
// The shares of the forest's importance by band and index (at all dates), by date (days since 1 January) and by static input, with names:
// {"bands": {"B8": 0.2}, "days": {"120": 0.1}, "statics": {"elevation": 0.05}}.
nlohmann::json importance_of(const TrainedForest& forest, const ModelSpec& spec);

// Writes the forest into a model file, and reads it from one with every index checked (UserError).
ModelFile forest_file(const ModelSpec& spec, const TrainedForest& forest);
TrainedForest read_forest(const ModelFile& file);

// The logit of each number of votes, for a forest calibrated with held-out samples: logarithm of the share (half a vote is added so that no
// class is impossible), divided by the temperature. [0..trees], for decide (kernels/ops/decide.h); empty if the shares are the
// probabilities.
std::vector<float> vote_logits(const ModelSpec& spec, int trees);

// Calibrates the forest with held-out samples and stores the result in its spec (models/base/calibration.h). shares [sample][class] of the
// votes.
void calibrate_forest(ModelFile& forest, const InputTable& held_out, const std::vector<float>& shares);

// Input must be regular; instead of each series it has the quantiles that the forest reads, as one date (kernels/ops/quantile_features.h).
// The same forest for the same samples and seed, on any number of threads (0: all). UserError if there are not enough samples to train, or
// if they need more memory.
TrainedForest train_forest(const ModelSpec& spec, const InputTable& learn, const Recipe& recipe, int threads = 1,
                           std::int64_t memory_bytes = std::numeric_limits<std::int64_t>::max());

}  // namespace millesime
