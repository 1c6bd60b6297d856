#pragma once
// Body of validity.h.

#include <cstdint>

#include "kernels/base/store.h"
#include "kernels/ops/resample.impl.h"
#include "kernels/ops/validity.h"

namespace millesime {

// A block's validity of one date according to the mask planes, as bits: all ones (-1) selects, 0 does not. Lanes without a pixel are not
// selected.
template <int kLanes>
MILLESIME_HD void select_by_masks(const SeriesView& series, const RowBlock<kLanes>& block, int date, std::int16_t* selected) {
  const int n = block.n();
  for (int lane = 0; lane < kLanes; ++lane) selected[lane] = static_cast<std::int16_t>(lane < n ? -1 : 0);
  MILLESIME_ROLLED
  for (int plane = 0; plane < series.n_masks; ++plane) {
    const std::uint8_t* mask = series.masks + (static_cast<std::int64_t>(date) * series.n_masks + plane) * series.mask_stride + block.first;
    expect_next_lanes<kLanes>(mask);
    if (series.zero_is_valid[plane]) {
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < n; ++lane) selected[lane] = static_cast<std::int16_t>(mask[lane] == 0 ? selected[lane] : 0);
    } else {
      const std::uint8_t* rule = series.mask_rules + plane * 256;
      for (int lane = 0; lane < n; ++lane) selected[lane] = static_cast<std::int16_t>(rule[mask[lane]] == 0 ? selected[lane] : 0);
    }
  }
}

// Deselects the pixels where a band is missing.
template <int kLanes>
MILLESIME_HD void deselect_missing(const std::int16_t* values, std::int16_t* selected) {
  MILLESIME_LANES_INDEPENDENT
  for (int lane = 0; lane < kLanes; ++lane) selected[lane] = static_cast<std::int16_t>(values[lane] == kMissing ? 0 : selected[lane]);
}

MILLESIME_HD std::uint8_t count_to_byte(int count) { return static_cast<std::uint8_t>(count < 255 ? count : 255); }

template <int kLanes>
struct ValidityBlock {
  ValidityArgs args;

  MILLESIME_HD std::int64_t scratch_bytes() const { return 2 * std::int64_t{args.series.n_dates}; }

  MILLESIME_HD void operator()(std::int64_t item, const Scratch& scratch) const {
    const SeriesView& series = args.series;
    const RowBlock<kLanes> block(series, item);
    const auto selected = scratch.rows<std::int16_t>(0);  // [date][lane]
    for (int d = 0; d < series.n_dates; ++d) select_by_masks<kLanes>(series, block, d, selected[d]);
    for (int g = 0; g < series.n_groups; ++g) {
      const BandGroupView& group = series.groups[g];
      const BlockResampler<1, kLanes> resampler(group, block, on_window_grid(group, series));
      for (int position = 0; position < group.n_bands; ++position) {
        for (int d = 0; d < series.n_dates; ++d) {
          alignas(64) std::int16_t values[kLanes];
          if (resampler.row(band_plane(group, d, position), values)) deselect_missing<kLanes>(values, selected[d]);
        }
      }
    }
    std::int32_t count[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) count[lane] = 0;
    for (int d = 0; d < series.n_dates; ++d) {
      const std::int16_t* use = selected[d];
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < kLanes; ++lane) count[lane] -= use[lane];
      if (!args.valid) continue;
      alignas(64) std::uint8_t valid[kLanes];
      for (int lane = 0; lane < kLanes; ++lane) valid[lane] = static_cast<std::uint8_t>(-use[lane]);
      store_lanes<kLanes>(args.valid + static_cast<std::int64_t>(d) * series.pixels() + block.first, valid, block.n());
    }
    if (args.count)
      for (int lane = 0; lane < block.n(); ++lane) args.count[block.first + lane] = count_to_byte(count[lane]);
    finish_stores();
  }
};

template <class Backend>
void validity_on(const Backend& backend, const ValidityArgs& args) {
  parallel_for(backend, "validity", row_block_count(args.series, Backend::kLanes), ValidityBlock<Backend::kLanes>{args});
}

}  // namespace millesime
