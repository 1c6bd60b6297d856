#pragma once
// The networks as a library of their own, which the program loads when it needs the first one: LibTorch is 400 MB of code, and loading it
// takes longer than most commands do. The table below is all that is called of the library; networks_on_demand.cpp has the functions of the
// program that call it, and tests link the networks as they are.

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/base/ltae_weights.h"
#include "models/base/classifier.h"
#include "models/base/training.h"

namespace millesime {

struct NetworksLibrary {
  std::unique_ptr<Classifier> (*load_classifier)(const ModelFile&, const Device&, int threads);
  std::unique_ptr<Classifier> (*load_bfloat16_classifier)(const ModelFile&, const Device&, int threads);
  std::vector<LtaeWeights> (*ltae_weights)(const ModelFile&);
  std::vector<float> (*ltae_positions)(const std::vector<float>& days, int head_width);
  ModelFile (*train_held_out)(ModelSpec, const InputTable& samples, const InputTable& held_out, const Recipe&, const TrainingRun&);
  ModelFile (*learn_again)(const ModelFile& first, const InputTable&, const Recipe&, const TrainingRun&);
  ModelFile (*untrained_network)(const ModelSpec&, std::int64_t seed);
};

}  // namespace millesime

extern "C" const millesime::NetworksLibrary* millesime_networks();
