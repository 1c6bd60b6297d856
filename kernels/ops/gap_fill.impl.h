#pragma once
// Body of gap_fill.h: values are carried forward and backward through the dates, all lanes together; each date of each band is read
// once in each direction, whatever the masks are, so that neighbouring lanes never read different dates.

#include <cstdint>

#include "kernels/base/parallel_for.h"
#include "kernels/base/rounding.h"
#include "kernels/base/store.h"
#include "kernels/ops/gap_fill.h"

namespace millesime {

// The dates of a series and the dates to fill.
struct FillTimes {
  int n_dates = 0, n_targets = 0;
  const std::int32_t* days = nullptr;
  const std::int32_t* target_days = nullptr;
};

// weight[target][lane] of the later neighbour: (t - d_a) / (d_b - d_a); 1 before the first valid date, 0 after the last one.
// selected[date][lane] is -1 where valid, else 0.
template <int kLanes>
HD void fill_weights(const FillTimes& times, const Rows<std::int16_t>& selected, const Rows<float>& weight) {
  constexpr float kNoDay = -1e30f;
  float day[kLanes];  // of the nearest valid date seen so far
  for (int lane = 0; lane < kLanes; ++lane) day[lane] = kNoDay;
  int d = 0;
  for (int t = 0; t <= times.n_targets; ++t) {
    while (d < times.n_dates && (t == times.n_targets || times.days[d] <= times.target_days[t])) {
      const std::int16_t* use = selected[d];
      const float now = static_cast<float>(times.days[d++]);
      LANES_INDEPENDENT
      for (int lane = 0; lane < kLanes; ++lane) day[lane] = use[lane] ? now : day[lane];
    }
    if (t == times.n_targets) break;
    float* before = weight[t];
    LANES_INDEPENDENT
    for (int lane = 0; lane < kLanes; ++lane) before[lane] = day[lane];
  }
  // day is now the last valid one, which holds beyond the end.
  for (int t = times.n_targets - 1; t >= 0; --t) {
    while (d > 0 && times.days[d - 1] > times.target_days[t]) {
      const std::int16_t* use = selected[--d];
      const float now = static_cast<float>(times.days[d]);
      LANES_INDEPENDENT
      for (int lane = 0; lane < kLanes; ++lane) day[lane] = use[lane] ? now : day[lane];
    }
    const float now = static_cast<float>(times.target_days[t]);
    float* row = weight[t];
    LANES_INDEPENDENT
    for (int lane = 0; lane < kLanes; ++lane) {
      const float before = row[lane], gap = day[lane] - before;
      const float share = (now - before) / (gap > 0.0f ? gap : 1.0f);
      row[lane] = before == kNoDay ? 1.0f : (gap > 0.0f ? share : 0.0f);
    }
  }
}

// One band: calls filled(target, values of all lanes) for each target. samples[date][lane]; before is scratch, [target][lane]. With
// kPrefetch the samples lie in the input, not in scratch.
template <int kLanes, bool kPrefetch, class Filled>
HD void fill_band(const FillTimes& times, const Rows<std::int16_t>& selected, const Rows<float>& weight,
                  const Rows<const std::int16_t>& samples, const Rows<std::int16_t>& before, const Filled& filled) {
  std::int16_t value[kLanes];  // at the nearest valid date seen so far
  for (int lane = 0; lane < kLanes; ++lane) value[lane] = 0;
  int d = 0;
  for (int t = 0; t <= times.n_targets; ++t) {
    while (d < times.n_dates && (t == times.n_targets || times.days[d] <= times.target_days[t])) {
      const std::int16_t* use = selected[d];
      const std::int16_t* now = samples[d++];
      if (kPrefetch) expect_next_lanes<kLanes>(now);
      LANES_INDEPENDENT
      for (int lane = 0; lane < kLanes; ++lane)
        value[lane] = static_cast<std::int16_t>(value[lane] ^ ((value[lane] ^ now[lane]) & use[lane]));
    }
    if (t == times.n_targets) break;
    std::int16_t* row = before[t];
    LANES_INDEPENDENT
    for (int lane = 0; lane < kLanes; ++lane) row[lane] = value[lane];
  }
  for (int t = times.n_targets - 1; t >= 0; --t) {
    while (d > 0 && times.days[d - 1] > times.target_days[t]) {
      const std::int16_t* use = selected[--d];
      const std::int16_t* now = samples[d];
      LANES_INDEPENDENT
      for (int lane = 0; lane < kLanes; ++lane)
        value[lane] = static_cast<std::int16_t>(value[lane] ^ ((value[lane] ^ now[lane]) & use[lane]));
    }
    const std::int16_t* row = before[t];
    const float* share = weight[t];
    alignas(64) std::int16_t result[kLanes];
    LANES_INDEPENDENT
    for (int lane = 0; lane < kLanes; ++lane) {
      const float a = static_cast<float>(row[lane]), step = static_cast<float>(value[lane] - row[lane]);
      result[lane] = round_to_int16(a + share[lane] * step);
    }
    filled(t, result);
  }
}

template <int kLanes>
struct GapFillBlock {
  GapFillArgs args;

  // bytes a lane: weight, before, selected, and the samples of a block that is not full
  HD std::int64_t scratch_bytes() const { return 6 * std::int64_t{args.n_targets} + 4 * std::int64_t{args.n_dates}; }

  struct Store {
    std::int16_t* first;
    std::int64_t stride;
    int n;
    HD void operator()(int target, const std::int16_t* values) const { store_lanes<kLanes>(first + target * stride, values, n); }
  };

  HD void operator()(std::int64_t item, const Scratch& scratch) const {
    const std::int64_t first = item * kLanes;
    const int n = lanes_in_use<kLanes>(first, args.pixels);
    const FillTimes times{args.n_dates, args.n_targets, args.days, args.target_days};
    const auto weight = scratch.rows<float>(0);
    const auto before = scratch.rows<std::int16_t>(4 * std::int64_t{args.n_targets});
    const auto selected = scratch.rows<std::int16_t>(6 * std::int64_t{args.n_targets});
    const auto part = scratch.rows<std::int16_t>(6 * std::int64_t{args.n_targets} + 2 * std::int64_t{args.n_dates});
    for (int d = 0; d < args.n_dates; ++d) {
      const std::uint8_t* valid = args.valid + d * args.pixels + first;
      std::int16_t* use = selected[d];
      for (int lane = n; lane < kLanes; ++lane) use[lane] = 0;
      for (int lane = 0; lane < n; ++lane) use[lane] = static_cast<std::int16_t>(valid[lane] ? -1 : 0);
    }
    fill_weights<kLanes>(times, selected, weight);
    const std::int64_t date_stride = args.n_bands * args.pixels;
    for (int b = 0; b < args.n_bands; ++b) {
      Rows<const std::int16_t> samples{args.samples + b * args.pixels + first, date_stride};
      if (n < kLanes) {
        for (int d = 0; d < args.n_dates; ++d)
          for (int lane = 0; lane < kLanes; ++lane) part[d][lane] = lane < n ? samples[d][lane] : std::int16_t{0};
        samples = {part.first, part.stride};
      }
      fill_band<kLanes, true>(times, selected, weight, samples, before, Store{args.filled + b * args.pixels + first, date_stride, n});
    }
    finish_stores();
  }
};

template <class Backend>
void gap_fill_on(const Backend& backend, const GapFillArgs& args) {
  parallel_for(backend, "gap_fill", block_count(args.pixels, Backend::kLanes), GapFillBlock<Backend::kLanes>{args});
}

}  // namespace millesime
