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
HD Number as_number(float value) {
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
  HD FeatureWriter(Number* array, std::int64_t features, std::int64_t pixels, std::int64_t, int, std::int64_t item, const Scratch& scratch)
      : array_(array), size_(features), tile_(scratch.tile, WarpPixels(item, pixels)) {}
  HD float* row() { return &value_; }
  HD void put() {
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

// On the CPU: rows become words of 32 bits, and eight rows of words at a time are turned in registers into a stage, in which each pixel has
// its numbers as they lie in the lines of memory. Every kSegment features, whole lines go past the caches, while the next ones are made;
// what is left begins the next segment.
template <class Number>
class FeatureWriter<kPackLanes<kCpuLanes>, Number> {
 public:
  HD FeatureWriter(Number* array, std::int64_t features, std::int64_t, std::int64_t pixel, int n, std::int64_t, const Scratch&)
      : out_(array + pixel * features), size_(features), n_(n) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const Number* first = out_ + lane * size_;
      before_[lane] = static_cast<std::int32_t>(reinterpret_cast<std::uintptr_t>(first) / sizeof(Number) % kLine);
      if (lane < n_) __builtin_prefetch(first, 1);  // a line that it shares with the pixel before
    }
  }

  HD float* row() { return rows_[filled_]; }
  HD void put() {
    if (++filled_ < kRows) return;
    turn();
    staged_ += kRows;
    filled_ = 0;
    if (staged_ == kSegment) send(false);
  }
  HD void finish() {
    if (filled_ > 0) turn();  // what is behind the last row is not sent
    staged_ += filled_;
    filled_ = 0;
    send(true);
  }

 private:
  static constexpr int kLanes = kPackLanes<kCpuLanes>;
  static constexpr int kTile = 8;
  static constexpr int kPerWord = 4 / static_cast<int>(sizeof(Number));
  static constexpr int kRows = kTile * kPerWord;
  static constexpr int kLine = 64 / static_cast<int>(sizeof(Number));  // numbers of a line of memory
  static constexpr int kSegment = 4 * kLine;
  static constexpr int kStage = kSegment + kLine;  // and what is left of the line before
  using Words = std::int32_t __attribute__((vector_size(4 * kTile)));

  HD void send(bool last) {
    for (int lane = 0; lane < n_; ++lane) {
      const int before = before_[lane], begin = sent_ == 0 ? before : 0, end = before + staged_;
      const int whole_begin = begin > 0 ? kLine : 0, whole_end = end / kLine * kLine;
      Number* stage = stage_[lane];
      Number* to = out_ + lane * size_ + sent_ - before;
      if (whole_begin > end) {
        copy(to, stage, begin, end);
        continue;
      }
      copy(to, stage, begin, whole_begin);
      if (whole_begin < whole_end)
        store_past_caches(to + whole_begin, stage + whole_begin, (whole_end - whole_begin) * static_cast<std::int64_t>(sizeof(Number)));
      if (last)
        copy(to, stage, whole_end, end);
      else
        std::memcpy(stage, stage + whole_end, kLine * sizeof *stage);
    }
    sent_ += staged_;
    staged_ = 0;
  }
  HD static void copy(Number* to, const Number* from, int begin, int end) {
    for (int i = begin; i < end; ++i) to[i] = from[i];
  }

  // Two rows of bfloat16 in one of words, the first in their lower halves.
  HD void pair(int word_row, std::int32_t* words) const {
    const float *low = rows_[2 * word_row], *high = rows_[2 * word_row + 1];
    LANES_INDEPENDENT
    for (int lane = 0; lane < kLanes; ++lane)
      words[lane] =
          static_cast<std::int32_t>(std::uint32_t{to_bfloat16(low[lane]).bits} | std::uint32_t{to_bfloat16(high[lane]).bits} << 16);
  }

  // An 8 x 8 transposition in three rounds of interleaving: neighbours, pairs, halves.
  HD void turn() {
    alignas(64) std::int32_t pairs[kTile][kLanes];
    if constexpr (kPerWord == 2)
      for (int i = 0; i < kTile; ++i) pair(i, pairs[i]);
    for (int lane = 0; lane < kLanes; lane += kTile) {
      Words r[kTile], s[kTile];
      for (int i = 0; i < kTile; ++i)
        std::memcpy(&r[i], kPerWord == 1 ? static_cast<const void*>(rows_[i] + lane) : pairs[i] + lane, sizeof r[i]);
      for (int i = 0; i < kTile; i += 2) {
        s[i] = __builtin_shuffle(r[i], r[i + 1], Words{0, 8, 1, 9, 4, 12, 5, 13});
        s[i + 1] = __builtin_shuffle(r[i], r[i + 1], Words{2, 10, 3, 11, 6, 14, 7, 15});
      }
      for (int i = 0; i < kTile; i += 4) {
        for (int k = 0; k < 2; ++k) {
          r[i + 2 * k] = __builtin_shuffle(s[i + k], s[i + 2 + k], Words{0, 1, 8, 9, 4, 5, 12, 13});
          r[i + 2 * k + 1] = __builtin_shuffle(s[i + k], s[i + 2 + k], Words{2, 3, 10, 11, 6, 7, 14, 15});
        }
      }
      for (int i = 0; i < kTile / 2; ++i) {
        s[i] = __builtin_shuffle(r[i], r[i + 4], Words{0, 1, 2, 3, 8, 9, 10, 11});
        s[i + 4] = __builtin_shuffle(r[i], r[i + 4], Words{4, 5, 6, 7, 12, 13, 14, 15});
      }
      for (int i = 0; i < kTile; ++i) std::memcpy(stage_[lane + i] + before_[lane + i] + staged_, &s[i], sizeof s[i]);
    }
  }

  Number* out_;  // of the pack's first pixel
  std::int64_t size_, sent_ = 0;
  int n_, staged_ = 0, filled_ = 0;
  std::int32_t before_[kLanes];  // numbers between the beginning of a line and each pixel's
  alignas(64) float rows_[kRows][kLanes];
  alignas(64) Number stage_[kLanes][kStage];
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
};

// values[kLanes] of one feature, normalised, to the writer; they may lie in its row.
template <int kLanes, class Value, class Writer>
HD void put_normalised(const FeaturePlan& plan, int feature, const Value* values, Writer& writer) {
  float* row = writer.row();
  if (plan.mean) {
    const float mean = plan.mean[feature], inverse_std = plan.inverse_std[feature];
    LANES_INDEPENDENT
    for (int lane = 0; lane < kLanes; ++lane) row[lane] = (static_cast<float>(values[lane]) - mean) * inverse_std;
  } else {
    LANES_INDEPENDENT
    for (int lane = 0; lane < kLanes; ++lane) row[lane] = static_cast<float>(values[lane]);
  }
  writer.put();
}

// All features of one date: bands[band][lane], then their indices. On the CPU bands that indices read are converted once; on the GPU,
// where they would have to lie in memory for that, wherever they are needed.
template <int kLanes, class Writer>
HD void put_features(const FeaturePlan& plan, const Rows<const std::int16_t>& bands, Writer& writer) {
  constexpr int kKept = kLanes > 1 ? kMaxBands : 1;
  alignas(64) float converted[kKept][kLanes];
  ROLLED
  for (int b = 0; b < plan.n_bands; ++b) {
    const std::int16_t* band = bands[b];
    put_normalised<kLanes>(plan, b, band, writer);
    if (kLanes == 1 || plan.indices.n == 0) continue;
    float* values = converted[kLanes > 1 ? b : 0];
    LANES_INDEPENDENT
    for (int lane = 0; lane < kLanes; ++lane) values[lane] = static_cast<float>(band[lane]);
  }
  ROLLED
  for (int i = 0; i < plan.indices.n; ++i) {
    alignas(64) float values[kLanes];
    if constexpr (kLanes > 1)
      index_row<kLanes>(plan.indices.formulas[i], plan.n_bands, Rows<const float>{converted[0], kLanes}, values);
    else
      index_row<kLanes>(plan.indices.formulas[i], plan.n_bands, bands, values);
    put_normalised<kLanes>(plan, plan.n_bands + i, values, writer);
  }
}

}  // namespace millesime
