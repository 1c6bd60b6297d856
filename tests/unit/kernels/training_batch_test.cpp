// training_batch: unchanged and changed values, their frequency, and the random numbers.

#include "kernels/ops/training_batch.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/base/random_bits.h"

namespace millesime {
namespace {

TEST(RandomBits, AreThoseOfThePublishedTests) {  // known answers of Random123, philox2x32 with 10 rounds
  const auto of = [](std::uint32_t key, std::uint32_t low, std::uint32_t high) {
    const RandomBits bits =
        random_bits(key, static_cast<std::int64_t>(low | static_cast<std::uint64_t>(high & 0x0FFFFFFFu) << 32), high >> 28);
    return std::pair(bits.a, bits.b);
  };
  EXPECT_EQ(of(0, 0, 0), std::pair(0xff1dae59u, 0x6cd10df2u));
  EXPECT_EQ(of(0xffffffffu, 0xffffffffu, 0xffffffffu), std::pair(0x2c3f628bu, 0xab4fd7adu));
  EXPECT_EQ(of(0x13198a2eu, 0x243f6a88u, 0x85a308d3u), std::pair(0xdd7ce038u, 0xf62a4c12u));
}

TEST(RandomBits, HaveTheMomentsThatTheyShould) {
  constexpr int kDrawn = 200000;
  double mean = 0, bell_mean = 0, square = 0, fourth = 0, beside = 0;
  for (int i = 0; i < kDrawn; ++i) {
    const RandomBits bits = random_bits(1, i, 0);
    const double u = static_cast<double>(uniform(bits.a)), g = static_cast<double>(bell(bits));
    EXPECT_TRUE(u >= 0 && u < 1 && std::abs(g) < 3.47);
    mean += u, bell_mean += g, square += g * g, fourth += g * g * g * g;
    beside += g * static_cast<double>(bell(random_bits(1, i + 1, 0)));
  }
  EXPECT_NEAR(mean / kDrawn, 0.5, 0.003);
  EXPECT_NEAR(bell_mean / kDrawn, 0, 0.01);
  EXPECT_NEAR(square / kDrawn, 1, 0.01);
  EXPECT_NEAR(fourth / kDrawn, 2.7, 0.06);  // 3 less 1.2 / 4: Irwin-Hall of four
  EXPECT_NEAR(beside / kDrawn, 0, 0.01);
}

struct Table {
  int dates, features;
  std::vector<float> values, days;
  std::vector<std::uint8_t> valid;
  std::vector<std::uint32_t> present;

  Table(int rows, int n_dates, int n_features) : dates(n_dates), features(n_features) {
    for (int r = 0; r < rows; ++r) {
      present.push_back(1u + static_cast<std::uint32_t>(r % 2) * 2u);  // every second row has source 1, too
      for (int t = 0; t < dates; ++t) {
        valid.push_back((r + t) % 3 != 0);
        days.push_back(static_cast<float>(10 * t + r % 2));
        for (int f = 0; f < features; ++f) values.push_back(static_cast<float>(1000 * r + 10 * t + f));
      }
    }
  }
};

struct Batch {
  std::vector<float> values, days;
  std::vector<std::uint8_t> valid;
};

Batch batch_of(const Table& table, const std::vector<std::int64_t>& rows, TrainingBatchArgs args, int threads = 1) {
  const auto dates = rows.size() * static_cast<std::size_t>(table.dates);
  Batch out{std::vector<float>(dates * static_cast<std::size_t>(table.features)), std::vector<float>(dates),
            std::vector<std::uint8_t>(dates)};
  args.samples = static_cast<std::int64_t>(rows.size()), args.rows = rows.data(), args.n_dates = table.dates,
  args.n_features = table.features;
  args.table_values = table.values.data(), args.table_valid = table.valid.data(), args.table_days = table.days.data();
  args.values = out.values.data(), args.valid = out.valid.data(), args.days = out.days.data();
  training_batch({Device{}, threads}, args);
  return out;
}

TEST(TrainingBatch, HidesTheEndOfTheSeason) {
  const Table table(1, 30, 1);
  const std::vector<std::int64_t> rows(4000, 0);
  TrainingBatchArgs args;
  args.cut = {0.5f, 100, 200}, args.sources_key = 3;
  const Batch batch = batch_of(table, rows, args);
  int cut = 0, before_the_middle = 0;
  for (std::size_t s = 0; s < rows.size(); ++s) {
    int last = 0;  // day of the last date that is shown
    for (std::size_t t = 0; t < 30; ++t)
      if (batch.valid[s * 30 + t]) last = static_cast<int>(table.days[t]);
    for (std::size_t t = 0; t < 30; ++t) EXPECT_EQ(batch.valid[s * 30 + t], table.valid[t] && table.days[t] <= static_cast<float>(last));
    if (last < 290) ++cut, before_the_middle += last < 150;
    EXPECT_TRUE(last >= 80 && (last <= 200 || last == 290)) << last;
  }
  EXPECT_NEAR(cut, 2000, 120);
  EXPECT_NEAR(before_the_middle, 0.6 * cut, 120);  // of the dates until 150, the next valid one is 160
  args.sources_key = 3, args.key = 77;             // the same season for every source of a sample
  EXPECT_EQ(batch_of(table, rows, args).valid, batch.valid);
  args.cut = {1, 5, 5};  // before the first valid date, which stays
  const Batch early = batch_of(table, {0}, args);
  EXPECT_EQ(std::count(early.valid.begin(), early.valid.end(), 1), 1);
}

TEST(TrainingBatch, IsTheTableWhereNothingIsAskedFor) {
  const Table table(6, 4, 2);
  const std::vector<std::int64_t> rows{5, 0, 5, 2};
  const Batch batch = batch_of(table, rows, {});
  for (std::size_t s = 0; s < rows.size(); ++s)
    for (int t = 0; t < 4; ++t) {
      const auto from = static_cast<std::size_t>(rows[s] * 4 + t), to = s * 4 + static_cast<std::size_t>(t);
      EXPECT_EQ(batch.valid[to], table.valid[from]);
      EXPECT_EQ(batch.days[to], table.days[from]);
      for (std::size_t f = 0; f < 2; ++f) EXPECT_EQ(batch.values[to * 2 + f], table.valid[from] ? table.values[from * 2 + f] : 0);
    }
}

TEST(TrainingBatch, HidesAnotherShareOfTheDatesOfEachSampleAndNeverAll) {
  constexpr int kSamples = 4000, kDates = 30;
  const Table table(10, kDates, 1);
  std::vector<std::int64_t> rows;
  for (int s = 0; s < kSamples; ++s) rows.push_back(s % 10);
  TrainingBatchArgs args;
  args.key = 3;
  double valid = 0, hidden = 0, hidden_square = 0;
  std::vector<int> hidden_at(kDates, 0);
  args.date_dropout = 0.5f;
  const Batch batch = batch_of(table, rows, args);
  for (int s = 0; s < kSamples; ++s) {
    int of_sample = 0, kept = 0, valid_here = 0;
    for (int t = 0; t < kDates; ++t) {
      const bool was = table.valid[static_cast<std::size_t>(rows[static_cast<std::size_t>(s)] * kDates + t)];
      const bool is = batch.valid[static_cast<std::size_t>(s * kDates + t)];
      EXPECT_TRUE(was || !is);
      valid_here += was, kept += is, of_sample += was && !is;
      hidden_at[static_cast<std::size_t>(t)] += was && !is;
      if (!is) {
        EXPECT_EQ(batch.values[static_cast<std::size_t>(s * kDates + t)], 0);
      }
    }
    EXPECT_GE(kept, 1);
    const double share = static_cast<double>(of_sample) / valid_here;
    valid += valid_here, hidden += of_sample, hidden_square += share * share;
  }
  // A share uniform up to 0.5, less the one of twenty dates that stays.
  EXPECT_NEAR(hidden / valid, 0.25 * 19 / 20, 0.01);
  EXPECT_NEAR(std::sqrt(hidden_square / kSamples - hidden * hidden / valid / valid), std::sqrt(0.25 / 12 + 0.25 * 0.7 / 20), 0.02);
  for (const int n : hidden_at) EXPECT_NEAR(static_cast<double>(n) / kSamples, 0.25 * 19 / 20 * 2 / 3, 0.04) << "no date is spared";

  args.date_dropout = 1;
  const std::vector<std::uint8_t> almost_all = batch_of(table, rows, args).valid;
  std::set<int> stayed;
  for (int s = 0; s < kSamples; ++s) {
    int kept = 0, last = 0;
    for (int t = 0; t < kDates; ++t)
      if (almost_all[static_cast<std::size_t>(s * kDates + t)]) ++kept, last = t;
    EXPECT_GE(kept, 1);
    if (kept == 1) stayed.insert(last);
  }
  EXPECT_GT(stayed.size(), 20u) << "the date that stays is drawn";
}

TEST(TrainingBatch, AddsNoiseToWhatIsValidAndMovesASampleAsAWhole) {
  const Table table(2, 50, 3);
  const std::vector<std::int64_t> rows(400, 1);
  TrainingBatchArgs args;
  args.noise = 0.5f, args.shift_days = 4, args.key = 9;
  const Batch batch = batch_of(table, rows, args);
  double noise = 0, shift = 0;
  int n = 0;
  std::set<float> different;
  for (std::size_t s = 0; s < rows.size(); ++s) {
    const float moved = batch.days[s * 50] - table.days[50];
    shift += static_cast<double>(moved * moved);
    different.insert(moved);
    for (std::size_t t = 0; t < 50; ++t) {
      EXPECT_NEAR(batch.days[s * 50 + t] - table.days[50 + t], moved, 1e-3);
      for (std::size_t f = 0; f < 3; ++f) {
        const float value = batch.values[(s * 50 + t) * 3 + f];
        if (!table.valid[50 + t]) {
          EXPECT_EQ(value, 0);
          continue;
        }
        const auto added = static_cast<double>(value - table.values[(50 + t) * 3 + f]);
        noise += added * added, ++n;
      }
    }
  }
  EXPECT_NEAR(std::sqrt(noise / n), 0.5, 0.01);
  EXPECT_NEAR(std::sqrt(shift / 400), 4, 0.5);
  EXPECT_GT(different.size(), 390u);

  args = {}, args.stretch = 0.1f, args.key = 9;
  const Batch stretched = batch_of(table, rows, args);
  double square = 0;
  for (std::size_t s = 0; s < rows.size(); ++s) {
    const double factor = static_cast<double>(stretched.days[s * 50 + 49] / table.days[99]);
    square += (factor - 1) * (factor - 1);
    for (std::size_t t = 0; t < 50; ++t) EXPECT_NEAR(stretched.days[s * 50 + t], factor * static_cast<double>(table.days[50 + t]), 1e-3);
  }
  EXPECT_NEAR(std::sqrt(square / 400), 0.1, 0.0125);
}

TEST(TrainingBatch, HidesSourcesButNeverAllThatASampleHas) {
  constexpr int kSamples = 4000;
  const Table table(2, 3, 1);
  std::vector<std::int64_t> rows;
  for (int s = 0; s < kSamples; ++s) rows.push_back(s % 2);
  TrainingBatchArgs args;
  args.present = table.present.data(), args.hide_main = 0.2f, args.hide_other = 0.5f, args.sources_key = 5;
  std::vector<std::vector<std::uint8_t>> valid;
  for (const int source : {0, 1}) {
    args.source = source, args.key = static_cast<std::uint32_t>(source);
    valid.push_back(batch_of(table, rows, args).valid);
  }
  const auto seen = [&](int source, int s) {
    for (int t = 0; t < 3; ++t)
      if (valid[static_cast<std::size_t>(source)][static_cast<std::size_t>(s * 3 + t)]) return true;
    return false;
  };
  int main_hidden = 0, other_hidden = 0;
  for (int s = 0; s < kSamples; ++s) {
    if (s % 2 == 0) {
      EXPECT_TRUE(seen(0, s)) << "its only source";
      continue;
    }
    EXPECT_TRUE(seen(0, s) || seen(1, s));
    main_hidden += !seen(0, s), other_hidden += !seen(1, s);
  }
  EXPECT_NEAR(main_hidden / 2000.0, 0.2 * 0.5, 0.02);  // the other one has to be there
  EXPECT_NEAR(other_hidden / 2000.0, 0.5 * 0.8, 0.03);
}

TEST(TrainingBatch, DependsOnItsKeysAloneAndNotOnThreads) {
  const Table table(40, 20, 4);
  std::vector<std::int64_t> rows;
  for (int s = 0; s < 300; ++s) rows.push_back(s * 7 % 40);
  TrainingBatchArgs args;
  args.date_dropout = 0.4f, args.noise = 0.1f, args.shift_days = 1, args.key = 1;
  const Batch one = batch_of(table, rows, args), many = batch_of(table, rows, args, 3);
  EXPECT_EQ(one.values, many.values);
  EXPECT_EQ(one.valid, many.valid);
  EXPECT_EQ(one.days, many.days);
  args.key = 2;
  const Batch other = batch_of(table, rows, args);
  EXPECT_NE(one.values, other.values);
  EXPECT_NE(one.valid, other.valid);
  EXPECT_NE(one.days, other.days);
  EXPECT_TRUE(batch_of(table, {}, args).values.empty());
}

}  // namespace
}  // namespace millesime
