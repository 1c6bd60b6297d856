#pragma once
// Prepare: from int16 as read to the model's input, in one pass over a window. Used by production.
// It equals the composition of validity, resample, gap_fill and indices exactly (tested in tests/consistency).
//
// Regular: features on a grid of dates.
//   features[pixel][target][f] = (x_f - mean[f]) * inverse_std[f]
//   x: the gap-filled bands, not rounded (with filling.rounded they are), then the indices of those bands
// Raw: every acquisition as it is.
//   values[pixel][date][band] = (b - mean[band]) * inverse_std[band] where valid, 0 elsewhere
//
// Linear gap filling is one kernel; other methods (gap_fill.h) run as the composition of the single operations, with device memory for the
// intermediate samples.
//
// A pixel without any valid date is gap-filled with 0 before normalisation, and its count is 0.

#include <cstdint>

#include "kernels/base/bfloat16.h"
#include "kernels/base/host_device.h"
#include "kernels/ops/gap_fill.h"
#include "kernels/ops/indices.h"
#include "kernels/ops/resample.h"
#include "kernels/ops/series_view.h"

namespace millesime {

struct PrepareRegularArgs {
  SeriesView series;
  Resampling resampling = Resampling::bilinear;
  int n_targets = 0;
  const std::int32_t* target_days = nullptr;  // [target], rising, since 1970-01-01
  IndexPlan indices;
  const float* mean = nullptr;         // [feature]; null: features are not normalised
  const float* inverse_std = nullptr;  // [feature], 1 / standard deviation
  // exactly one of the two, [pixel][target][feature]
  float* features = nullptr;
  Bfloat16* bfloat16 = nullptr;
  std::uint8_t* count = nullptr;  // [pixel], valid dates (at most 255), may be null
  GapFilling filling = {};

  MILLESIME_HD int n_features() const { return series.n_bands + indices.n; }
};

struct PrepareRawArgs {
  SeriesView series;
  Resampling resampling = Resampling::bilinear;
  const float* mean = nullptr;         // [band]; null: values are not normalised
  const float* inverse_std = nullptr;  // [band]
  float* values = nullptr;             // [pixel][date][band]
  std::uint8_t* valid = nullptr;       // [pixel][date], 1 = valid
  std::uint8_t* count = nullptr;       // [pixel], valid dates (at most 255), may be null
};

void prepare_regular(const Stream& stream, const PrepareRegularArgs& args);
// Bytes a pixel of intermediate memory that the composition needs; 0 if one kernel does everything.
std::int64_t prepare_regular_bytes_per_pixel(const GapFilling& filling, int n_dates, int n_bands, int n_targets);
void prepare_raw(const Stream& stream, const PrepareRawArgs& args);

}  // namespace millesime
