#pragma once
// Augmentation of what a network learns from, another for every sample each time it is seen: dates hidden, noise, a shift in time, sources
// hidden. Batches are made on the device by the kernel kernels/ops/training_batch.h, which is handed in. Includes torch.

#include <cstdint>

#include "kernels/base/training_batch_args.h"
#include "models/base/model_spec.h"
#include "models/base/network.h"
#include "models/base/recipe.h"

namespace millesime {

class Augmentation {
 public:
  // `table`: the samples that batches are taken from; it has to outlive this. Dates are hidden in raw input only, and where samples have
  // gaps; shifts in time are for raw input, too.
  Augmentation(const Recipe& recipe, InputKind kind, bool gaps, const NetworkInput& table, MakeTrainingBatch make_batch);

  // Samples `rows` [N] int64 of the table. `seen`: number of the batch; another one gives another noise.
  NetworkInput operator()(const torch::Tensor& rows, std::uint64_t seen) const;

 private:
  const NetworkInput& table_;
  MakeTrainingBatch make_batch_;
  torch::Tensor present_;  // [row] int32, bit s: has source s; undefined where there is one source
  std::int64_t seed_;
  double dropout_, shift_, noise_;
};

}  // namespace millesime
