#pragma once
// Augmentation of training samples, drawn again for every sample of every batch: hidden dates, the end of the season, noise, a shift in
// time, hidden sources. Batches are made on the device by the kernel kernels/ops/training_batch.h, which is passed as a function. Includes
// torch.

#include <cstdint>

#include "kernels/base/training_batch_args.h"
#include "models/base/model_spec.h"
#include "models/base/network.h"
#include "models/base/recipe.h"

namespace millesime {

class Augmentation {
 public:
  // Dates are hidden only in raw input of samples with gaps; ends of the season, shifts and stretches in time are for raw input only, too.
  Augmentation(const Recipe& recipe, const ModelSpec& spec, bool gaps, MakeTrainingBatch make_batch, const SeasonCut& cut);

  // The samples that batches are taken from until the next call.
  void read_from(const NetworkInput& table);

  // Samples `rows` [N] int64 of the table. `seen`: number of the batch; each number gives other random values.
  NetworkInput operator()(const torch::Tensor& rows, std::uint64_t seen) const;

 private:
  const NetworkInput* table_ = nullptr;
  MakeTrainingBatch make_batch_;
  torch::Tensor present_;  // [row] int32, bit s: has source s; undefined where there is one source
  std::int64_t seed_;
  double dropout_, shift_, stretch_, noise_;
  SeasonCut cut_;
};

}  // namespace millesime
