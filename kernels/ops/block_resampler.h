#pragma once
// BlockResampler: the bands of one group at the pixels of one block, the part that resample, prepare and ltae share.

#include <cmath>
#include <cstdint>

#include "kernels/base/rounding.h"
#include "kernels/ops/row_block.h"
#include "kernels/ops/series_view.h"

namespace millesime {

MILLESIME_HD int clamp_index(int i, int n) { return i < 0 ? 0 : (i >= n ? n - 1 : i); }

// One axis of a group, seen from one pixel of the window: the group pixels that contribute, and how much.
template <int kTaps>
struct Taps {
  int first = 0;          // may be beyond the edge; tap i is pixel clamp_index(first + i)
  int nearest = 0;        // the same
  float fraction = 0.0f;  // of a group pixel behind the one below

  MILLESIME_HD float weight(int i) const {
    const float f = fraction;
    if constexpr (kTaps == 1) return 1.0f;
    if constexpr (kTaps == 2) return i == 0 ? 1.0f - f : f;
    // Keys (1981), eq. 15, a = -1/2, at distances 1 + f, f, 1 - f, 2 - f.
    if (i == 0) return ((-0.5f * f + 1.0f) * f - 0.5f) * f;
    if (i == 1) return (1.5f * f - 2.5f) * f * f + 1.0f;
    if (i == 2) return ((-1.5f * f + 2.0f) * f + 0.5f) * f;
    return (0.5f * f - 0.5f) * f * f;
  }
};

template <int kTaps>
MILLESIME_HD Taps<kTaps> taps_at(double position) {
  constexpr std::int64_t kOne = 65536;  // steps of a group pixel
  const auto steps = static_cast<std::int64_t>(floor(position * kOne + 0.5));
  const int below = static_cast<int>(steps >> 16);
  Taps<kTaps> taps;
  taps.nearest = static_cast<int>((steps + kOne / 2) >> 16);
  taps.first = kTaps == 1 ? taps.nearest : (kTaps == 2 ? below : below - 1);
  taps.fraction = static_cast<float>(steps & (kOne - 1)) / kOne;
  return taps;
}

// A sum of valid pixels never equals the value for missing.
MILLESIME_HD std::int16_t resampled_value(float sum) {
  const std::int16_t value = saturate_to_int16(sum);
  return static_cast<std::int16_t>(value == kMissing ? kMissing + 1 : value);
}

// The known ones of the four pixels around, by their bilinear weights. The nearest pixel is known: its weight is a quarter or more.
MILLESIME_HD float bilinear_of_known(const std::int16_t* plane, int cols, int rows, int first_col, int first_row, float x, float y) {
  float sum = 0.0f, weight = 0.0f;
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 2; ++j) {
      const std::int16_t value = plane[clamp_index(first_row + j, rows) * cols + clamp_index(first_col + i, cols)];
      const float by = value == kMissing ? 0.0f : (i == 0 ? 1.0f - x : x) * (j == 0 ? 1.0f - y : y);
      sum = sum + by * static_cast<float>(value);
      weight = weight + by;
    }
  return sum / weight;
}

// One pixel of the window from a plane of the group (of less than 2^31 pixels). Where one of its pixels is missing, the weights of the
// others are made to sum to 1: the bilinear ones, as those of cubic resampling are below 0, too, and their sum may be about 0.
template <int kTaps>
MILLESIME_HD std::int16_t resample_pixel(const std::int16_t* plane, int cols, int rows, const Taps<kTaps>& across,
                                         const Taps<kTaps>& down) {
  const std::int16_t nearest = plane[clamp_index(down.nearest, rows) * cols + clamp_index(across.nearest, cols)];
  if (kTaps == 1 || nearest == kMissing) return nearest;
  float sum = 0.0f, weight = 0.0f;
  bool whole = true;
  MILLESIME_ROLLED
  for (int i = 0; i < kTaps; ++i) {
    const int col = clamp_index(across.first + i, cols);
    float column = 0.0f, column_weight = 0.0f;
    for (int j = 0; j < kTaps; ++j) {
      const std::int16_t value = plane[clamp_index(down.first + j, rows) * cols + col];
      const bool known = value != kMissing;
      whole = whole && known;
      column = column + (known ? down.weight(j) * static_cast<float>(value) : 0.0f);
      column_weight = column_weight + (known ? down.weight(j) : 0.0f);
    }
    sum = sum + across.weight(i) * column;
    weight = weight + across.weight(i) * column_weight;
  }
  if (kTaps == 4 && !whole)
    return resampled_value(bilinear_of_known(plane, cols, rows, across.first + 1, down.first + 1, across.fraction, down.fraction));
  return resampled_value(whole ? sum : sum / weight);
}

// The bands of one group at the pixels of one block. A group on the window's own grid (`copied`) is not resampled.
template <int kTaps, int kLanes>
struct BlockResampler {
  const BandGroupView& group;
  const RowBlock<kLanes>& block;
  bool copied;
  Taps<kTaps> down, across[kLanes];

  MILLESIME_HD BlockResampler(const BandGroupView& of, const RowBlock<kLanes>& pixels, bool on_grid)
      : group(of), block(pixels), copied(on_grid) {
    if (copied) return;
    down = taps_at<kTaps>(block.row * of.row_scale + of.row_offset);
    for (int lane = 0; lane < kLanes; ++lane) across[lane] = taps_at<kTaps>((block.col + lane) * of.col_scale + of.col_offset);
  }

  // values[kLanes]; lanes without a pixel get 0. Returns false only if none of them is missing.
  MILLESIME_HD bool row(const std::int16_t* plane, std::int16_t* values) const {
    const int n = block.n();
    for (int lane = 0; lane < kLanes; ++lane) {
      if (lane >= n)
        values[lane] = 0;
      else
        values[lane] = copied ? plane[block.first + lane] : resample_pixel<kTaps>(plane, group.cols, group.rows, across[lane], down);
    }
    return true;
  }
};

}  // namespace millesime

#if MILLESIME_CPU_TWINS
#include "kernels/ops/block_resampler.cpu.h"
#endif
