#pragma once
// Body of indices.h.

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "kernels/base/parallel_for.h"
#include "kernels/base/rounding.h"
#include "kernels/base/store.h"
#include "kernels/ops/indices.h"

namespace millesime {

// One index of a block. bands[band][lane] are integers or the same as float32.
template <int kLanes, class Number>
MILLESIME_HD void index_row(const IndexFormula& index, int n_bands, const Rows<const Number>& bands, float* values) {
  float top[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) top[lane] = index.numerator_offset;
  if (index.brightness) {
    MILLESIME_ROLLED
    for (int b = 0; b < n_bands; ++b) {
      const Number* band = bands[b];
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < kLanes; ++lane) top[lane] = top[lane] + static_cast<float>(band[lane]) * static_cast<float>(band[lane]);
    }
    for (int lane = 0; lane < kLanes; ++lane) values[lane] = sqrtf(top[lane]);
    return;
  }
  float bottom[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) bottom[lane] = index.denominator_offset;
  MILLESIME_ROLLED
  for (int i = 0; i < index.n_bands; ++i) {
    const Number* band = bands[index.band[i]];
    const float up = index.numerator[i], down = index.denominator[i];
    MILLESIME_LANES_INDEPENDENT
    for (int lane = 0; lane < kLanes; ++lane) {
      const float value = static_cast<float>(band[lane]);
      top[lane] = top[lane] + up * value;
      bottom[lane] = bottom[lane] + down * value;
    }
  }
  MILLESIME_LANES_INDEPENDENT
  for (int lane = 0; lane < kLanes; ++lane) {
    const float ratio = index.gain * top[lane] / (bottom[lane] != 0.0f ? bottom[lane] : 1.0f);
    values[lane] = bottom[lane] != 0.0f ? ratio : 0.0f;
  }
}

template <int kLanes, class Number>
struct IndicesBlock {
  IndicesArgs args;

  // The bands of a block that is not full.
  MILLESIME_HD std::int64_t scratch_bytes() const { return static_cast<std::int64_t>(sizeof(Number)) * args.n_bands; }

  MILLESIME_HD void operator()(std::int64_t item, const Scratch& scratch) const {
    const std::int64_t first = item * kLanes;
    const int n = lanes_in_use<kLanes>(first, args.pixels);
    const auto part = scratch.rows<Number>(0);
    for (int d = 0; d < args.n_dates; ++d) {
      const Number* date = samples() + static_cast<std::int64_t>(d) * args.n_bands * args.pixels;
      const auto bands = whole_rows<kLanes>(Rows<const Number>{date + first, args.pixels}, args.n_bands, n, part);
      for (int i = 0; i < args.plan.n; ++i) {
        const IndexFormula& index = args.plan.formulas[i];
        const std::int64_t at = (static_cast<std::int64_t>(d) * args.plan.n + i) * args.pixels + first;
        alignas(64) float values[kLanes];
        index_row<kLanes>(index, args.n_bands, bands, values);
        if (args.values) store_lanes<kLanes>(args.values + at, values, n);
        if (args.integers) {
          alignas(64) std::int16_t integers[kLanes];
          for (int lane = 0; lane < kLanes; ++lane) integers[lane] = saturate_to_int16(values[lane] * index.integer_scale);
          store_lanes<kLanes>(args.integers + at, integers, n);
        }
      }
    }
    finish_stores();
  }

 private:
  MILLESIME_HD const Number* samples() const {
    if constexpr (std::is_same<Number, float>::value)
      return args.exact;
    else
      return args.samples;
  }
};

template <class Backend>
void indices_on(const Backend& backend, const IndicesArgs& args) {
  constexpr int kLanes = Backend::kLanes;
  const std::int64_t blocks = block_count(args.pixels, kLanes);
  if (args.exact)
    parallel_for(backend, "indices", blocks, IndicesBlock<kLanes, float>{args});
  else
    parallel_for(backend, "indices", blocks, IndicesBlock<kLanes, std::int16_t>{args});
}

}  // namespace millesime
