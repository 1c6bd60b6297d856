#pragma once
// Body of gap_fill.h: values are carried forward and backward through the dates, all lanes together; each date of each band is read
// once in each direction, whatever the masks are, so that neighbouring lanes never read different dates.

#include <cstdint>
#include <type_traits>

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
MILLESIME_HD void fill_weights(const FillTimes& times, const Rows<std::int16_t>& selected, const Rows<float>& weight) {
  constexpr float kNoDay = -1e30f;
  float day[kLanes];  // of the nearest valid date seen so far
  for (int lane = 0; lane < kLanes; ++lane) day[lane] = kNoDay;
  int d = 0;
  for (int t = 0; t <= times.n_targets; ++t) {
    while (d < times.n_dates && (t == times.n_targets || times.days[d] <= times.target_days[t])) {
      const std::int16_t* use = selected[d];
      const float now = static_cast<float>(times.days[d++]);
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < kLanes; ++lane) day[lane] = use[lane] ? now : day[lane];
    }
    if (t == times.n_targets) break;
    float* before = weight[t];
    MILLESIME_LANES_INDEPENDENT
    for (int lane = 0; lane < kLanes; ++lane) before[lane] = day[lane];
  }
  // day is now the last valid one, which is used after the end.
  for (int t = times.n_targets - 1; t >= 0; --t) {
    while (d > 0 && times.days[d - 1] > times.target_days[t]) {
      const std::int16_t* use = selected[--d];
      const float now = static_cast<float>(times.days[d]);
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < kLanes; ++lane) day[lane] = use[lane] ? now : day[lane];
    }
    const float now = static_cast<float>(times.target_days[t]);
    float* row = weight[t];
    MILLESIME_LANES_INDEPENDENT
    for (int lane = 0; lane < kLanes; ++lane) {
      const float before = row[lane], gap = day[lane] - before;
      const float share = (now - before) / (gap > 0.0f ? gap : 1.0f);
      row[lane] = before == kNoDay ? 1.0f : (gap > 0.0f ? share : 0.0f);
    }
  }
}

// Between the values a and b of two dates.
MILLESIME_HD float between(std::int16_t a, std::int16_t b, float share) {
  return static_cast<float>(a) + share * static_cast<float>(b - a);
}

// A result as it is kept: rounded, or float32.
template <class Value>
MILLESIME_HD Value as_filled(float value) {
  if constexpr (std::is_same<Value, float>::value)
    return value;
  else
    return round_to_int16(value);
}

// value[lane] becomes that of this date where it is valid.
template <int kLanes>
MILLESIME_HD void carry(std::int16_t* value, const std::int16_t* now, const std::int16_t* use) {
  MILLESIME_LANES_INDEPENDENT
  for (int lane = 0; lane < kLanes; ++lane) value[lane] = static_cast<std::int16_t>(value[lane] ^ ((value[lane] ^ now[lane]) & use[lane]));
}

// One band: for each target, the last one first, writes the values of all lanes to filled.row(target, default row), then calls
// filled(target, values). samples[date][lane]; before is scratch, [target][lane]. With kPrefetch the samples are in the input, not in
// scratch.
template <int kLanes, bool kPrefetch, class Value, class Filled>
MILLESIME_HD void fill_band(const FillTimes& times, const Rows<std::int16_t>& selected, const Rows<float>& weight,
                            const Rows<const std::int16_t>& samples, const Rows<std::int16_t>& before, const Filled& filled) {
  std::int16_t value[kLanes];  // at the nearest valid date seen so far
  for (int lane = 0; lane < kLanes; ++lane) value[lane] = 0;
  int d = 0;
  for (int t = 0; t <= times.n_targets; ++t) {
    while (d < times.n_dates && (t == times.n_targets || times.days[d] <= times.target_days[t])) {
      const std::int16_t* use = selected[d];
      const std::int16_t* now = samples[d++];
      if (kPrefetch) expect_next_lanes<kLanes>(now);
      carry<kLanes>(value, now, use);
    }
    if (t == times.n_targets) break;
    std::int16_t* row = before[t];
    MILLESIME_LANES_INDEPENDENT
    for (int lane = 0; lane < kLanes; ++lane) row[lane] = value[lane];
  }
  for (int t = times.n_targets - 1; t >= 0; --t) {
    while (d > 0 && times.days[d - 1] > times.target_days[t]) {
      const std::int16_t* use = selected[--d];
      carry<kLanes>(value, samples[d], use);
    }
    const std::int16_t* row = before[t];
    const float* share = weight[t];
    alignas(64) Value somewhere[kLanes];
    Value* result = filled.row(t, somewhere);
    MILLESIME_LANES_INDEPENDENT
    for (int lane = 0; lane < kLanes; ++lane) result[lane] = as_filled<Value>(between(row[lane], value[lane], share[lane]));
    filled(t, result);
  }
}

// The mean of the valid values around a target, instead of the linear value.
template <int kLanes>
struct MovingAverage {
  FillTimes times;
  Rows<std::int16_t> selected;
  Rows<const std::int16_t> samples;
  float window_days;

  template <class Value>
  MILLESIME_HD void operator()(int target, Value* linear) const {
    std::int32_t sum[kLanes], n[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) sum[lane] = n[lane] = 0;
    for (int d = 0; d < times.n_dates; ++d) {
      const float distance = static_cast<float>(times.days[d] - times.target_days[target]);
      if (2.0f * (distance < 0.0f ? -distance : distance) > window_days) continue;
      const std::int16_t *now = samples[d], *use = selected[d];
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < kLanes; ++lane) {
        sum[lane] += now[lane] & use[lane];
        n[lane] -= use[lane];
      }
    }
    for (int lane = 0; lane < kLanes; ++lane)
      if (n[lane] > 0) linear[lane] = as_filled<Value>(static_cast<float>(sum[lane]) / static_cast<float>(n[lane]));
  }
};

// Whittaker's smoother on the nodes: acquisitions and targets in the order of time, one a day. Its matrix has five diagonals and is
// L D L^T with two below the diagonal of L; it depends on the mask, so each lane has its own, shared by its bands.
template <int kLanes>
class Whittaker {
 public:
  // bytes a lane, of which those before the int32 are float64
  MILLESIME_HD static std::int64_t scratch_bytes(const FillTimes& times) {
    return (4 * 8 + 3 * 4) * (std::int64_t{times.n_dates} + times.n_targets);
  }

  MILLESIME_HD Whittaker(const FillTimes& times, const Rows<std::int16_t>& selected, const Scratch& scratch, std::int64_t at,
                         float smoothing)
      : selected_(selected) {
    numbers_ = scratch.rows<double>(at);
    nodes_ = scratch.rows<std::int32_t>(at + 32 * (std::int64_t{times.n_dates} + times.n_targets));
    place_nodes(times);
    factorise(static_cast<double>(smoothing));
  }

  // Smooths one band, samples[date][lane].
  MILLESIME_HD void solve(const Rows<const std::int16_t>& samples) const {
    MILLESIME_ROLLED
    for (int i = 0; i < n_; ++i) {
      for (int lane = 0; lane < kLanes; ++lane) {
        double u = date(i) >= 0 && selected_[date(i)][lane] ? static_cast<double>(samples[date(i)][lane]) : 0.0;
        if (i > 0) u = u - below(i - 1)[lane] * z(i - 1)[lane];
        if (i > 1) u = u - below_two(i - 2)[lane] * z(i - 2)[lane];
        z(i)[lane] = u;
      }
    }
    MILLESIME_ROLLED
    for (int i = n_ - 1; i >= 0; --i) {
      for (int lane = 0; lane < kLanes; ++lane) {
        double z_i = z(i)[lane] * inverse_pivot(i)[lane];
        if (i + 1 < n_) z_i = z_i - below(i)[lane] * z(i + 1)[lane];
        if (i + 2 < n_) z_i = z_i - below_two(i)[lane] * z(i + 2)[lane];
        z(i)[lane] = z_i;
      }
    }
    // Constant beyond the ends. (The loop above still needed the old values.)
    MILLESIME_ROLLED
    for (int i = n_ - 2; i >= 0; --i)
      for (int lane = 0; lane < kLanes; ++lane) z(i)[lane] = i < first_[lane] ? z(i + 1)[lane] : z(i)[lane];
    MILLESIME_ROLLED
    for (int i = 1; i < n_; ++i)
      for (int lane = 0; lane < kLanes; ++lane) z(i)[lane] = i > last_[lane] ? z(i - 1)[lane] : z(i)[lane];
  }

  // Calls filled(target, values of all lanes) for each target. With a single valid date its value is used everywhere, without any 0.
  template <class Value, class Filled>
  MILLESIME_HD void each_target(const Rows<const std::int16_t>& samples, const Filled& filled) const {
    std::int16_t only[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) only[lane] = last_[lane] < 0 ? std::int16_t{0} : samples[date(last_[lane])][lane];
    MILLESIME_ROLLED
    for (int i = 0; i < n_; ++i) {
      if (target(i) < 0) continue;
      alignas(64) Value result[kLanes];
      for (int lane = 0; lane < kLanes; ++lane)
        result[lane] =
            first_[lane] < last_[lane] ? as_filled<Value>(within_int16(static_cast<float>(z(i)[lane]))) : static_cast<Value>(only[lane]);
      filled(target(i), result);
    }
  }

 private:
  MILLESIME_HD double* inverse_pivot(int node) const { return numbers_[4 * node]; }
  MILLESIME_HD double* below(int node) const { return numbers_[4 * node + 1]; }
  MILLESIME_HD double* below_two(int node) const { return numbers_[4 * node + 2]; }
  MILLESIME_HD double* z(int node) const { return numbers_[4 * node + 3]; }
  MILLESIME_HD int date(int node) const { return nodes_[3 * node + 1][0]; }
  MILLESIME_HD int target(int node) const { return nodes_[3 * node + 2][0]; }

  // Days, and the acquisition and target of a node (-1: none), are equal for all lanes: they are stored in the first lane.
  MILLESIME_HD void place_nodes(const FillTimes& times) {
    int d = 0, t = 0;
    while (d < times.n_dates || t < times.n_targets) {
      const bool from_date = d < times.n_dates && (t == times.n_targets || times.days[d] <= times.target_days[t]);
      const bool from_target = t < times.n_targets && (d == times.n_dates || times.target_days[t] <= times.days[d]);
      nodes_[3 * n_][0] = from_date ? times.days[d] : times.target_days[t];
      nodes_[3 * n_ + 1][0] = from_date ? d++ : -1;
      nodes_[3 * n_ + 2][0] = from_target ? t++ : -1;
      ++n_;
    }
  }

  // The second difference at nodes k, k + 1, k + 2 is p z_k + q z_k+1 + r z_k+2, if all three exist. The memory of z first holds
  // 1 / (x_k+1 - x_k), and, after a node is factorised, the element below the diagonal that is not yet divided by the pivot.
  struct Difference {
    double p = 0.0, q = 0.0, r = 0.0;
  };
  MILLESIME_HD Difference difference(int k) const {
    if (k + 2 >= n_) return {};
    const double p = z(k)[0], r = z(k + 1)[0];
    return {p, -(p + r), r};
  }

  MILLESIME_HD void factorise(double smoothing) {
    MILLESIME_ROLLED
    for (int i = 0; i + 1 < n_; ++i) z(i)[0] = 10.0 / static_cast<double>(nodes_[3 * (i + 1)][0] - nodes_[3 * i][0]);
    for (int lane = 0; lane < kLanes; ++lane) first_[lane] = n_, last_[lane] = -1;
    double after_before = 0.0, after_two_before = 0.0;
    Difference before, two_before;
    MILLESIME_ROLLED
    for (int i = 0; i < n_; ++i) {
      const Difference here = difference(i);
      const double diagonal = smoothing * (here.p * here.p + before.q * before.q + two_before.r * two_before.r);
      const double next = smoothing * (here.p * here.q + before.q * before.r), after = smoothing * (here.p * here.r);
      for (int lane = 0; lane < kLanes; ++lane) {
        const bool valid = date(i) >= 0 && selected_[date(i)][lane];
        if (valid) {
          first_[lane] = first_[lane] < i ? first_[lane] : i;
          last_[lane] = i;
        }
        double d = diagonal + (valid ? 1.0 : 0.0), e = next;
        if (i > 0) {
          d = d - below(i - 1)[lane] * z(i - 1)[lane];
          e = e - below(i - 1)[lane] * after_before;
        }
        if (i > 1) d = d - below_two(i - 2)[lane] * after_two_before;
        const double inverse = 1.0 / d;
        inverse_pivot(i)[lane] = inverse;
        below(i)[lane] = e * inverse;
        below_two(i)[lane] = after * inverse;
        z(i)[lane] = e;
      }
      two_before = before, before = here;
      after_two_before = after_before, after_before = after;
    }
  }

  Rows<std::int16_t> selected_;
  Rows<double> numbers_;      // of each node: 1 / pivot, L one and two below the diagonal, z
  Rows<std::int32_t> nodes_;  // of each node: day, date, target
  int n_ = 0;
  std::int32_t first_[kLanes], last_[kLanes];  // nodes of valid dates
};

template <int kLanes, FillMethod kMethod, class Value>  // std::int16_t, or float and, where it is asked for, int16, too
struct GapFillBlock {
  GapFillArgs args;

  MILLESIME_HD FillTimes times() const { return {args.n_dates, args.n_targets, args.days, args.target_days}; }
  // bytes a lane: the smoother's, weight, before, selected, and the samples of a block that is not full
  MILLESIME_HD std::int64_t smoother_bytes() const {
    return kMethod == FillMethod::whittaker ? Whittaker<kLanes>::scratch_bytes(times()) : 0;
  }
  MILLESIME_HD std::int64_t scratch_bytes() const {
    return smoother_bytes() + 6 * std::int64_t{args.n_targets} + 4 * std::int64_t{args.n_dates};
  }

  struct Store {
    std::int16_t* integers;  // of the first target; null: none
    float* exact;
    std::int64_t stride;
    int n;
    bool rounded;
    MILLESIME_HD Value* row(int, Value* somewhere) const { return somewhere; }
    MILLESIME_HD void operator()(int target, const std::int16_t* values) const {
      store_lanes<kLanes>(integers + target * stride, values, n);
    }
    MILLESIME_HD void operator()(int target, const float* values) const {
      alignas(64) std::int16_t whole[kLanes];
      alignas(64) float kept[kLanes];
      for (int lane = 0; lane < kLanes; ++lane) {
        whole[lane] = round_to_int16(values[lane]);
        kept[lane] = rounded ? static_cast<float>(whole[lane]) : values[lane];
      }
      if (integers) store_lanes<kLanes>(integers + target * stride, whole, n);
      store_lanes<kLanes>(exact + target * stride, kept, n);
    }
  };

  // Replaces the value of linear filling by the average before it is stored.
  struct Averaged {
    MovingAverage<kLanes> average;
    Store store;
    MILLESIME_HD Value* row(int, Value* somewhere) const { return somewhere; }
    MILLESIME_HD void operator()(int target, Value* values) const {
      average(target, values);
      store(target, values);
    }
  };

  MILLESIME_HD void operator()(std::int64_t item, const Scratch& scratch) const {
    const std::int64_t first = item * kLanes, smoother = smoother_bytes();
    const int n = lanes_in_use<kLanes>(first, args.pixels);
    const auto weight = scratch.rows<float>(smoother);
    const auto before = scratch.rows<std::int16_t>(smoother + 4 * std::int64_t{args.n_targets});
    const auto selected = scratch.rows<std::int16_t>(smoother + 6 * std::int64_t{args.n_targets});
    const auto part = scratch.rows<std::int16_t>(smoother + 6 * std::int64_t{args.n_targets} + 2 * std::int64_t{args.n_dates});
    for (int d = 0; d < args.n_dates; ++d) {
      const std::uint8_t* valid = args.valid + d * args.pixels + first;
      std::int16_t* use = selected[d];
      for (int lane = n; lane < kLanes; ++lane) use[lane] = 0;
      for (int lane = 0; lane < n; ++lane) use[lane] = static_cast<std::int16_t>(valid[lane] ? -1 : 0);
    }
    if constexpr (kMethod == FillMethod::whittaker) {
      const Whittaker<kLanes> smooth(times(), selected, scratch, 0, args.filling.smoothing);
      each_band(first, n, part, [&](const Rows<const std::int16_t>& samples, const Store& store) {
        smooth.solve(samples);
        smooth.template each_target<Value>(samples, store);
      });
    } else {
      fill_weights<kLanes>(times(), selected, weight);
      each_band(first, n, part, [&](const Rows<const std::int16_t>& samples, const Store& store) {
        if constexpr (kMethod == FillMethod::moving_average)
          fill_band<kLanes, true, Value>(times(), selected, weight, samples, before,
                                         Averaged{{times(), selected, samples, args.filling.window_days}, store});
        else
          fill_band<kLanes, true, Value>(times(), selected, weight, samples, before, store);
      });
    }
    finish_stores();
  }

 private:
  template <class Fill>
  MILLESIME_HD void each_band(std::int64_t first, int n, const Rows<std::int16_t>& part, const Fill& fill) const {
    const std::int64_t date_stride = args.n_bands * args.pixels;
    MILLESIME_ROLLED
    for (int b = 0; b < args.n_bands; ++b) {
      const std::int16_t* samples = args.n_dates == 0 ? nullptr : args.samples + b * args.pixels + first;  // null without dates
      const Rows<const std::int16_t> band{samples, date_stride};
      fill(whole_rows<kLanes>(band, args.n_dates, n, part),
           Store{args.filled ? args.filled + b * args.pixels + first : nullptr, args.exact ? args.exact + b * args.pixels + first : nullptr,
                 date_stride, n, args.filling.rounded});
    }
  }
};

template <class Value, class Backend>
void gap_fill_as(const Backend& backend, const GapFillArgs& args) {
  constexpr int kLanes = Backend::kLanes;
  const std::int64_t blocks = block_count(args.pixels, kLanes);
  switch (args.filling.method) {
    case FillMethod::linear: return parallel_for(backend, "gap_fill", blocks, GapFillBlock<kLanes, FillMethod::linear, Value>{args});
    case FillMethod::moving_average:
      return parallel_for(backend, "gap_fill", blocks, GapFillBlock<kLanes, FillMethod::moving_average, Value>{args});
    case FillMethod::whittaker: return parallel_for(backend, "gap_fill", blocks, GapFillBlock<kLanes, FillMethod::whittaker, Value>{args});
  }
}

template <class Backend>
void gap_fill_on(const Backend& backend, const GapFillArgs& args) {
  if (args.exact)
    gap_fill_as<float>(backend, args);
  else
    gap_fill_as<std::int16_t>(backend, args);
}

}  // namespace millesime
