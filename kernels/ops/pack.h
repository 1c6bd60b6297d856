#pragma once
// Pack: samples (not rounded, as gap_fill leaves them) and their indices, normalised, in the model's layout and type. The last part of
// prepare.h, for series that are already on the model's dates.
//
//   features[pixel][date][f] = (x_f - mean[f]) * inverse_std[f]     x: the bands, then the indices of those bands
//
// float32, or bfloat16 rounded to nearest, ties to even.

#include <cstdint>

#include "kernels/base/bfloat16.h"
#include "kernels/base/host_device.h"
#include "kernels/base/stream.h"
#include "kernels/ops/indices.h"

namespace millesime {

struct PackArgs {
  std::int64_t pixels = 0;
  int n_dates = 0, n_bands = 0;
  IndexPlan indices;
  const float* samples = nullptr;      // [date][band][pixel]
  const float* mean = nullptr;         // [feature]; null: features are not normalised
  const float* inverse_std = nullptr;  // [feature], 1 / standard deviation
  // exactly one of the two, [pixel][date][feature]
  float* features = nullptr;
  Bfloat16* bfloat16 = nullptr;

  MILLESIME_HD int n_features() const { return n_bands + indices.n; }
};

void pack(const Stream& stream, const PackArgs& args);

}  // namespace millesime
