#pragma once
// Body of resample.h.

#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/base/parallel_for.h"
#include "kernels/base/rounding.h"
#include "kernels/base/store.h"
#include "kernels/ops/resample.h"
#include "kernels/ops/row_block.h"

namespace millesime {

HD int clamp_index(int i, int n) { return i < 0 ? 0 : (i >= n ? n - 1 : i); }

// One axis of a group, seen from one pixel of the window: the group pixels that contribute, and how much.
template <int kTaps>
struct Taps {
  int first = 0;          // may lie beyond the edge; tap i is pixel clamp_index(first + i)
  int nearest = 0;        // the same
  float fraction = 0.0f;  // of a group pixel behind the one below

  HD float weight(int i) const {
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
HD Taps<kTaps> taps_at(double position) {
  constexpr std::int64_t kOne = 65536;  // steps of a group pixel
  const auto steps = static_cast<std::int64_t>(floor(position * kOne + 0.5));
  const int below = static_cast<int>(steps >> 16);
  Taps<kTaps> taps;
  taps.nearest = static_cast<int>((steps + kOne / 2) >> 16);
  taps.first = kTaps == 1 ? taps.nearest : (kTaps == 2 ? below : below - 1);
  taps.fraction = static_cast<float>(steps & (kOne - 1)) / kOne;
  return taps;
}

// A sum of valid pixels is never taken for a missing one.
HD std::int16_t resampled_value(float sum) {
  const std::int16_t value = saturate_to_int16(sum);
  return static_cast<std::int16_t>(value == kMissing ? kMissing + 1 : value);
}

// One pixel of the window from a plane of the group (of less than 2^31 pixels). Where one of its pixels is missing, the weights of the
// others are made to sum to 1.
template <int kTaps>
HD std::int16_t resample_pixel(const std::int16_t* plane, int cols, int rows, const Taps<kTaps>& across, const Taps<kTaps>& down) {
  const std::int16_t nearest = plane[clamp_index(down.nearest, rows) * cols + clamp_index(across.nearest, cols)];
  if (kTaps == 1 || nearest == kMissing) return nearest;
  float sum = 0.0f, weight = 0.0f;
  bool whole = true;
  ROLLED
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
  return resampled_value(whole ? sum : sum / weight);
}

// The bands of one group at the pixels of one block. A group on the window's own grid (`copied`) is not resampled.
template <int kTaps, int kLanes>
struct BlockResampler {
  const BandGroupView& group;
  const RowBlock<kLanes>& block;
  bool copied;
  Taps<kTaps> down, across[kLanes];

  HD BlockResampler(const BandGroupView& of, const RowBlock<kLanes>& pixels, bool on_grid) : group(of), block(pixels), copied(on_grid) {
    if (copied) return;
    down = taps_at<kTaps>(block.row * of.row_scale + of.row_offset);
    for (int lane = 0; lane < kLanes; ++lane) across[lane] = taps_at<kTaps>((block.col + lane) * of.col_scale + of.col_offset);
  }

  // values[kLanes]; lanes without a pixel get 0. Returns false only where none of them is missing.
  HD bool row(const std::int16_t* plane, std::int16_t* values) const {
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

#if !defined(__CUDACC__) && defined(__GNUC__)

template <int kLanes>
HD bool any_missing(const std::int16_t* values) {
  std::int16_t missing = 0;
  for (int lane = 0; lane < kLanes; ++lane) missing = static_cast<std::int16_t>(missing | (values[lane] == kMissing ? -1 : 0));
  return missing != 0;
}

// The same on the CPU for whole blocks: first the rows are combined into one line of the group's pixels, then the line into the
// block's pixels. Where a pixel is missing, or the line is long, it falls back to resample_pixel. Same operations in the same order
// for each pixel, so the same bits.
//
// Groups of half the window's resolution, 20 m in 10 m, are combined in integers: their weights are quarters, and their sums whole
// sixteenths below 2^20, which float32 holds exactly, so that these are the same bits, too.
template <int kTaps>
struct BlockResampler<kTaps, kCpuLanes> {
  static constexpr int kMaxLine = kCpuLanes + 16;  // group pixels that a block may span: its lanes at scale 1 and some taps
  static constexpr int kPack = 8;                  // lanes that one shuffle serves
  using Floats = float __attribute__((vector_size(4 * kPack)));
  using Ints = std::int32_t __attribute__((vector_size(4 * kPack)));
  using Shorts = std::int16_t __attribute__((vector_size(2 * kPack)));
  using Pairs = std::int16_t __attribute__((vector_size(4 * kPack)));
  static constexpr int kHalf = kCpuLanes / 2;

  BandGroupView group;
  std::int64_t first = 0;
  int n = 0;
  bool copied = false, halved = false, in_line = false, shuffled = false, inside = false;
  Taps<kTaps> down, across[kCpuLanes];  // of a halved group only the first two
  int line_first = 0, line_size = 0;
  std::int32_t begin[kCpuLanes / kPack] = {};             // of the line's part that a pack needs
  alignas(64) std::int32_t place[kTaps][kCpuLanes] = {};  // of each tap, in the line (or in that part)
  alignas(64) float weight[kTaps][kCpuLanes] = {};

  HD BlockResampler(const BandGroupView& of, const RowBlock<kCpuLanes>& block, bool on_grid)
      : group(of), first(block.first), n(block.n()), copied(on_grid) {
    if (copied) return;
    down = taps_at<kTaps>(block.row * of.row_scale + of.row_offset);
    const auto taps = [&](int lane) { return taps_at<kTaps>((block.col + lane) * of.col_scale + of.col_offset); };
    for (int lane = 0; lane < 2; ++lane) across[lane] = taps(lane);
    halved = is_halved();
    if (!halved)
      for (int lane = 2; lane < kCpuLanes; ++lane) across[lane] = taps(lane);
    line_first = across[0].first;
    line_size = across_of(kCpuLanes - 1).first + kTaps - line_first;
    in_line = line_size <= kMaxLine && of.col_scale > 0;
    inside = line_first >= 0 && line_first + line_size <= group.cols;
    if (!in_line || halved) return;
    shuffled = true;
    for (int lane = 0; lane < kCpuLanes; ++lane) {
      for (int i = 0; i < kTaps; ++i) {
        place[i][lane] = across[lane].first + i - line_first;
        weight[i][lane] = across[lane].weight(i);
      }
    }
    for (int pack = 0; pack < kCpuLanes / kPack; ++pack) {
      begin[pack] = place[0][pack * kPack];
      shuffled = shuffled && place[kTaps - 1][pack * kPack + kPack - 1] - begin[pack] < kPack;
    }
    if (!shuffled) return;
    for (int i = 0; i < kTaps; ++i)
      for (int lane = 0; lane < kCpuLanes; ++lane) place[i][lane] -= begin[lane / kPack];
  }

  HD bool row(const std::int16_t* plane, std::int16_t* values) const {
    if (copied) {
      expect_next_lanes<kCpuLanes>(plane + first);
      if (n == kCpuLanes)
        std::memcpy(values, plane + first, kCpuLanes * sizeof *values);
      else
        for (int lane = 0; lane < kCpuLanes; ++lane) values[lane] = lane < n ? plane[first + lane] : std::int16_t{0};
      return any_missing<kCpuLanes>(values);
    }
    if (in_line && (halved ? halved_row(plane, values) : line_row(plane, values))) return kTaps == 1 && any_missing<kCpuLanes>(values);
    for (int lane = 0; lane < kCpuLanes; ++lane)
      values[lane] = lane < n ? resample_pixel<kTaps>(plane, group.cols, group.rows, across_of(lane), down) : std::int16_t{0};
    return true;
  }

 private:
  // Positions are whole steps of a group pixel before they are rounded to these, so that lanes are exactly half a pixel apart.
  HD bool is_halved() const {
    const double steps = group.col_offset * 65536.0;
    const auto by_quarters = [](const Taps<kTaps>& taps) { return taps.fraction == 0.25f || taps.fraction == 0.75f; };
    return kTaps <= 2 && group.col_scale == 0.5 && steps == floor(steps) && (kTaps == 1 || (by_quarters(down) && by_quarters(across[0])));
  }
  HD Taps<kTaps> across_of(int lane) const {
    if (!halved) return across[lane];
    Taps<kTaps> taps = across[lane % 2];
    taps.first += lane / 2;
    taps.nearest += lane / 2;
    return taps;
  }

  // The line's pixels of one row; copied to `edge` where the row's edge is repeated.
  HD const std::int16_t* line_of(const std::int16_t* plane, int row, std::int16_t* edge) const {
    const std::int16_t* values = plane + static_cast<std::int64_t>(clamp_index(row, group.rows)) * group.cols;
    if (inside) {
      expect_next_lanes<kCpuLanes / 2>(values + line_first + line_size - kCpuLanes / 2);
      return values + line_first;
    }
    for (int k = 0; k < line_size; ++k) edge[k] = values[clamp_index(line_first + k, group.cols)];
    return edge;
  }

  // Both return false where a pixel of the rows is missing.
  HD bool halved_row(const std::int16_t* plane, std::int16_t* values) const {
    std::int16_t edge[2][kMaxLine];
    const std::int16_t* near = line_of(plane, down.nearest, edge[0]);
    const bool step = across[1].first > across[0].first;
    if constexpr (kTaps == 1) {
      alignas(64) std::uint32_t pairs[kHalf];
      LANES_INDEPENDENT
      for (int k = 0; k < kHalf; ++k)
        pairs[k] = static_cast<std::uint16_t>(near[k]) | std::uint32_t{static_cast<std::uint16_t>(near[k + step])} << 16;
      std::memcpy(values, pairs, sizeof pairs);
    } else {
      const std::int16_t* far = line_of(plane, 2 * down.first + 1 - down.nearest, edge[1]);
      Ints last = {};  // pixels behind the whole packs
      bool missing = any_missing<kHalf>(near) || any_missing<kHalf>(far);
      for (int k = kHalf; k < line_size; ++k) {
        missing = missing || near[k] == kMissing || far[k] == kMissing;
        last[k - kHalf] = 3 * near[k] + far[k];
      }
      if (missing) return false;
      if (step)
        halved_lanes<true>(near, far, last, values);
      else
        halved_lanes<false>(near, far, last, values);
    }
    return true;
  }

  HD static void quarters(const std::int16_t* near, const std::int16_t* far, Ints& sum) {
    Shorts a, b;
    std::memcpy(&a, near, sizeof a);
    std::memcpy(&b, far, sizeof b);
    sum = __builtin_convertvector(a, Ints);
    sum = sum + sum + sum + __builtin_convertvector(b, Ints);
  }
  HD static void round_sixteenths(Ints& sum) { sum = (sum + 8 + (sum >> 31)) >> 4; }  // half away from zero

  // Lanes 2 k and 2 k + 1 lie between pixels k and k + 1 of the line; where it steps, 2 k + 1 lies between k + 1 and k + 2. Sums are in
  // quarters, then sixteenths of an integer.
  template <bool kStep>
  HD static void halved_lanes(const std::int16_t* near, const std::int16_t* far, const Ints& last, std::int16_t* values) {
    Ints v0;
    quarters(near, far, v0);
    for (int k = 0; k < kHalf; k += kPack) {
      Ints next = last;
      if (k + kPack < kHalf) quarters(near + k + kPack, far + k + kPack, next);
      const Ints v1 = __builtin_shuffle(v0, next, Ints{1, 2, 3, 4, 5, 6, 7, 8});
      Ints even, odd;
      if constexpr (kStep) {
        const Ints v2 = __builtin_shuffle(v0, next, Ints{2, 3, 4, 5, 6, 7, 8, 9}), middle = v1 + v1 + v1;
        even = v0 + middle;
        odd = middle + v2;
      } else {
        const Ints both = v0 + v1;
        even = both + v0 + v0;
        odd = both + v1 + v1;
      }
      round_sixteenths(even);
      round_sixteenths(odd);
      const Ints pairs = (even & 0xFFFF) | odd << 16;  // the lower half comes first
      Pairs lanes;
      std::memcpy(&lanes, &pairs, sizeof lanes);
      lanes -= lanes == kMissing;  // as resampled_value() does: true is -1
      std::memcpy(values + 2 * k, &lanes, sizeof lanes);
      v0 = next;
    }
  }

  HD bool line_row(const std::int16_t* plane, std::int16_t* values) const {
    alignas(64) float line[kMaxLine + kPack];
    if (!combine_rows(plane, line)) return false;
    alignas(64) float sums[kCpuLanes];
    if (shuffled) {
      for (int pack = 0; pack < kCpuLanes / kPack; ++pack) {
        Floats part, sum = {};
        std::memcpy(&part, line + begin[pack], sizeof part);
        for (int i = 0; i < kTaps; ++i) {
          Ints from;
          Floats by;
          std::memcpy(&from, place[i] + pack * kPack, sizeof from);
          std::memcpy(&by, weight[i] + pack * kPack, sizeof by);
          sum = sum + by * __builtin_shuffle(part, from);
        }
        std::memcpy(sums + pack * kPack, &sum, sizeof sum);
      }
    } else {
      for (int lane = 0; lane < kCpuLanes; ++lane) {
        float sum = 0.0f;
        for (int i = 0; i < kTaps; ++i) sum = sum + weight[i][lane] * line[place[i][lane]];
        sums[lane] = sum;
      }
    }
    LANES_INDEPENDENT
    for (int lane = 0; lane < kCpuLanes; ++lane)
      values[lane] = kTaps == 1 ? static_cast<std::int16_t>(static_cast<std::int32_t>(sums[lane])) : resampled_value(sums[lane]);
    return true;
  }

  HD bool combine_rows(const std::int16_t* plane, float* line) const {
    std::int16_t edge[kMaxLine];
    int missing = 0;
    for (int j = 0; j < kTaps; ++j) {
      const std::int16_t* values = line_of(plane, down.first + j, edge);
      const float by = down.weight(j);
      if (j == 0) {
        LANES_INDEPENDENT
        for (int k = 0; k < line_size; ++k) line[k] = by * static_cast<float>(values[k]);
      } else {
        LANES_INDEPENDENT
        for (int k = 0; k < line_size; ++k) line[k] = line[k] + by * static_cast<float>(values[k]);
      }
      if (kTaps > 1)
        for (int k = 0; k < line_size; ++k) missing |= values[k] == kMissing;
    }
    return missing == 0;
  }
};

#endif

// One block of the window, all dates and bands.
template <int kLanes, int kTaps>
struct ResampleBlock {
  ResampleArgs args;

  HD void operator()(std::int64_t item) const {
    const SeriesView& series = args.series;
    const RowBlock<kLanes> block(series, item);
    for (int g = 0; g < series.n_groups; ++g) {
      const BandGroupView& group = series.groups[g];
      const BlockResampler<kTaps, kLanes> resampler(group, block, on_window_grid(group, series));
      for (int b = 0; b < series.n_bands; ++b) {
        if (series.group_of_band[b] != g) continue;
        ROLLED
        for (int d = 0; d < series.n_dates; ++d) {
          alignas(64) std::int16_t values[kLanes];
          resampler.row(band_plane(group, d, series.position_in_group[b]), values);
          store_lanes<kLanes>(args.samples + (static_cast<std::int64_t>(d) * series.n_bands + b) * series.pixels() + block.first, values,
                              block.n());
        }
      }
    }
    finish_stores();
  }
};

template <class Backend>
void resample_on(const Backend& backend, const ResampleArgs& args) {
  constexpr int kLanes = Backend::kLanes;
  const std::int64_t blocks = row_block_count(args.series, kLanes);
  switch (args.method) {
    case Resampling::nearest: return parallel_for(backend, "resample", blocks, ResampleBlock<kLanes, 1>{args});
    case Resampling::bilinear: return parallel_for(backend, "resample", blocks, ResampleBlock<kLanes, 2>{args});
    case Resampling::cubic: return parallel_for(backend, "resample", blocks, ResampleBlock<kLanes, 4>{args});
  }
}

}  // namespace millesime
