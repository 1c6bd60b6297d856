#pragma once
// Body of blend.h: on the GPU a warp reads the rows of its pixels through its tile, and writes planes.

#include <cstdint>

#include "kernels/base/parallel_for.h"
#include "kernels/base/warp.h"
#include "kernels/ops/blend.h"

namespace millesime {

template <int kLanes>
struct BlendBlock {
  static constexpr bool kWholeWarps = kLanes == 1;
  BlendArgs args;

  MILLESIME_HD void operator()(std::int64_t item) const {
    const std::int64_t first = item * kLanes;
    const int n = lanes_in_use<kLanes>(first, args.pixels);
    float weight[kLanes], total[kLanes];
    weigh(first, n, weight, total);
    const float* rows = args.probabilities + first * args.model_classes;
    add(first, n, 0, args.model_classes, weight, total,
        [&](int column, int lane) { return rows[static_cast<std::int64_t>(lane) * args.model_classes + column]; });
  }

  MILLESIME_HD void operator()(std::int64_t pixel, const Scratch& scratch) const {
    using Tile = PixelTile<float>;
    const WarpPixels pixels(pixel, args.pixels);
    Tile tile(scratch.tile, pixels);
    const int n = pixels.exists ? 1 : 0;
    float weight[1] = {0.0f}, total[1] = {0.0f};
    weigh(pixel, n, weight, total);
    MILLESIME_ROLLED
    for (int from = 0; from < args.model_classes; from += Tile::kColumns) {
      const int columns = args.model_classes - from < Tile::kColumns ? args.model_classes - from : Tile::kColumns;
      tile.load(args.probabilities, args.model_classes, from, columns, [](float p) { return p; });
      add(pixel, n, from, columns, weight, total, [&](int column, int) { return tile.get(column - from); });
    }
  }

 private:
  MILLESIME_HD void weigh(std::int64_t first, int n, float* weight, float* total) const {
    for (int lane = 0; lane < n; ++lane) {
      const std::int64_t pixel = first + lane;
      weight[lane] = args.weights ? args.weights[pixel] : args.weight;
      total[lane] = !args.weights ? args.weight_sum : args.first ? weight[lane] : args.weight_sums[pixel] + weight[lane];
      if (args.weights) args.weight_sums[pixel] = total[lane];
      if (args.last && args.decidable)
        args.decidable[pixel] = args.count[pixel] != 0 && total[lane] > 0.0f ? std::uint8_t{1} : std::uint8_t{0};
    }
  }

  // The classes that are among the model's columns [from, from + columns); with the first columns also those that it does not know.
  template <class Of>
  MILLESIME_HD void add(std::int64_t first, int n, int from, int columns, const float* weight, const float* total, const Of& of) const {
    MILLESIME_ROLLED
    for (int c = 0; c < args.n_classes; ++c) {
      const int column = args.column ? args.column[c] : c;
      const bool known = column >= from && column < from + columns;
      if (!known && (column >= 0 || from > 0)) continue;
      float* mean = args.mean + c * args.pixels + first;
      for (int lane = 0; lane < n; ++lane) {
        float sum = args.first ? 0.0f : mean[lane];
        if (known) sum = sum + weight[lane] * of(column, lane);
        mean[lane] = !args.last ? sum : total[lane] > 0.0f ? sum / total[lane] : 0.0f;
      }
    }
  }
};

template <class Backend>
void blend_on(const Backend& backend, const BlendArgs& args) {
  constexpr int kLanes = Backend::kLanes;
  parallel_for(backend, "blend", block_count(args.pixels, kLanes), BlendBlock<kLanes>{args});
}

}  // namespace millesime
