#pragma once
// Body of quantile_features.h: one channel of a pixel an item.

#include <cmath>
#include <cstdint>

#include "kernels/base/parallel_for.h"
#include "kernels/ops/quantile_features.h"

namespace millesime {

template <int kLanes>
struct QuantileChannel {
  QuantileFeaturesArgs args;

  std::int64_t scratch_bytes() const { return std::int64_t{3} * args.dates * static_cast<std::int64_t>(sizeof(float)); }

  // One of the three arrays of an item. The CPU works on one item at a time: its arrays are contiguous.
  MILLESIME_HD Rows<float> array(const Scratch& scratch, int number) const {
    if constexpr (kLanes > 1) return {reinterpret_cast<float*>(scratch.memory) + static_cast<std::int64_t>(number) * args.dates, 1};
    return scratch.rows<float>(static_cast<std::int64_t>(number) * args.dates * static_cast<std::int64_t>(sizeof(float)));
  }

  // Writes a form of the series.
  MILLESIME_HD void make(std::int32_t form, const Rows<float>& x, const Rows<float>& made) const {
    const int n = args.dates;
    if (form == static_cast<std::int32_t>(SeriesForm::values)) {
      for (int t = 0; t < n; ++t) made[t][0] = x[t][0];
    } else if (form == static_cast<std::int32_t>(SeriesForm::first_difference)) {
      for (int t = 0; t + 1 < n; ++t) {
        float sum = 0.0f;
        for (int shift = -2; shift <= 2; ++shift) {
          int at = t + shift;
          at = at < 0 ? 0 : at > n - 2 ? n - 2 : at;
          sum = sum + (x[at + 1][0] - x[at][0]);
        }
        made[t][0] = sum / 5.0f;
      }
    } else if (form == static_cast<std::int32_t>(SeriesForm::second_difference)) {
      for (int t = 0; t + 2 < n; ++t) made[t][0] = (x[t + 2][0] - x[t + 1][0]) - (x[t + 1][0] - x[t][0]);
    } else {
      for (int f = 0; f <= n / 2; ++f) {
        const float* wave = args.waves + static_cast<std::int64_t>(f) * 2 * n;
        float real = 0.0f, imaginary = 0.0f;
        for (int t = 0; t < n; ++t) {
          real = real + x[t][0] * wave[t];
          imaginary = imaginary + x[t][0] * wave[n + t];
        }
        made[f][0] = sqrtf(real * real + imaginary * imaginary);
      }
    }
  }

  MILLESIME_HD void operator()(std::int64_t item, const Scratch& scratch) const {
    const std::int64_t pixel = item / args.channels, channel = item % args.channels;
    const Rows<float> x = array(scratch, 0), made = array(scratch, 1), sorted = array(scratch, 2);
    for (int t = 0; t < args.dates; ++t) x[t][0] = args.values[(pixel * args.dates + t) * args.channels + channel];
    float* out = args.out + item * args.features;
    std::int32_t form = -1;
    for (int i = 0; i < args.n_intervals; ++i) {
      const QuantileInterval interval = args.intervals[i];
      if (interval.form != form) make(form = interval.form, x, made);
      float sum = 0.0f;
      for (int t = 0; t < interval.length; ++t) {  // insertion sort: most intervals are short
        const float value = made[interval.first + t][0];
        sum = sum + value;
        int place = t;
        for (; place > 0 && sorted[place - 1][0] > value; --place) sorted[place][0] = sorted[place - 1][0];
        sorted[place][0] = value;
      }
      const float mean = sum / static_cast<float>(interval.length);
      for (int q = 0; q < interval.quantiles; ++q) {
        // (n - 1) q / (k - 1) in whole numbers and a rest
        const int steps = interval.quantiles > 1 ? interval.quantiles - 1 : 2, wanted = interval.quantiles > 1 ? q : 1;
        const int along = (interval.length - 1) * wanted, below = along / steps, rest = along % steps;
        float value = sorted[below][0];
        if (rest > 0) value = value + (sorted[below + 1][0] - value) * (static_cast<float>(rest) / static_cast<float>(steps));
        out[interval.output + q] = q % 2 == 1 ? value - mean : value;
      }
    }
  }
};

template <class Backend>
void quantile_features_on(const Backend& backend, const QuantileFeaturesArgs& args) {
  parallel_for(backend, "quantile_features", args.pixels * args.channels, QuantileChannel<Backend::kLanes>{args});
}

}  // namespace millesime
