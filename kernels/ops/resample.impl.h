#pragma once
// Body of resample.h.

#include <cstdint>

#include "kernels/base/parallel_for.h"
#include "kernels/base/store.h"
#include "kernels/ops/block_resampler.h"
#include "kernels/ops/resample.h"
#include "kernels/ops/row_block.h"

namespace millesime {

// One block of the window, all dates and bands.
template <int kLanes, int kTaps>
struct ResampleBlock {
  ResampleArgs args;

  MILLESIME_HD void operator()(std::int64_t item) const {
    const SeriesView& series = args.series;
    const RowBlock<kLanes> block(series, item);
    for (int g = 0; g < series.n_groups; ++g) {
      const BandGroupView& group = series.groups[g];
      const BlockResampler<kTaps, kLanes> resampler(group, block, on_window_grid(group, series));
      for (int b = 0; b < series.n_bands; ++b) {
        if (series.group_of_band[b] != g) continue;
        MILLESIME_ROLLED
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
