#pragma once
// Body of training_batch.h.

#include <cstdint>

#include "kernels/base/parallel_for.h"
#include "kernels/base/random_bits.h"
#include "kernels/ops/training_batch.h"

namespace millesime {

// The use of a random number.
enum TrainingBatchDraw : std::uint32_t { kDrawNoise, kDrawDate, kDrawSample, kDrawShift, kDrawSource, kDrawSeason, kDrawStretch };

// A date of a sample: valid and days.
struct TrainingBatchDate {
  TrainingBatchArgs args;

  MILLESIME_HD void operator()(std::int64_t item) const {
    const std::int64_t sample = item / args.n_dates, row = args.rows[sample];
    const int date = static_cast<int>(item % args.n_dates);
    const std::uint8_t* valid = args.table_valid + row * args.n_dates;
    const float* days = args.table_days + row * args.n_dates;
    const float cut = last_day(sample);
    args.valid[item] =
        valid[date] && !hides_source(sample, row) && !is_cut(date, valid, days, cut) && !hides_date(sample, date, valid, days, cut);
    float day = args.table_days[row * args.n_dates + date];
    if (args.stretch > 0.0f) day = day * (1.0f + args.stretch * bell(random_bits(args.key, sample, kDrawStretch)));
    if (args.shift_days > 0.0f) day = day + args.shift_days * bell(random_bits(args.key, sample, kDrawShift));
    args.days[item] = day;
  }

 private:
  MILLESIME_HD bool hides_source(std::int64_t sample, std::int64_t row) const {
    if (!args.present) return false;
    bool any = false, own = false;
    for (int s = 0; s < kMostSources; ++s) {
      if ((args.present[row] >> s & 1u) == 0) continue;
      const float drawn = uniform(random_bits(args.sources_key, sample * kMostSources + s, kDrawSource).a);
      if (drawn < (s == 0 ? args.hide_main : args.hide_other)) continue;
      any = true;
      own = own || s == args.source;
    }
    return any && !own;
  }

  // Of the season of a sample, before its shift; every day where it is not cut.
  MILLESIME_HD float last_day(std::int64_t sample) const {
    constexpr float kNever = 1e30f;
    if (!(args.cut.share > 0.0f)) return kNever;
    const RandomBits drawn = random_bits(args.sources_key, sample, kDrawSeason);
    return uniform(drawn.a) < args.cut.share ? args.cut.first + (args.cut.last - args.cut.first) * uniform(drawn.b) : kNever;
  }

  MILLESIME_HD static bool is_cut(int date, const std::uint8_t* valid, const float* days, float cut) {
    if (!(days[date] > cut)) return false;
    for (int earlier = 0; earlier < date; ++earlier)
      if (valid[earlier]) return true;
    return false;
  }

  MILLESIME_HD bool hides_date(std::int64_t sample, int date, const std::uint8_t* valid, const float* days, float cut) const {
    if (!(args.date_dropout > 0.0f)) return false;
    const RandomBits of_sample = random_bits(args.key, sample, kDrawSample);
    const float share = args.date_dropout * uniform(of_sample.a);
    if (uniform(random_bits(args.key, sample * args.n_dates + date, kDrawDate).a) >= share) return false;
    // The first valid date from a drawn position on (cyclic) is never hidden.
    int stays = static_cast<int>(static_cast<std::uint64_t>(of_sample.b) * static_cast<std::uint64_t>(args.n_dates) >> 32);
    while (!valid[stays] || is_cut(stays, valid, days, cut)) stays = stays + 1 < args.n_dates ? stays + 1 : 0;
    return stays != date;
  }
};

// One number of a sample on a GPU, so that accesses are coalesced; one date of it on the CPU.
template <bool kNumbers>
struct TrainingBatchValues {
  TrainingBatchArgs args;

  MILLESIME_HD void operator()(std::int64_t item) const {
    const std::int64_t first = kNumbers ? item : item * args.n_features, end = kNumbers ? item + 1 : first + args.n_features;
    const std::int64_t date = kNumbers ? item / args.n_features : item, sample = date / args.n_dates;
    const std::int64_t numbers = static_cast<std::int64_t>(args.n_dates) * args.n_features;
    const float* table = args.table_values + (args.rows[sample] - sample) * numbers;
    const bool valid = args.valid[date] != 0;
    for (std::int64_t i = first; i < end; ++i) {
      float value = 0.0f;
      if (valid) {
        value = table[i];
        if (args.noise > 0.0f) value = value + args.noise * bell(random_bits(args.key, i, kDrawNoise));
      }
      args.values[i] = value;
    }
  }
};

template <class Backend>
void training_batch_on(const Backend& backend, const TrainingBatchArgs& args) {
  constexpr bool kNumbers = Backend::kLanes == 1;
  const std::int64_t dates = args.samples * args.n_dates;
  parallel_for(backend, "training_batch", dates, TrainingBatchDate{args});
  parallel_for(backend, "training_batch", kNumbers ? dates * args.n_features : dates, TrainingBatchValues<kNumbers>{args});
}

}  // namespace millesime
