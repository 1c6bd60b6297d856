#pragma once
// Body of pack.h.

#include <cstdint>

#include "kernels/base/parallel_for.h"
#include "kernels/ops/feature_writer.h"
#include "kernels/ops/pack.h"

namespace millesime {

template <int kLanes, class Number>
struct PackBlock {
  static constexpr bool kWholeWarps = kLanes == 1;
  PackArgs args;

  MILLESIME_HD std::int64_t pixel_features() const { return static_cast<std::int64_t>(args.n_dates) * args.n_features(); }
  MILLESIME_HD std::int64_t scratch_bytes() const { return 4 * std::int64_t{args.n_bands}; }  // the bands of a block that is not full

  MILLESIME_HD void operator()(std::int64_t item, const Scratch& scratch) const {
    const bool exists = item * kLanes < args.pixels;  // not always in a warp
    const std::int64_t first = exists ? item * kLanes : args.pixels - 1;
    const int n = lanes_in_use<kLanes>(first, args.pixels);
    const auto part = scratch.rows<float>(0);
    const FeaturePlan plan{args.indices, args.n_bands, args.mean, args.inverse_std};
    constexpr int kPack = kPackLanes<kLanes>;
    for (int lane = 0; lane < n; lane += kPack) {
      FeatureWriter<kPack, Number> writer(target(), pixel_features(), args.pixels, first + lane, lanes_in_use<kPack>(lane, n), item,
                                          scratch);
      MILLESIME_ROLLED
      for (int d = 0; d < args.n_dates; ++d) {
        const float* date = args.samples + static_cast<std::int64_t>(d) * args.n_bands * args.pixels;
        const auto bands = whole_rows<kLanes>(Rows<const float>{date + first, args.pixels}, args.n_bands, n, part);
        if (n == kLanes)
          for (int b = 0; b < args.n_bands; ++b) expect_next_lanes<kPack>(bands[b] + lane);
        put_features<kPack>(plan, {bands.first + lane, bands.stride}, writer);
      }
      writer.finish();
    }
    finish_stores();
  }

 private:
  MILLESIME_HD Number* target() const {
    if constexpr (std::is_same<Number, Bfloat16>::value)
      return args.bfloat16;
    else
      return args.features;
  }
};

template <class Backend>
void pack_on(const Backend& backend, const PackArgs& args) {
  constexpr int kLanes = Backend::kLanes;
  const std::int64_t blocks = block_count(args.pixels, kLanes);
  if (args.bfloat16)
    parallel_for(backend, "pack", blocks, PackBlock<kLanes, Bfloat16>{args});
  else
    parallel_for(backend, "pack", blocks, PackBlock<kLanes, float>{args});
}

}  // namespace millesime
