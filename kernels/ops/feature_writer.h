#pragma once
// How prepare and pack write what a model reads: rows of features, one for each lane, become array[pixel][feature] of float32 or bfloat16.

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/base/bfloat16.h"
#include "kernels/base/host_device.h"
#include "kernels/base/lanes.h"
#include "kernels/base/store.h"
#include "kernels/base/warp.h"
#include "kernels/ops/indices.impl.h"

namespace millesime {

template <class Number>
HD Number as_number(float value) {
  if constexpr (std::is_same<Number, Bfloat16>::value)
    return to_bfloat16(value);
  else
    return value;
}

// Fill row(), then put() it; finish() after the last one. On the GPU a warp puts its pixels together. `pixel` is the block's first.
template <int kLanes, class Number>
class FeatureWriter {
 public:
  HD static std::int64_t scratch_bytes(std::int64_t) { return 0; }
  HD FeatureWriter(Number* array, std::int64_t features, std::int64_t pixels, std::int64_t, int, std::int64_t item, const Scratch& scratch)
      : array_(array), size_(features), tile_(scratch.tile, WarpPixels(item, pixels)) {}
  HD float* row() { return &value_; }
  HD void put(std::int64_t) {
    tile_.set(filled_, as_number<Number>(value_));
    if (++filled_ == PixelTile<Number>::kColumns) finish();
  }
  HD void finish() {
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

#if !defined(__CUDACC__)

// On the CPU: eight rows at a time are turned in registers, pixels are put together in the scratch, and the whole block goes out at once.
template <class Number>
class FeatureWriter<kCpuLanes, Number> {
 public:
  HD static std::int64_t scratch_bytes(std::int64_t features) { return 4 * features; }
  HD FeatureWriter(Number* array, std::int64_t features, std::int64_t, std::int64_t pixel, int pixels, std::int64_t, const Scratch& scratch)
      : out_(array + pixel * features), size_(features), n_(pixels), block_(scratch.rows<float>(0).first) {}

  HD float* row() { return tile_[filled_]; }
  HD void put(std::int64_t feature) {
    if (filled_ == 0) first_ = feature;
    if (++filled_ == kTile) turn();
  }

  HD void finish() {
    for (int i = 0; i < filled_; ++i)
      for (int lane = 0; lane < kCpuLanes; ++lane) block_[lane * size_ + first_ + i] = tile_[i][lane];
    const std::int64_t numbers = n_ * size_, bytes = numbers * static_cast<std::int64_t>(sizeof(Number));
    if (numbers == 0) return;
    if constexpr (!std::is_same<Number, float>::value) {
      // In place: a number is never longer than the float that it comes from.
      auto* packed = reinterpret_cast<unsigned char*>(block_);
      for (std::int64_t i = 0; i < numbers; ++i) {
        const Number number = as_number<Number>(block_[i]);
        std::memcpy(packed + i * static_cast<std::int64_t>(sizeof number), &number, sizeof number);
      }
    }
    if (n_ == kCpuLanes && reinterpret_cast<std::uintptr_t>(out_) % 64 == 0)
      store_past_caches(out_, block_, bytes);
    else
      std::memcpy(static_cast<void*>(out_), block_, static_cast<std::size_t>(bytes));
  }

 private:
  static constexpr int kTile = 8;
  using Floats = float __attribute__((vector_size(4 * kTile)));
  using Ints = std::int32_t __attribute__((vector_size(4 * kTile)));

  // An 8 x 8 transposition in three rounds of interleaving: neighbours, pairs, halves.
  HD void turn() {
    filled_ = 0;
    for (int lane = 0; lane < kCpuLanes; lane += kTile) {
      Floats r[kTile], s[kTile];
      for (int i = 0; i < kTile; ++i) std::memcpy(&r[i], tile_[i] + lane, sizeof r[i]);
      for (int i = 0; i < kTile; i += 2) {
        s[i] = __builtin_shuffle(r[i], r[i + 1], Ints{0, 8, 1, 9, 4, 12, 5, 13});
        s[i + 1] = __builtin_shuffle(r[i], r[i + 1], Ints{2, 10, 3, 11, 6, 14, 7, 15});
      }
      for (int i = 0; i < kTile; i += 4) {
        for (int k = 0; k < 2; ++k) {
          r[i + 2 * k] = __builtin_shuffle(s[i + k], s[i + 2 + k], Ints{0, 1, 8, 9, 4, 5, 12, 13});
          r[i + 2 * k + 1] = __builtin_shuffle(s[i + k], s[i + 2 + k], Ints{2, 3, 10, 11, 6, 7, 14, 15});
        }
      }
      for (int i = 0; i < kTile / 2; ++i) {
        s[i] = __builtin_shuffle(r[i], r[i + 4], Ints{0, 1, 2, 3, 8, 9, 10, 11});
        s[i + 4] = __builtin_shuffle(r[i], r[i + 4], Ints{4, 5, 6, 7, 12, 13, 14, 15});
      }
      for (int i = 0; i < kTile; ++i) std::memcpy(block_ + (lane + i) * size_ + first_, &s[i], sizeof s[i]);
    }
  }

  Number* out_;
  std::int64_t size_;
  int n_;
  float* block_;  // [lane][feature]
  std::int64_t first_ = 0;
  int filled_ = 0;
  alignas(64) float tile_[kTile][kCpuLanes];
};

#endif

HD float normalised(float value, const float* mean, const float* inverse_std, int feature) {
  return mean ? (value - mean[feature]) * inverse_std[feature] : value;
}

// How features are made of the bands of one date.
struct FeaturePlan {
  const IndexPlan& indices;
  int n_bands;
  const float *mean, *inverse_std;
  HD int n() const { return n_bands + indices.n; }
};

// All features of one date: bands[band][lane], then their indices.
template <int kLanes, class Writer>
HD void put_features(const FeaturePlan& plan, int date, const Rows<const std::int16_t>& bands, Writer& writer) {
  ROLLED
  for (int f = 0; f < plan.n(); ++f) {
    float* row = writer.row();
    if (f >= plan.n_bands) {
      index_row<kLanes>(plan.indices.formulas[f - plan.n_bands], plan.n_bands, bands, row);
      if (plan.mean) {
        LANES_INDEPENDENT
        for (int lane = 0; lane < kLanes; ++lane) row[lane] = normalised(row[lane], plan.mean, plan.inverse_std, f);
      }
    } else if (plan.mean) {
      const std::int16_t* band = bands[f];
      LANES_INDEPENDENT
      for (int lane = 0; lane < kLanes; ++lane) row[lane] = normalised(static_cast<float>(band[lane]), plan.mean, plan.inverse_std, f);
    } else {
      const std::int16_t* band = bands[f];
      LANES_INDEPENDENT
      for (int lane = 0; lane < kLanes; ++lane) row[lane] = static_cast<float>(band[lane]);
    }
    writer.put(static_cast<std::int64_t>(date) * plan.n() + f);
  }
}

}  // namespace millesime
