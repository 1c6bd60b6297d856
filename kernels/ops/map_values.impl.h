#pragma once
// Body of map_values.h.

#include <cmath>
#include <cstdint>

#include "kernels/base/parallel_for.h"
#include "kernels/ops/map_values.h"
#include "kernels/ops/row_block.h"

namespace millesime {

// The mean of calibrated probabilities is underconfident, as that of an ensemble (models/base/joint_calibration.h): they are raised to the
// power of 9/8.
MILLESIME_HD float sharper(float p) { return p * sqrtf(sqrtf(sqrtf(p))); }

template <int kLanes, bool kSmoothed>
struct MapValuesBlock {
  MapValuesArgs args;

  MILLESIME_HD void operator()(std::int64_t item) const {
    const RowBlock<kLanes> block(args.inner_cols, inner_pixels(), item);
    const int n = block.n();
    const std::int64_t outer = static_cast<std::int64_t>(args.first_row + block.row) * args.cols + args.first_col + block.col;
    float sum[kLanes], highest[kLanes];
    std::int32_t winner[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) sum[lane] = 0.0f, highest[lane] = 0.0f, winner[lane] = -1;
    if constexpr (kSmoothed) {
      MILLESIME_ROLLED
      for (int c = 0; c < args.n_classes; ++c) {
        const float* p = plane(c) + outer;
        MILLESIME_LANES_INDEPENDENT
        for (int lane = 0; lane < n; ++lane) sum[lane] = sum[lane] + sharper(p[lane]);
      }
    }
    MILLESIME_ROLLED
    for (int c = 0; c < args.n_classes; ++c) {
      const float* p = plane(c) + outer;
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < n; ++lane) {
        const float value = of(p[lane], sum[lane]);
        const bool wins = value - value == 0.0f && (winner[lane] < 0 || value > highest[lane]);  // finite
        winner[lane] = wins ? c : winner[lane];
        highest[lane] = wins ? value : highest[lane];
      }
    }
    const std::uint8_t *decidable = args.decidable + outer, *count = args.count + outer;
    for (int lane = 0; lane < n; ++lane) {
      if (decidable[lane] == 0) winner[lane] = -1;
      const bool decided = winner[lane] >= 0;
      args.place[block.first + lane] = static_cast<std::uint8_t>(winner[lane] + 1);
      args.confidence[block.first + lane] = static_cast<std::uint8_t>(decided ? highest[lane] * 100.0f : 0.0f);
      args.validity[block.first + lane] = count[lane];
    }
    if (args.shares || args.exact) store_probabilities(block, outer, sum, winner);
    if (args.level1) store_levels(block, winner, highest);
  }

 private:
  MILLESIME_HD std::int64_t inner_pixels() const { return static_cast<std::int64_t>(args.inner_cols) * args.inner_rows; }
  MILLESIME_HD const float* plane(int c) const { return args.probabilities + c * (static_cast<std::int64_t>(args.cols) * args.rows); }

  MILLESIME_HD static float of(float p, [[maybe_unused]] float sum) {
    if constexpr (kSmoothed) {
      const float q = sharper(p);
      return sum > 0.0f ? q / sum : q;
    } else {
      return p;
    }
  }

  MILLESIME_HD void store_probabilities(const RowBlock<kLanes>& block, std::int64_t outer, const float* sum,
                                        const std::int32_t* winner) const {
    MILLESIME_ROLLED
    for (int c = 0; c < args.n_classes; ++c) {
      const float* p = plane(c) + outer;
      const std::int64_t at = c * inner_pixels() + block.first;
      for (int lane = 0; lane < block.n(); ++lane) {
        const float value = winner[lane] >= 0 ? of(p[lane], sum[lane]) : 0.0f;
        if (args.shares) args.shares[at + lane] = static_cast<std::uint16_t>(value * 1000.0f + 0.5f);
        if (args.exact) args.exact[at + lane] = value;
      }
    }
  }

  // The probability of a group is the sum of those of its classes.
  MILLESIME_HD void store_levels(const RowBlock<kLanes>& block, const std::int32_t* winner, const float* highest) const {
    const int classes = args.n_classes;
    for (int lane = 0; lane < block.n(); ++lane) {
      const std::int64_t pixel = block.first + lane;
      float most = -1.0f;
      std::uint16_t group = 0, deepest = 0;
      if (winner[lane] >= 0) {
        MILLESIME_ROLLED
        for (int c = 0; c < classes; ++c) {
          float sum = 0.0f;
          MILLESIME_ROLLED
          for (int d = 0; d < classes; ++d) sum = sum + (args.groups[d] == args.groups[c] ? args.exact[d * inner_pixels() + pixel] : 0.0f);
          if (sum > most) most = sum, group = args.groups[c];
        }
        if (highest[lane] >= args.level_confidence)
          deepest = args.codes[winner[lane]];
        else if (most >= args.level_confidence)
          deepest = group;
      }
      args.level1[pixel] = group, args.deepest[pixel] = deepest;
    }
  }
};

template <class Backend>
void map_values_on(const Backend& backend, const MapValuesArgs& args) {
  constexpr int kLanes = Backend::kLanes;
  const std::int64_t blocks = row_block_count(args.inner_cols, args.inner_rows, kLanes);
  if (args.smoothed)
    parallel_for(backend, "map_values", blocks, MapValuesBlock<kLanes, true>{args});
  else
    parallel_for(backend, "map_values", blocks, MapValuesBlock<kLanes, false>{args});
}

}  // namespace millesime
