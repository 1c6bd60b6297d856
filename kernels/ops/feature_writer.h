#pragma once
// Writes the input of a model, for prepare and pack: rows of features, one for each lane, become float32 or bfloat16 [pixel][feature].

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/base/bfloat16.h"
#include "kernels/base/host_device.h"
#include "kernels/base/lanes.h"
#include "kernels/base/store.h"
#include "kernels/base/warp.h"
#include "kernels/ops/indices.impl.h"
#include "kernels/ops/series_view.h"

namespace millesime {

template <class Number>
MILLESIME_HD Number as_number(float value) {
  if constexpr (std::is_same<Number, Bfloat16>::value)
    return to_bfloat16(value);
  else
    return value;
}

// Pixels whose features are put together at a time: on the CPU a part of a block, so that they stay in the first-level cache.
template <int kLanes>
inline constexpr int kPackLanes = kLanes < 32 ? kLanes : 32;

// Fill row(), then put() it, feature by feature; finish() after the last one. On the GPU a warp puts its pixels together. `pixel` is the
// pack's first, and `n` of its lanes have one.
template <int kLanes, class Number>
class FeatureWriter {
 public:
  MILLESIME_HD FeatureWriter(Number* array, std::int64_t features, std::int64_t pixels, std::int64_t, int, std::int64_t item,
                             const Scratch& scratch)
      : array_(array), size_(features), tile_(scratch.tile, WarpPixels(item, pixels)) {}
  MILLESIME_HD float* row() { return &value_; }
  MILLESIME_HD void put() {
    tile_.set(filled_, as_number<Number>(value_));
    if (++filled_ == PixelTile<Number>::kColumns) finish();
  }
  MILLESIME_HD void finish() {
    tile_.store(array_, size_, first_, filled_, [](Number value) { return value; });
    first_ += filled_;
    filled_ = 0;
  }

 private:
  Number* array_;
  std::int64_t size_, first_ = 0;
  int filled_ = 0;
  float value_ = 0;
  PixelTile<Number> tile_;
};

MILLESIME_HD float normalised(float value, const float* mean, const float* inverse_std, int feature) {
  return mean ? (value - mean[feature]) * inverse_std[feature] : value;
}

// How features are made of the bands of one date.
struct FeaturePlan {
  const IndexPlan& indices;
  int n_bands;
  const float *mean, *inverse_std;
};

// values[kLanes] of one feature, normalised, to the writer; they may lie in its row.
template <int kLanes, class Writer>
MILLESIME_HD void put_normalised(const FeaturePlan& plan, int feature, const float* values, Writer& writer) {
  float* row = writer.row();
  if (plan.mean) {
    const float mean = plan.mean[feature], inverse_std = plan.inverse_std[feature];
    MILLESIME_LANES_INDEPENDENT
    for (int lane = 0; lane < kLanes; ++lane) row[lane] = (values[lane] - mean) * inverse_std;
  } else {
    MILLESIME_LANES_INDEPENDENT
    for (int lane = 0; lane < kLanes; ++lane) row[lane] = values[lane];
  }
  writer.put();
}

// All features of one date: bands[band][lane], then their indices.
template <int kLanes, class Writer>
MILLESIME_HD void put_features(const FeaturePlan& plan, const Rows<const float>& bands, Writer& writer) {
  MILLESIME_ROLLED
  for (int b = 0; b < plan.n_bands; ++b) put_normalised<kLanes>(plan, b, bands[b], writer);
  MILLESIME_ROLLED
  for (int i = 0; i < plan.indices.n; ++i) {
    alignas(64) float values[kLanes];
    index_row<kLanes>(plan.indices.formulas[i], plan.n_bands, bands, values);
    put_normalised<kLanes>(plan, plan.n_bands + i, values, writer);
  }
}

}  // namespace millesime

#if MILLESIME_CPU_TWINS
#include "kernels/ops/feature_writer.cpu.h"
#endif
