#pragma once
// Body of thermal_time.h. Temperatures are planes of days; positions go through a warp's tile to the rows of their pixels.

#include <cstdint>

#include "kernels/base/atomics.h"
#include "kernels/base/parallel_for.h"
#include "kernels/base/warp.h"
#include "kernels/ops/thermal_time.h"

namespace millesime {

template <int kLanes>
struct ThermalTimeBlock {
  static constexpr bool kWholeWarps = kLanes == 1;
  ThermalTimeArgs args;

  MILLESIME_HD void operator()(std::int64_t item) const {
    const std::int64_t first = item * kLanes;
    const int n = lanes_in_use<kLanes>(first, args.pixels);
    Sums sums(args);
    for (int a = 0; a < args.n_dates; ++a)
      for (int lane = 0; lane < n; ++lane) args.positions[(first + lane) * args.n_dates + a] = position(a, first, n, lane, sums);
  }

  MILLESIME_HD void operator()(std::int64_t pixel, const Scratch& scratch) const {
    using Tile = PixelTile<float>;
    const WarpPixels pixels(pixel, args.pixels);
    Tile tile(scratch.tile, pixels);
    const int n = pixels.exists ? 1 : 0;
    Sums sums(args);
    MILLESIME_ROLLED
    for (int from = 0; from < args.n_dates; from += Tile::kColumns) {
      const int columns = args.n_dates - from < Tile::kColumns ? args.n_dates - from : Tile::kColumns;
      MILLESIME_ROLLED
      for (int a = from; a < from + columns; ++a) tile.set(a - from, position(a, pixel, n, 0, sums));
      tile.store(args.positions, args.n_dates, from, columns, [](float p) { return p; });
    }
  }

 private:
  struct Sums {
    double from_new_year[kLanes], before[kLanes];
    std::int32_t lacks[kLanes], lacks_before[kLanes];
    std::int32_t summed = -1;  // days, of those from 1 January on
    MILLESIME_HD explicit Sums(const ThermalTimeArgs& args) {
      for (int lane = 0; lane < kLanes; ++lane) from_new_year[lane] = before[lane] = 0.0, lacks[lane] = lacks_before[lane] = args.n_days;
    }
  };

  // Of a lane; the sums of all lanes are made with those of the first.
  MILLESIME_HD float position(int a, std::int64_t first, int n, int lane, Sums& sums) const {
    const ThermalSum of = args.sums[a];
    const bool before = of.before_new_year != 0;
    if (lane == 0 && before) {
      for (int i = 0; i < n; ++i) sums.before[i] = 0.0, sums.lacks_before[i] = args.n_days;
      add(of.first, of.end, first, n, sums.before, sums.lacks_before);
    } else if (lane == 0) {
      if (sums.summed < 0) sums.summed = of.first;
      add(sums.summed, of.end, first, n, sums.from_new_year, sums.lacks);
      if (sums.summed < of.end) sums.summed = of.end;
    }
    if (lane >= n) return 0.0f;
    const std::int32_t lack = before ? sums.lacks_before[lane] : sums.lacks[lane];
    if (lack < of.end && (!args.valid || args.valid[(first + lane) * args.n_dates + a] != 0)) atomic_min(args.lacking, lack - args.n_days);
    return static_cast<float>((before ? -sums.before[lane] : sums.from_new_year[lane]) / args.per_day);
  }

  // Days [from, end), and the first of them that is not known.
  MILLESIME_HD void add(std::int32_t from, std::int32_t end, std::int64_t first, int n, double* sum, std::int32_t* lacks) const {
    MILLESIME_ROLLED
    for (std::int32_t d = from; d < end; ++d) {
      const std::int16_t* stored = args.temperature + d * args.day_stride + first;
      const std::uint8_t* known = args.known + d * args.pixels + first;
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < n; ++lane) {
        const double over = static_cast<double>(static_cast<float>(stored[lane]) * 0.01f) - args.base;
        sum[lane] = sum[lane] + (known[lane] != 0 && over > 0.0 ? over : 0.0);
        lacks[lane] = known[lane] == 0 && d < lacks[lane] ? d : lacks[lane];
      }
    }
  }
};

template <class Backend>
void thermal_time_on(const Backend& backend, const ThermalTimeArgs& args) {
  constexpr int kLanes = Backend::kLanes;
  parallel_for(backend, "thermal_time", block_count(args.pixels, kLanes), ThermalTimeBlock<kLanes>{args});
}

}  // namespace millesime
