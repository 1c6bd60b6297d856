// Properties of the kernels that hold for any series, with any dates, clouds and values.

#include <algorithm>
#include <numeric>

#include "kernels/ops/fuse_maps.h"
#include "kernels/ops/mosaic_rule.h"
#include "tests/property/random_cases.h"
#include "tests/support/series_world.h"

namespace millesime {
namespace {

using testing::for_any_input;
using testing::RandomCase;

struct FilledSeries {
  std::int64_t pixels = 0;
  int n_bands = 0;
  std::vector<std::int32_t> days, targets;
  std::vector<std::int16_t> samples;  // [date][band][pixel]
  std::vector<std::uint8_t> valid;    // [date][pixel]

  std::vector<std::int16_t> fill() const { return testing::filled(days, targets, n_bands, pixels, samples, valid); }
  std::size_t at(std::size_t date, int band, std::int64_t pixel) const {
    return (date * static_cast<std::size_t>(n_bands) + static_cast<std::size_t>(band)) * static_cast<std::size_t>(pixels) +
           static_cast<std::size_t>(pixel);
  }
};

std::vector<std::int32_t> rising_days(RandomCase& random, int n) {
  std::vector<std::int32_t> days{random.integer(-40, 40)};
  while (static_cast<int>(days.size()) < n) days.push_back(days.back() + random.integer(1, 30));
  return days;
}

FilledSeries any_series(RandomCase& random) {
  FilledSeries s;
  s.pixels = random.integer(1, 90);
  s.n_bands = random.integer(1, 3);
  s.days = rising_days(random, random.integer(1, 9));
  s.targets = rising_days(random, random.integer(1, 9));
  const double cloudy = random.number(0, 1);
  for (std::size_t i = 0; i < s.days.size() * static_cast<std::size_t>(s.pixels); ++i) s.valid.push_back(!random.chance(cloudy));
  for (std::size_t i = 0; i < s.valid.size() * static_cast<std::size_t>(s.n_bands); ++i)
    s.samples.push_back(static_cast<std::int16_t>(random.integer(-10000, 16000)));
  return s;
}

TEST(GapFillLaws, WhatIsInventedLiesBetweenWhatWasSeen) {
  for_any_input(200, [](RandomCase& random) {
    const FilledSeries s = any_series(random);
    const auto filled = s.fill();
    for (std::int64_t p = 0; p < s.pixels; ++p)
      for (int b = 0; b < s.n_bands; ++b) {
        std::vector<std::int16_t> seen;
        for (std::size_t d = 0; d < s.days.size(); ++d)
          if (s.valid[d * static_cast<std::size_t>(s.pixels) + static_cast<std::size_t>(p)]) seen.push_back(s.samples[s.at(d, b, p)]);
        for (std::size_t t = 0; t < s.targets.size(); ++t) {
          const int value = filled[s.at(t, b, p)];
          if (seen.empty()) {
            EXPECT_EQ(value, 0);
          } else {
            EXPECT_GE(value, std::ranges::min(seen));
            EXPECT_LE(value, std::ranges::max(seen));
          }
        }
      }
  });
}

TEST(GapFillLaws, OnItsOwnDatesAClearSeriesIsItself) {
  for_any_input(100, [](RandomCase& random) {
    FilledSeries s = any_series(random);
    s.targets = s.days;
    std::ranges::fill(s.valid, std::uint8_t{1});
    EXPECT_EQ(s.fill(), s.samples);
  });
}

TEST(GapFillLaws, FillingTwiceIsFillingOnce) {
  for_any_input(100, [](RandomCase& random) {
    FilledSeries s = any_series(random);
    s.targets = s.days;
    FilledSeries again = s;
    again.samples = s.fill();
    std::ranges::fill(again.valid, std::uint8_t{1});
    EXPECT_EQ(again.fill(), again.samples);
  });
}

TEST(GapFillLaws, ACloudyAcquisitionMoreChangesNothing) {
  for_any_input(150, [](RandomCase& random) {
    const FilledSeries s = any_series(random);
    FilledSeries more = s;
    const std::size_t place = static_cast<std::size_t>(random.integer(0, static_cast<int>(s.days.size())));
    const auto plane = static_cast<std::ptrdiff_t>(s.pixels * s.n_bands);
    const auto at = static_cast<std::ptrdiff_t>(place);
    // Between two dates that are at least two days apart, before the first or after the last.
    if (place > 0 && place < s.days.size() && s.days[place] - s.days[place - 1] < 2) return;
    const int day = place == 0 ? s.days.front() - 3 : place == s.days.size() ? s.days.back() + 3 : s.days[place - 1] + 1;
    more.days.insert(more.days.begin() + at, day);
    more.samples.insert(more.samples.begin() + at * plane, static_cast<std::size_t>(plane), 12345);
    more.valid.insert(more.valid.begin() + at * static_cast<std::ptrdiff_t>(s.pixels), static_cast<std::size_t>(s.pixels), std::uint8_t{0});
    EXPECT_EQ(more.fill(), s.fill());
  });
}

TEST(GapFillLaws, OnlyDistancesInTimeCount) {
  for_any_input(100, [](RandomCase& random) {
    const FilledSeries s = any_series(random);
    FilledSeries later = s;
    const int shift = random.integer(-400, 400);
    for (auto* days : {&later.days, &later.targets})
      for (auto& day : *days) day += shift;
    EXPECT_EQ(later.fill(), s.fill());
  });
}

TEST(MosaicLaws, TheOrderOfTilesNeverMatters) {
  for_any_input(100, [](RandomCase& random) {
    constexpr int kTiles = 5;
    const std::int64_t pixels = random.integer(1, 80);
    const auto n = static_cast<std::size_t>(pixels);
    std::vector<std::vector<std::uint16_t>> label(kTiles);
    std::vector<std::vector<std::uint8_t>> confidence(kTiles), validity(kTiles);
    for (int t = 0; t < kTiles; ++t)
      for (std::size_t p = 0; p < n; ++p) {  // few values, so that ties are common
        label[static_cast<std::size_t>(t)].push_back(static_cast<std::uint16_t>(random.integer(0, 3)));
        confidence[static_cast<std::size_t>(t)].push_back(static_cast<std::uint8_t>(random.integer(40, 42)));
        validity[static_cast<std::size_t>(t)].push_back(static_cast<std::uint8_t>(random.integer(1, 2)));
      }
    const auto mosaic_in = [&](const std::vector<int>& order) {
      std::vector<std::uint8_t> sure(n, 0), seen(n, 0);
      std::vector<std::uint16_t> map(n, 0), rank(n, kNoTile);
      for (const int t : order) {
        const auto tile = static_cast<std::size_t>(t);
        mosaic_rule(Device{}, {pixels, label[tile].data(), confidence[tile].data(), validity[tile].data(), static_cast<std::uint16_t>(t),
                               map.data(), sure.data(), seen.data(), rank.data()});
      }
      map.insert(map.end(), sure.begin(), sure.end());
      map.insert(map.end(), seen.begin(), seen.end());
      return map;
    };
    std::vector<int> order(kTiles);
    std::iota(order.begin(), order.end(), 0);
    const auto expected = mosaic_in(order);
    for (int i = 0; i < 4; ++i) {
      std::ranges::shuffle(order, random.engine());
      EXPECT_EQ(mosaic_in(order), expected);
    }
    order.push_back(order.front());  // a tile twice
    EXPECT_EQ(mosaic_in(order), expected);
  });
}

TEST(FusionLaws, TheOrderOfMapsNeverMattersAndAgreementStands) {
  for_any_input(100, [](RandomCase& random) {
    const int maps = random.integer(1, 6);
    const std::int64_t pixels = random.integer(1, 60);
    const auto n = static_cast<std::size_t>(pixels);
    std::vector<std::vector<std::uint16_t>> labels(static_cast<std::size_t>(maps));
    std::vector<std::vector<std::uint8_t>> confidences(labels.size());
    for (std::size_t m = 0; m < labels.size(); ++m)
      for (std::size_t p = 0; p < n; ++p) {
        labels[m].push_back(p == 0 ? 2 : static_cast<std::uint16_t>(random.integer(0, 4)));  // the first pixel: all agree
        confidences[m].push_back(static_cast<std::uint8_t>(random.integer(50, 53)));
      }
    for (const bool resolve : {false, true}) {
      const auto fused = [&](const std::vector<std::size_t>& order) {
        std::vector<std::uint16_t> all, label(n);
        std::vector<std::uint8_t> sure, confidence(n);
        for (const std::size_t m : order) all.insert(all.end(), labels[m].begin(), labels[m].end());
        for (const std::size_t m : order) sure.insert(sure.end(), confidences[m].begin(), confidences[m].end());
        fuse_maps(Device{},
                  {pixels, maps, Fusion::majority, resolve, 9, all.data(), sure.data(), nullptr, 0, label.data(), confidence.data()});
        label.insert(label.end(), confidence.begin(), confidence.end());
        return label;
      };
      std::vector<std::size_t> order(labels.size());
      std::iota(order.begin(), order.end(), std::size_t{0});
      const auto expected = fused(order);
      EXPECT_EQ(expected.front(), 2);
      std::ranges::shuffle(order, random.engine());
      EXPECT_EQ(fused(order), expected);
    }
  });
}

}  // namespace
}  // namespace millesime
