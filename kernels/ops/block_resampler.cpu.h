#pragma once
// The CPU twin of BlockResampler (block_resampler.h, which includes it): whole blocks instead of pixel by pixel. First the rows are
// combined into one line of the group's pixels, then the line into the block's pixels. If a pixel is missing, or the line is long, it
// falls back to resample_pixel. The operations on each pixel and their order are those of the shared body, and so are the bits
// (tests/consistency/cpu_twins_test.cpp).
//
// Groups of half the window's resolution, 20 m in 10 m, are combined in integers: their weights are quarters, and their sums whole
// sixteenths below 2^20, which float32 holds exactly, so that these are the same bits, too.

#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/base/compiler.h"
#include "kernels/base/lanes.h"
#include "kernels/base/store.h"
#include "kernels/ops/block_resampler.h"

namespace millesime {

MILLESIME_HD bool any_missing(const std::int16_t* values, int n) {
  std::int16_t missing = 0;
  for (int i = 0; i < n; ++i) missing = static_cast<std::int16_t>(missing | (values[i] == kMissing ? -1 : 0));
  return missing != 0;
}

template <int kTaps>
struct BlockResampler<kTaps, kCpuLanes> {
  static constexpr int kMaxLine = kCpuLanes + 16;  // group pixels that a block may span: its lanes at scale 1 and some taps
  static constexpr int kHalf = kCpuLanes / 2;
  static constexpr int kPack = kVectorSize;  // lanes whose taps are taken from one register, if they are close enough

  BandGroupView group;
  std::int64_t first = 0;
  int n = 0;
  bool copied = false, halved = false, in_line = false, close = false, inside = false;
  Taps<kTaps> down, across[kCpuLanes];  // of a halved group only the first two
  int line_first = 0, line_size = 0;
  std::int32_t begin[kCpuLanes / kPack] = {};             // of the part of the line that a pack needs
  alignas(64) std::int32_t place[kTaps][kCpuLanes] = {};  // of each tap, in the line (or in that part)
  alignas(64) float weight[kTaps][kCpuLanes] = {};

  MILLESIME_HD BlockResampler(const BandGroupView& of, const RowBlock<kCpuLanes>& block, bool on_grid)
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
    for (int lane = 0; lane < kCpuLanes; ++lane) {
      for (int i = 0; i < kTaps; ++i) {
        place[i][lane] = across[lane].first + i - line_first;
        weight[i][lane] = across[lane].weight(i);
      }
    }
    close = true;
    for (int pack = 0; pack < kCpuLanes / kPack; ++pack) {
      begin[pack] = place[0][pack * kPack];
      close = close && place[kTaps - 1][pack * kPack + kPack - 1] - begin[pack] < kPack;
    }
    if (!close) return;
    for (int i = 0; i < kTaps; ++i)
      for (int lane = 0; lane < kCpuLanes; ++lane) place[i][lane] -= begin[lane / kPack];
  }

  MILLESIME_HD bool row(const std::int16_t* plane, std::int16_t* values) const {
    if (copied) {
      expect_next_lanes<kCpuLanes>(plane + first);
      if (n == kCpuLanes)
        std::memcpy(values, plane + first, kCpuLanes * sizeof *values);
      else
        for (int lane = 0; lane < kCpuLanes; ++lane) values[lane] = lane < n ? plane[first + lane] : std::int16_t{0};
      return any_missing(values, kCpuLanes);
    }
    if (in_line && (halved ? halved_row(plane, values) : line_row(plane, values))) return kTaps == 1 && any_missing(values, kCpuLanes);
    for (int lane = 0; lane < kCpuLanes; ++lane)
      values[lane] = lane < n ? resample_pixel<kTaps>(plane, group.cols, group.rows, across_of(lane), down) : std::int16_t{0};
    return true;
  }

 private:
  // Positions are whole steps of a group pixel before they are rounded to these, so that lanes are exactly half a pixel apart.
  MILLESIME_HD bool is_halved() const {
    const double steps = group.col_offset * 65536.0;
    const auto by_quarters = [](const Taps<kTaps>& taps) { return taps.fraction == 0.25f || taps.fraction == 0.75f; };
    return kTaps <= 2 && group.col_scale == 0.5 && steps == floor(steps) && (kTaps == 1 || (by_quarters(down) && by_quarters(across[0])));
  }
  MILLESIME_HD Taps<kTaps> across_of(int lane) const {
    if (!halved) return across[lane];
    Taps<kTaps> taps = across[lane % 2];
    taps.first += lane / 2;
    taps.nearest += lane / 2;
    return taps;
  }

  // The line's pixels of one row; copied to `edge` where the row's edge is repeated.
  MILLESIME_HD const std::int16_t* line_of(const std::int16_t* plane, int row, std::int16_t* edge) const {
    const std::int16_t* values = plane + static_cast<std::int64_t>(clamp_index(row, group.rows)) * group.cols;
    if (inside) {
      expect_next_lanes<kCpuLanes / 2>(values + line_first + line_size - kCpuLanes / 2);
      return values + line_first;
    }
    for (int k = 0; k < line_size; ++k) edge[k] = values[clamp_index(line_first + k, group.cols)];
    return edge;
  }

  // Both return false where a pixel of the rows is missing.
  MILLESIME_HD bool halved_row(const std::int16_t* plane, std::int16_t* values) const {
    std::int16_t edge[2][kMaxLine];
    const std::int16_t* near = line_of(plane, down.nearest, edge[0]);
    const bool step = across[1].first > across[0].first;
    if constexpr (kTaps == 1) {
      MILLESIME_LANES_INDEPENDENT
      for (int k = 0; k < kHalf; ++k) {
        values[2 * k] = near[k];
        values[2 * k + 1] = near[k + step];
      }
    } else {
      const std::int16_t* far = line_of(plane, 2 * down.first + 1 - down.nearest, edge[1]);
      if (step) return halved_lanes<1>(near, far, values);
      return halved_lanes<0>(near, far, values);
    }
    return true;
  }

  MILLESIME_HD static std::int16_t of_sixteenths(std::int32_t sum) {
    const std::int32_t value = (sum + 8 + (sum >> 31)) >> 4;  // half away from zero
    return static_cast<std::int16_t>(value == kMissing ? kMissing + 1 : value);
  }

  // Lanes 2 k and 2 k + 1 lie between pixels k and k + 1 of the line; where it steps, 2 k + 1 lies between k + 1 and k + 2. Sums are in
  // quarters, then sixteenths of an integer.
  template <int kStep>
  MILLESIME_HD static bool halved_lanes(const std::int16_t* near, const std::int16_t* far, std::int16_t* values) {
    constexpr int kLine = kHalf + 1 + kStep;
    if (any_missing(near, kLine) || any_missing(far, kLine)) return false;
    alignas(64) std::int32_t quarters[kLine];
    MILLESIME_LANES_INDEPENDENT
    for (int k = 0; k < kLine; ++k) quarters[k] = 3 * near[k] + far[k];
    MILLESIME_LANES_INDEPENDENT
    for (int k = 0; k < kHalf; ++k) {
      const std::int32_t here = quarters[k], next = quarters[k + 1];
      values[2 * k] = of_sixteenths(kStep ? here + 3 * next : 3 * here + next);
      values[2 * k + 1] = of_sixteenths(kStep ? 3 * next + quarters[k + 2 * kStep] : here + 3 * next);
    }
    return true;
  }

  MILLESIME_HD bool line_row(const std::int16_t* plane, std::int16_t* values) const {
    alignas(64) float line[kMaxLine + kPack];
    if (!combine_rows(plane, line)) return false;
    alignas(64) float sums[kCpuLanes];
    if (close) {
      for (int pack = 0; pack < kCpuLanes / kPack; ++pack) close_pack(line + begin[pack], pack, sums);
    } else {
      for (int lane = 0; lane < kCpuLanes; ++lane) {
        float sum = 0.0f;
        for (int i = 0; i < kTaps; ++i) sum = sum + weight[i][lane] * line[place[i][lane]];
        sums[lane] = sum;
      }
    }
    MILLESIME_LANES_INDEPENDENT
    for (int lane = 0; lane < kCpuLanes; ++lane)
      values[lane] = kTaps == 1 ? static_cast<std::int16_t>(static_cast<std::int32_t>(sums[lane])) : resampled_value(sums[lane]);
    return true;
  }

  MILLESIME_HD void close_pack(const float* line, int pack, float* sums) const {
    FloatVector part, sum = {};
    std::memcpy(&part, line, sizeof part);
    for (int i = 0; i < kTaps; ++i) {
      IntVector from;
      FloatVector by, tap;
      std::memcpy(&from, place[i] + pack * kPack, sizeof from);
      std::memcpy(&by, weight[i] + pack * kPack, sizeof by);
      permuted(part, from, tap);
      sum = sum + by * tap;
    }
    std::memcpy(sums + pack * kPack, &sum, sizeof sum);
  }

  MILLESIME_HD bool combine_rows(const std::int16_t* plane, float* line) const {
    std::int16_t edge[kMaxLine];
    int missing = 0;
    for (int j = 0; j < kTaps; ++j) {
      const std::int16_t* values = line_of(plane, down.first + j, edge);
      const float by = down.weight(j);
      if (j == 0) {
        MILLESIME_LANES_INDEPENDENT
        for (int k = 0; k < line_size; ++k) line[k] = by * static_cast<float>(values[k]);
      } else {
        MILLESIME_LANES_INDEPENDENT
        for (int k = 0; k < line_size; ++k) line[k] = line[k] + by * static_cast<float>(values[k]);
      }
      if (kTaps > 1)
        for (int k = 0; k < line_size; ++k) missing |= values[k] == kMissing;
    }
    return missing == 0;
  }
};

}  // namespace millesime
