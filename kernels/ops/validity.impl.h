#pragma once
// Body of validity.h.

#include <cstdint>

#include "kernels/ops/resample.impl.h"
#include "kernels/ops/validity.h"

namespace millesime {

// A block's validity of one date, as bits that select (-1) or not (0): what the mask planes say.
template <int kLanes>
HD void select_by_masks(const SeriesView& series, const RowBlock& block, int date, std::int16_t* selected) {
  for (int lane = 0; lane < kLanes; ++lane) selected[lane] = -1;
  for (int plane = 0; plane < series.n_masks; ++plane) {
    const std::uint8_t* mask = series.masks + (static_cast<std::int64_t>(date) * series.n_masks + plane) * series.pixels() + block.first;
    if (series.zero_is_valid[plane]) {
      LANES_INDEPENDENT
      for (int lane = 0; lane < block.n; ++lane) selected[lane] = static_cast<std::int16_t>(mask[lane] == 0 ? selected[lane] : 0);
    } else {
      const std::uint8_t* rule = series.mask_rules + plane * 256;
      for (int lane = 0; lane < block.n; ++lane) selected[lane] = static_cast<std::int16_t>(rule[mask[lane]] == 0 ? selected[lane] : 0);
    }
  }
}

// Takes away the pixels where a band is missing.
template <int kLanes>
HD void deselect_missing(const std::int16_t* values, std::int16_t* selected) {
  LANES_INDEPENDENT
  for (int lane = 0; lane < kLanes; ++lane) selected[lane] = static_cast<std::int16_t>(values[lane] == kMissing ? 0 : selected[lane]);
}

HD std::uint8_t count_to_byte(int count) { return static_cast<std::uint8_t>(count < 255 ? count : 255); }

template <int kLanes>
struct ValidityBlock {
  ValidityArgs args;

  HD void operator()(std::int64_t item) const {
    const SeriesView& series = args.series;
    const RowBlock block = row_block(series, kLanes, item);
    std::int32_t count[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) count[lane] = 0;
    for (int d = 0; d < series.n_dates; ++d) {
      std::int16_t selected[kLanes], values[kLanes];
      for (int lane = 0; lane < kLanes; ++lane) values[lane] = 0;
      select_by_masks<kLanes>(series, block, d, selected);
      for (int b = 0; b < series.n_bands; ++b) {
        const BandGroupView& group = series.groups[series.group_of_band[b]];
        const std::int16_t* plane = band_plane(group, d, series.position_in_group[b]);
        if (on_window_grid(group, series)) {
          for (int lane = 0; lane < block.n; ++lane) values[lane] = plane[block.first + lane];
        } else {
          const int row = clamp_index(taps_at<1>(block.row * group.row_scale + group.row_offset).nearest, group.rows);
          for (int lane = 0; lane < block.n; ++lane) {
            const int col = clamp_index(taps_at<1>((block.col + lane) * group.col_scale + group.col_offset).nearest, group.cols);
            values[lane] = plane[static_cast<std::int64_t>(row) * group.cols + col];
          }
        }
        deselect_missing<kLanes>(values, selected);
      }
      for (int lane = 0; lane < kLanes; ++lane) count[lane] -= selected[lane];
      if (args.valid) {
        std::uint8_t* valid = args.valid + static_cast<std::int64_t>(d) * series.pixels() + block.first;
        for (int lane = 0; lane < block.n; ++lane) valid[lane] = static_cast<std::uint8_t>(-selected[lane]);
      }
    }
    if (args.count)
      for (int lane = 0; lane < block.n; ++lane) args.count[block.first + lane] = count_to_byte(count[lane]);
  }
};

template <class Backend>
void validity_on(const Backend& backend, const ValidityArgs& args) {
  parallel_for(backend, "validity", row_block_count(args.series, Backend::kLanes), ValidityBlock<Backend::kLanes>{args});
}

}  // namespace millesime
