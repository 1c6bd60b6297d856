#pragma once
// The CPU twin of FeatureWriter (feature_writer.h, which includes it): rows become words of 32 bits, and eight rows of words at a time are
// transposed in registers into a stage, in which the numbers of each pixel are laid out as in the cache lines. Every kSegment features,
// whole lines bypass the caches, while the next ones are made; the rest begins the next segment. The numbers written are those of the
// shared body (tests/consistency/cpu_twins_test.cpp).

#include <cstdint>
#include <cstring>

#include "kernels/base/bfloat16.h"
#include "kernels/base/compiler.h"
#include "kernels/base/lanes.h"
#include "kernels/base/store.h"
#include "kernels/ops/feature_writer.h"

namespace millesime {

template <class Number>
class FeatureWriter<kPackLanes<kCpuLanes>, Number> {
 public:
  MILLESIME_HD FeatureWriter(Number* array, std::int64_t features, std::int64_t, std::int64_t pixel, int n, std::int64_t, const Scratch&)
      : out_(array + pixel * features), size_(features), n_(n) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const Number* first = out_ + lane * size_;
      before_[lane] = static_cast<std::int32_t>(reinterpret_cast<std::uintptr_t>(first) / sizeof(Number) % kLine);
      if (lane < n_) prefetch_to_write(first);  // a line that it shares with the pixel before
    }
  }

  MILLESIME_HD float* row() { return rows_[filled_]; }
  MILLESIME_HD void put() {
    if (++filled_ < kRows) return;
    turn();
    staged_ += kRows;
    filled_ = 0;
    if (staged_ == kSegment) send(false);
  }
  MILLESIME_HD void finish() {
    if (filled_ > 0) turn();  // rows beyond the last one are not written
    staged_ += filled_;
    filled_ = 0;
    send(true);
  }

 private:
  static constexpr int kLanes = kPackLanes<kCpuLanes>;
  static constexpr int kTile = kVectorSize;
  static constexpr int kPerWord = 4 / static_cast<int>(sizeof(Number));
  static constexpr int kRows = kTile * kPerWord;
  static constexpr int kLine = 64 / static_cast<int>(sizeof(Number));  // numbers of a line of memory
  static constexpr int kSegment = 4 * kLine;
  static constexpr int kStage = kSegment + kLine;  // and what is left of the line before
  using Words = IntVector;

  MILLESIME_HD void send(bool last) {
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
  MILLESIME_HD static void copy(Number* to, const Number* from, int begin, int end) {
    for (int i = begin; i < end; ++i) to[i] = from[i];
  }

  // Two rows of bfloat16 in one of words, the first in their lower halves.
  MILLESIME_HD void pair(int word_row, std::int32_t* words) const {
    const float *low = rows_[2 * word_row], *high = rows_[2 * word_row + 1];
    MILLESIME_LANES_INDEPENDENT
    for (int lane = 0; lane < kLanes; ++lane)
      words[lane] =
          static_cast<std::int32_t>(std::uint32_t{to_bfloat16(low[lane]).bits} | std::uint32_t{to_bfloat16(high[lane]).bits} << 16);
  }

  // An 8 x 8 transposition in three rounds of interleaving: neighbours, pairs, halves.
  MILLESIME_HD void turn() {
    alignas(64) std::int32_t pairs[kTile][kLanes];
    if constexpr (kPerWord == 2)
      for (int i = 0; i < kTile; ++i) pair(i, pairs[i]);
    for (int lane = 0; lane < kLanes; lane += kTile) {
      Words r[kTile], s[kTile];
      for (int i = 0; i < kTile; ++i)
        std::memcpy(&r[i], kPerWord == 1 ? static_cast<const void*>(rows_[i] + lane) : pairs[i] + lane, sizeof r[i]);
      for (int i = 0; i < kTile; i += 2) {
        interleaved<0, 8, 1, 9, 4, 12, 5, 13>(r[i], r[i + 1], s[i]);
        interleaved<2, 10, 3, 11, 6, 14, 7, 15>(r[i], r[i + 1], s[i + 1]);
      }
      for (int i = 0; i < kTile; i += 4) {
        for (int k = 0; k < 2; ++k) {
          interleaved<0, 1, 8, 9, 4, 5, 12, 13>(s[i + k], s[i + 2 + k], r[i + 2 * k]);
          interleaved<2, 3, 10, 11, 6, 7, 14, 15>(s[i + k], s[i + 2 + k], r[i + 2 * k + 1]);
        }
      }
      for (int i = 0; i < kTile / 2; ++i) {
        interleaved<0, 1, 2, 3, 8, 9, 10, 11>(r[i], r[i + 4], s[i]);
        interleaved<4, 5, 6, 7, 12, 13, 14, 15>(r[i], r[i + 4], s[i + 4]);
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

}  // namespace millesime
