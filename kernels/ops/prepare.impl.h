#pragma once
// Body of prepare.h: the parts of the single operations, with all intermediate data in the block's scratch.

#include <cstdint>
#include <cstring>

#include "kernels/base/store.h"
#include "kernels/ops/feature_writer.h"
#include "kernels/ops/gap_fill.impl.h"
#include "kernels/ops/indices.impl.h"
#include "kernels/ops/prepare.h"
#include "kernels/ops/resample.impl.h"
#include "kernels/ops/validity.impl.h"

namespace millesime {

// Every band of a block at the window's pixels, values[band * n_dates + date][lane], and which dates can be used,
// selected[date][lane] (-1 or 0). Of every step-th date from the first on: threads of a GPU may share the dates of a pixel.
template <int kLanes, int kTaps>
MILLESIME_HD void load_block(const SeriesView& series, const RowBlock<kLanes>& block, const Rows<std::int16_t>& values,
                             const Rows<std::int16_t>& selected, int first = 0, int step = 1) {
  MILLESIME_ROLLED
  for (int d = first; d < series.n_dates; d += step) select_by_masks<kLanes>(series, block, d, selected[d]);
  // On the CPU a date that the masks hide in the whole block is not read: whoever uses its values looks at `selected` first. The lanes of a
  // warp are different blocks.
  const auto is_hidden = [&]([[maybe_unused]] int d) {
    if constexpr (kLanes == 1) {
      return false;
    } else {
      std::int16_t any = 0;
      for (int lane = 0; lane < kLanes; ++lane) any = static_cast<std::int16_t>(any | selected[d][lane]);
      return any == 0;
    }
  };
  MILLESIME_ROLLED
  for (int g = 0; g < series.n_groups; ++g) {
    const BandGroupView& group = series.groups[g];
    const BlockResampler<kTaps, kLanes> resampler(group, block, on_window_grid(group, series));
    MILLESIME_ROLLED
    for (int b = 0; b < series.n_bands; ++b) {
      if (series.group_of_band[b] != g) continue;
      MILLESIME_ROLLED
      for (int d = first; d < series.n_dates; d += step) {
        if (is_hidden(d)) continue;
        std::int16_t* row = values[static_cast<std::int64_t>(b) * series.n_dates + d];
        if (resampler.row(band_plane(group, d, series.position_in_group[b]), row)) deselect_missing<kLanes>(row, selected[d]);
      }
    }
  }
}

template <int kLanes>
MILLESIME_HD void store_count(int n_dates, const RowBlock<kLanes>& block, const Rows<std::int16_t>& selected, std::uint8_t* count) {
  std::int32_t n[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) n[lane] = 0;
  MILLESIME_ROLLED
  for (int d = 0; d < n_dates; ++d) {
    const std::int16_t* use = selected[d];
    MILLESIME_LANES_INDEPENDENT
    for (int lane = 0; lane < kLanes; ++lane) n[lane] -= use[lane];
  }
  for (int lane = 0; lane < block.n(); ++lane) count[block.first + lane] = count_to_byte(n[lane]);
}

// Positions of a block's rows in its scratch, in bytes a lane. Wide rows come first, so that each row is aligned to its numbers.
template <int kLanes>
struct RegularRows {
  static constexpr bool kKeepsFilled = kLanes > 1;
  std::int64_t weight, filled, values, selected, before, after, end;
  MILLESIME_HD explicit RegularRows(const PrepareRegularArgs& args) {
    const std::int64_t targets = args.n_targets, dates = args.series.n_dates, bands = args.series.n_bands;
    weight = 0;
    filled = weight + 4 * targets;
    values = filled + 4 * bands * (kKeepsFilled ? targets : 1);
    selected = values + 2 * bands * dates;
    before = selected + 2 * dates;
    after = before + 2 * (kKeepsFilled ? targets : bands);
    end = after + (kKeepsFilled ? 0 : 2 * targets * bands);
  }
};

// The gap-filled bands of a block, in float32, target by target. On the CPU all of them are made band by band, while a band is in the
// nearest cache, and kept. On the GPU, where that would be twice the traffic of integers, the bands of one target are made when its
// features are: the values before it are carried forward, those after it, integers, are made first. Both compute the same numbers.
template <int kLanes>
struct FilledBands {
  FillTimes times;
  int n_bands;
  bool rounded;
  Rows<std::int16_t> values;    // [band * n_dates + date]
  Rows<std::int16_t> selected;  // [date]
  Rows<float> weight;           // [target]
  Rows<float> filled;           // [target * n_bands + band]; GPU: [band] of one target
  Rows<std::int16_t> before;    // [target] of one band; GPU: [band]
  Rows<std::int16_t> after;     // GPU: [target * n_bands + band]
  int next_date = 0;            // GPU: the first one that is not carried yet

  MILLESIME_HD FilledBands(const PrepareRegularArgs& args, const Scratch& scratch)
      : times{args.series.n_dates, args.n_targets, args.series.days, args.target_days},
        n_bands(args.series.n_bands),
        rounded(args.filling.rounded) {
    const RegularRows<kLanes> at(args);
    values = scratch.rows<std::int16_t>(at.values), selected = scratch.rows<std::int16_t>(at.selected);
    weight = scratch.rows<float>(at.weight), filled = scratch.rows<float>(at.filled);
    before = scratch.rows<std::int16_t>(at.before), after = scratch.rows<std::int16_t>(at.after);
  }

  // After the values are loaded.
  MILLESIME_HD void start() const {
    fill_weights<kLanes>(times, selected, weight);
    MILLESIME_ROLLED
    for (int b = 0; b < n_bands; ++b) {
      if constexpr (RegularRows<kLanes>::kKeepsFilled)
        fill_band<kLanes, false, float>(times, selected, weight, samples_of(b), before, Keep{filled, n_bands, b, rounded});
      else
        keep_later(b), before[b][0] = 0;
    }
  }

  // The bands of a target, from `lane` on. Targets are asked for in order, on the GPU once.
  MILLESIME_HD Rows<const float> of_target(int target, int lane) {
    if constexpr (RegularRows<kLanes>::kKeepsFilled) {
      return {filled[static_cast<std::int64_t>(target) * n_bands] + lane, filled.stride};
    } else {
      static_cast<void>(lane);
      for (; next_date < times.n_dates && times.days[next_date] <= times.target_days[target]; ++next_date) {
        MILLESIME_ROLLED
        for (int b = 0; b < n_bands; ++b) carry<1>(before[b], samples_of(b)[next_date], selected[next_date]);
      }
      MILLESIME_ROLLED
      for (int b = 0; b < n_bands; ++b) {
        const float value = between(before[b][0], after[static_cast<std::int64_t>(target) * n_bands + b][0], weight[target][0]);
        filled[b][0] = rounded ? static_cast<float>(round_to_int16(value)) : value;
      }
      return {filled.first, filled.stride};
    }
  }

 private:
  struct Keep {
    Rows<float> filled;
    int n_bands, band;
    bool rounded;
    MILLESIME_HD float* row(int target, float*) const { return filled[static_cast<std::int64_t>(target) * n_bands + band]; }
    MILLESIME_HD void operator()(int, float* row) const {
      if (!rounded) return;
      for (int lane = 0; lane < kLanes; ++lane) row[lane] = static_cast<float>(round_to_int16(row[lane]));
    }
  };

  MILLESIME_HD Rows<const std::int16_t> samples_of(int band) const {
    return {values[static_cast<std::int64_t>(band) * times.n_dates], values.stride};
  }

  // The value of a band at the nearest valid date after each target; 0 where there is none, whose weight is then 0.
  MILLESIME_HD void keep_later(int band) const {
    const Rows<const std::int16_t> samples = samples_of(band);
    std::int16_t value[1] = {0};
    int d = times.n_dates;
    for (int t = times.n_targets - 1; t >= 0; --t) {
      while (d > 0 && times.days[d - 1] > times.target_days[t]) {
        --d;
        carry<1>(value, samples[d], selected[d]);
      }
      after[static_cast<std::int64_t>(t) * n_bands + band][0] = value[0];
    }
  }
};

template <int kLanes, int kTaps, class Number>
struct PrepareRegularBlock {
  static constexpr bool kWholeWarps = kLanes == 1;
  PrepareRegularArgs args;

  MILLESIME_HD std::int64_t pixel_features() const { return static_cast<std::int64_t>(args.n_targets) * args.n_features(); }
  MILLESIME_HD std::int64_t scratch_bytes() const { return RegularRows<kLanes>(args).end; }

  MILLESIME_HD void operator()(std::int64_t item, const Scratch& scratch) const {
    const SeriesView& series = args.series;
    const RowBlock<kLanes> block(series, item);
    FilledBands<kLanes> filled(args, scratch);
    load_block<kLanes, kTaps>(series, block, filled.values, filled.selected);
    if (args.count && block.exists) store_count<kLanes>(series.n_dates, block, filled.selected, args.count);
    filled.start();

    const FeaturePlan plan{args.indices, series.n_bands, args.mean, args.inverse_std};
    constexpr int kPack = kPackLanes<kLanes>;
    for (int lane = 0; lane < block.n(); lane += kPack) {
      FeatureWriter<kPack, Number> writer(target(), pixel_features(), series.pixels(), block.first + lane,
                                          lanes_in_use<kPack>(lane, block.n()), item, scratch);
      MILLESIME_ROLLED
      for (int t = 0; t < args.n_targets; ++t) put_features<kPack>(plan, filled.of_target(t, lane), writer);
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

template <int kLanes, int kTaps>
struct PrepareRawBlock {
  static constexpr bool kWholeWarps = kLanes == 1;
  PrepareRawArgs args;

  MILLESIME_HD std::int64_t pixel_values() const { return static_cast<std::int64_t>(args.series.n_dates) * args.series.n_bands; }
  MILLESIME_HD std::int64_t scratch_bytes() const { return 2 * (pixel_values() + args.series.n_dates); }

  MILLESIME_HD void operator()(std::int64_t item, const Scratch& scratch) const {
    const SeriesView& series = args.series;
    const RowBlock<kLanes> block(series, item);
    const auto values = scratch.rows<std::int16_t>(0);
    const auto selected = scratch.rows<std::int16_t>(2 * pixel_values());

    load_block<kLanes, kTaps>(series, block, values, selected);
    if (args.count && block.exists) store_count<kLanes>(series.n_dates, block, selected, args.count);
    store_valid(block, item, selected, scratch);
    constexpr int kPack = kPackLanes<kLanes>;
    for (int first = 0; first < block.n(); first += kPack) {
      FeatureWriter<kPack, float> writer(args.values, pixel_values(), series.pixels(), block.first + first,
                                         lanes_in_use<kPack>(first, block.n()), item, scratch);
      MILLESIME_ROLLED
      for (int d = 0; d < series.n_dates; ++d) {
        const std::int16_t* use = selected[d] + first;
        MILLESIME_ROLLED
        for (int b = 0; b < series.n_bands; ++b) {
          const std::int16_t* band = values[static_cast<std::int64_t>(b) * series.n_dates + d] + first;
          float* row = writer.row();
          MILLESIME_LANES_INDEPENDENT
          for (int lane = 0; lane < kPack; ++lane) {
            const float value = normalised(static_cast<float>(band[lane]), args.mean, args.inverse_std, b);
            row[lane] = use[lane] ? value : 0.0f;
          }
          writer.put();
        }
      }
      writer.finish();
    }
    finish_stores();
  }

 private:
  MILLESIME_HD void store_valid(const RowBlock<kLanes>& block, std::int64_t item, const Rows<std::int16_t>& selected,
                                const Scratch& scratch) const {
    const int n_dates = args.series.n_dates;
    if constexpr (kWholeWarps) {
      using Tile = PixelTile<std::uint8_t>;
      Tile tile(scratch.tile, WarpPixels(item, args.series.pixels()));
      for (int first = 0; first < n_dates; first += Tile::kColumns) {
        const int columns = n_dates - first < Tile::kColumns ? n_dates - first : Tile::kColumns;
        MILLESIME_ROLLED
        for (int d = 0; d < columns; ++d) tile.set(d, static_cast<std::uint8_t>(-selected[first + d][0]));
        tile.store(args.valid, n_dates, first, columns, [](std::uint8_t valid) { return valid; });
      }
    } else {
      for (int lane = 0; lane < block.n(); ++lane) {
        std::uint8_t* valid = args.valid + (block.first + lane) * n_dates;
        for (int d = 0; d < n_dates; ++d) valid[d] = static_cast<std::uint8_t>(-selected[d][lane]);
      }
    }
    static_cast<void>(scratch);
    static_cast<void>(item);
  }
};

template <class Number, class Backend>
void prepare_regular_as(const Backend& backend, const PrepareRegularArgs& args) {
  constexpr int kLanes = Backend::kLanes;
  const std::int64_t blocks = row_block_count(args.series, kLanes);
  switch (args.resampling) {
    case Resampling::nearest: return parallel_for(backend, "prepare_regular", blocks, PrepareRegularBlock<kLanes, 1, Number>{args});
    case Resampling::bilinear: return parallel_for(backend, "prepare_regular", blocks, PrepareRegularBlock<kLanes, 2, Number>{args});
    case Resampling::cubic: return parallel_for(backend, "prepare_regular", blocks, PrepareRegularBlock<kLanes, 4, Number>{args});
  }
}

template <class Backend>
void prepare_regular_on(const Backend& backend, const PrepareRegularArgs& args) {
  if (args.bfloat16)
    prepare_regular_as<Bfloat16>(backend, args);
  else
    prepare_regular_as<float>(backend, args);
}

template <class Backend>
void prepare_raw_on(const Backend& backend, const PrepareRawArgs& args) {
  constexpr int kLanes = Backend::kLanes;
  const std::int64_t blocks = row_block_count(args.series, kLanes);
  switch (args.resampling) {
    case Resampling::nearest: return parallel_for(backend, "prepare_raw", blocks, PrepareRawBlock<kLanes, 1>{args});
    case Resampling::bilinear: return parallel_for(backend, "prepare_raw", blocks, PrepareRawBlock<kLanes, 2>{args});
    case Resampling::cubic: return parallel_for(backend, "prepare_raw", blocks, PrepareRawBlock<kLanes, 4>{args});
  }
}

}  // namespace millesime
