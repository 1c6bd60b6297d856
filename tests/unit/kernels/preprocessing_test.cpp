// validity, resample, gap_fill and indices compared with simple implementations of their contracts (tests/support/series_world.cpp).

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/ops/gap_fill.h"
#include "kernels/ops/indices.h"
#include "kernels/ops/resample.h"
#include "kernels/ops/series_view.h"
#include "kernels/ops/validity.h"
#include "pipeline/core/error.h"
#include "pipeline/core/series_rows.h"
#include "tests/support/guarded.h"
#include "tests/support/series_world.h"

namespace millesime::testing {
namespace {

std::vector<std::int16_t> resampled(const Series& series, Resampling method) {
  const HostSeries host(series);
  Guarded<std::int16_t> out(host.view().pixels() * series.n_dates() * series.n_bands());
  resample(Device{}, {host.view(), method, out.data()});
  out.expect_untouched_bands("resample");
  return out.values();
}

struct Validity {
  std::vector<std::uint8_t> valid, count;
};
Validity found_validity(const Series& series) {
  const HostSeries host(series);
  Guarded<std::uint8_t> valid(host.view().pixels() * series.n_dates()), count(host.view().pixels());
  validity(Device{}, {host.view(), valid.data(), count.data()});
  valid.expect_untouched_bands("validity");
  count.expect_untouched_bands("count");
  return {valid.values(), count.values()};
}

std::vector<std::int32_t> days_of(const Series& series) {
  std::vector<std::int32_t> days;
  for (const Date date : series.dates) days.push_back(date.days);
  return days;
}

// Empty, one pixel, one column, exactly one block, many blocks; clear, cloudy, all invalid.
std::vector<SeriesShape> shapes() {
  std::vector<SeriesShape> list;
  for (const auto& [width, height] : {std::pair{0, 0}, {1, 1}, {1, 9}, {128, 1}, {65, 2}, {300, 4}})
    for (const double cloudy : {0.0, 0.5, 1.0})
      list.push_back({width, height, 6, cloudy, 0.03, width != 65, 7u + static_cast<unsigned>(width)});
  list.push_back({130, 3, 1, 0.3, 0.0, true, 3});
  list.push_back({130, 3, 0, 0.3, 0.0, true, 3});
  list.push_back({130, 3, 4, 0.0, 1.0, true, 3});
  list.push_back({20, 2, 300, 0.05, 0.0, true, 3});  // more than 255 valid dates
  return list;
}

std::string name_of(const SeriesShape& shape) {
  return join_text(shape.width, " x ", shape.height, ", ", shape.dates, " dates, cloudy ", shape.cloudy, ", missing ", shape.missing);
}

TEST(Validity, IsWhatMasksAndMissingSamplesSay) {
  for (const SeriesShape& shape : shapes()) {
    SCOPED_TRACE(name_of(shape));
    const Series series = random_series(shape);
    const auto expected = expected_validity(series);
    const auto got = found_validity(series);
    EXPECT_EQ(got.valid, expected);
    const auto pixels = static_cast<std::size_t>(series.window.pixels());
    for (std::size_t p = 0; p < pixels; ++p) {
      int count = 0;
      for (std::size_t d = 0; d < series.dates.size(); ++d) count += expected[d * pixels + p];
      ASSERT_EQ(got.count[p], std::min(count, 255)) << "pixel " << p;
    }
  }
}

TEST(Resample, NearestIsExact) {
  for (const SeriesShape& shape : shapes()) {
    SCOPED_TRACE(name_of(shape));
    const Series series = random_series(shape);
    EXPECT_EQ(resampled(series, Resampling::nearest), expected_samples(series, Resampling::nearest));
  }
}

// Against double precision: float32 sums of up to 16 products of numbers below 2^14 are off by less than 0.01, so only values that near
// to a half may round to the other side.
TEST(Resample, BilinearAndCubicFollowTheirFormula) {
  for (const SeriesShape& shape : shapes()) {
    SCOPED_TRACE(name_of(shape));
    const Series series = random_series(shape);
    for (const Resampling method : {Resampling::bilinear, Resampling::cubic}) {
      const auto expected = expected_samples(series, method), got = resampled(series, method);
      ASSERT_EQ(got.size(), expected.size());
      std::size_t different = 0;
      for (std::size_t i = 0; i < got.size(); ++i) {
        ASSERT_NEAR(got[i], expected[i], 1) << i;
        different += got[i] != expected[i];
      }
      EXPECT_LE(different, got.size() / 20) << "method " << static_cast<int>(method);
    }
  }
}

// Where pixels are missing the weights of the others may not be below 0: their sum could be about 0, and the value anything.
TEST(Resample, CubicStaysInRangeBesideMissingPixels) {
  Series series = random_series({150, 20, 3, 0, 0.3, true, 9});
  BandGroup& group = series.groups[1];
  group.col_scale = group.row_scale = 1, group.col_offset = group.row_offset = 0.5;
  std::mt19937 random(4);
  for (auto& sample : group.samples)
    if (sample != kNodata) sample = static_cast<std::int16_t>(random() % 5 == 0 ? 3000 : 800 + random() % 400);
  const auto got = resampled(series, Resampling::cubic);
  const auto pixels = static_cast<std::size_t>(series.window.pixels());
  for (std::size_t i = 0; i < got.size(); ++i) {
    const auto band = static_cast<int>(i / pixels % series.bands.size());
    if (got[i] == kNodata || std::ranges::find(group.bands, band) == group.bands.end()) continue;
    ASSERT_GE(got[i], 300) << i;  // without a missing pixel cubic resampling may overshoot by an eighth or so
    ASSERT_LE(got[i], 3700) << i;
  }
}

// A group whose pixels are finer than the window's, one of the same size but shifted, and a long odd ratio.
TEST(Resample, AnyRatioAndOffset) {
  for (const auto& [scale, offset] : {std::pair{2.0, 0.5}, {1.0, 0.3}, {0.34, -0.4}, {1.0, 8.0}, {3.7, -2.0}}) {
    SCOPED_TRACE(join_text("scale ", scale, ", offset ", offset));
    Series series = random_series({150, 6, 3, 0.1, 0.02, true, 5});
    series.groups[1].col_scale = scale;
    series.groups[1].col_offset = offset;
    series.groups[1].row_scale = scale;
    series.groups[1].row_offset = offset;
    EXPECT_EQ(resampled(series, Resampling::nearest), expected_samples(series, Resampling::nearest));
    for (const Resampling method : {Resampling::bilinear, Resampling::cubic}) {
      const auto expected = expected_samples(series, method), got = resampled(series, method);
      for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1) << i;
    }
  }
}

// 20 m in 10 m, bilinear: sums are whole sixteenths, so there is nothing to be off by.
TEST(Resample, HalfTheResolutionIsExact) {
  std::mt19937 random(8);
  std::uniform_int_distribution<int> any(-32768, 32767);
  for (const int width : {1, 2, 127, 128, 129, 300}) {
    for (const double col_offset : {-0.25, 0.25, 0.75, 1.75, 3.25}) {
      for (const double row_offset : {-0.25, 0.25, 0.75}) {
        SCOPED_TRACE(join_text("width ", width, ", offsets ", col_offset, " and ", row_offset));
        Series series = random_series({width, 5, 2, 0, 0, true, 3});
        BandGroup& half = series.groups[1];
        half.col_offset = col_offset;
        half.row_offset = row_offset;
        for (auto& sample : half.samples) sample = static_cast<std::int16_t>(any(random));
        std::ranges::replace(half.samples, kNodata, std::int16_t{-8});
        for (const bool missing : {false, true}) {
          if (missing) half.samples[half.samples.size() / 3] = kNodata;
          EXPECT_EQ(resampled(series, Resampling::nearest), expected_samples(series, Resampling::nearest));
          const auto expected = expected_samples(series, Resampling::bilinear), got = resampled(series, Resampling::bilinear);
          for (std::size_t i = 0; i < got.size(); ++i) {
            const bool invented = !missing && expected[i] == kNodata;
            ASSERT_NEAR(got[i], invented ? kNodata + 1 : expected[i], missing ? 1 : 0) << i;  // some weights are made to sum to 1
          }
        }
      }
    }
  }
}

TEST(Resample, SaturatesAndNeverInventsMissing) {
  Series series = random_series({64, 1, 1, 0, 0, true, 1});
  for (auto& sample : series.groups[1].samples) sample = 32767;
  series.groups[1].samples[0] = -32768;
  for (const std::int16_t value : resampled(series, Resampling::cubic)) EXPECT_NE(value, kNodata);
  // -9999 and -10001 average to the number that means missing
  for (std::size_t i = 0; i < series.groups[1].samples.size(); ++i)
    series.groups[1].samples[i] = static_cast<std::int16_t>(i % 2 ? -9999 : -10001);
  for (const std::int16_t value : resampled(series, Resampling::bilinear)) EXPECT_NE(value, kNodata);
}

TEST(GapFill, FollowsItsFormula) {
  for (const SeriesShape& shape : shapes()) {
    SCOPED_TRACE(name_of(shape));
    const Series series = random_series(shape);
    const auto samples = expected_samples(series, Resampling::nearest);
    const auto valid = expected_validity(series);
    const auto days = days_of(series);
    const std::int32_t first = days.empty() ? 18000 : days.front() - 15, last = days.empty() ? 18100 : days.back() + 15;
    std::vector<std::int32_t> targets;
    for (std::int32_t day = first; day <= last; day += 10) targets.push_back(day);
    targets.insert(targets.end(), days.begin(), days.end());  // on acquisitions, too
    std::sort(targets.begin(), targets.end());
    EXPECT_EQ(filled(days, targets, series.n_bands(), series.window.pixels(), samples, valid),
              expected_fill(days, targets, series.n_bands(), series.window.pixels(), samples, valid));
    EXPECT_TRUE(filled(days, {}, series.n_bands(), series.window.pixels(), samples, valid).empty());
  }
}

TEST(GapFill, KeepsValidSamplesAndIgnoresMaskedOnes) {
  const Series series = random_series({150, 4, 8, 0.5, 0.0, true, 11});
  auto samples = expected_samples(series, Resampling::nearest);
  const auto valid = expected_validity(series);
  const auto days = days_of(series);
  const auto pixels = static_cast<std::size_t>(series.window.pixels()), bands = series.bands.size();
  const auto before = filled(days, days, series.n_bands(), series.window.pixels(), samples, valid);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const bool seen = valid[i / (bands * pixels) * pixels + i % pixels] != 0;
    if (seen)
      ASSERT_EQ(before[i], samples[i]);
    else
      samples[i] = 31000;
  }
  EXPECT_EQ(filled(days, days, series.n_bands(), series.window.pixels(), samples, valid), before);
}

TEST(GapFill, ConstantSeriesStayConstant) {
  const std::vector<std::int32_t> days = {10, 20, 45}, targets = {0, 10, 13, 44, 45, 46, 1000};
  const std::vector<std::int16_t> samples(3 * 70, -32768);
  const std::vector<std::uint8_t> valid(3 * 70, 1);
  EXPECT_EQ(filled(days, targets, 1, 70, samples, valid), std::vector<std::int16_t>(7 * 70, -32768));
}

TEST(GapFill, RoundsHalvesAwayFromZero) {
  const std::vector<std::int32_t> days = {0, 2}, targets = {1};
  EXPECT_EQ(filled(days, targets, 1, 2, {0, 0, 3, -3}, {1, 1, 1, 1}), (std::vector<std::int16_t>{2, -2}));
}

TEST(Kernels, ThreadsDoNotChangeResults) {
  const Series series = random_series({333, 17, 7, 0.4, 0.03, true, 21});
  const auto samples = expected_samples(series, Resampling::nearest);
  const auto valid = expected_validity(series);
  const auto days = days_of(series);
  std::vector<std::int16_t> fill_one, resampled_one;
  std::vector<std::uint8_t> valid_one;
  with_threads(1, [&] {
    fill_one = filled(days, days, series.n_bands(), series.window.pixels(), samples, valid);
    resampled_one = resampled(series, Resampling::cubic);
    valid_one = found_validity(series).valid;
  });
  with_threads(3, [&] {
    EXPECT_EQ(filled(days, days, series.n_bands(), series.window.pixels(), samples, valid), fill_one);
    EXPECT_EQ(resampled(series, Resampling::cubic), resampled_one);
    EXPECT_EQ(found_validity(series).valid, valid_one);
  });
}

TEST(Indices, KnownValues) {
  // reflectance x 10000: B2 B3 B4 B5 B6 B7 B8 B8A B11 B12
  const std::vector<std::int16_t> samples = {400, 600, 500, 900, 1800, 2200, 2500, 2600, 1500, 800};
  std::vector<std::string> names;
  for (const IndexInfo& index : known_indices()) names.push_back(index.name);
  IndicesArgs args;
  args.pixels = 1;
  args.n_dates = 1;
  args.n_bands = 10;
  args.plan = plan_indices(names, kTestBands);
  args.samples = samples.data();
  Guarded<float> values(args.plan.n);
  Guarded<std::int16_t> integers(args.plan.n);
  args.values = values.data();
  args.integers = integers.data();
  indices(Device{}, args);
  values.expect_untouched_bands("indices");
  integers.expect_untouched_bands("integer indices");
  const double b2 = 0.04, b3 = 0.06, b4 = 0.05, b5 = 0.09, b6 = 0.18, b8 = 0.25, b11 = 0.15, b12 = 0.08;
  double squares = 0;
  for (const std::int16_t sample : samples) squares += static_cast<double>(sample) * sample;
  const std::vector<double> expected = {(b8 - b4) / (b8 + b4),
                                        (b11 - b8) / (b11 + b8),
                                        std::sqrt(squares),
                                        2.5 * (b8 - b4) / (b8 + 6 * b4 - 7.5 * b2 + 1),
                                        1.5 * (b8 - b4) / (b8 + b4 + 0.5),
                                        (b8 - b3) / (b8 + b3),
                                        (b8 - b5) / (b8 + b5),
                                        (b8 - b11) / (b8 + b11),
                                        (b11 - b8) / (b11 + b8),
                                        (b3 - b11) / (b3 + b11),
                                        (b8 - b12) / (b8 + b12),
                                        (b3 - b11) / (b3 + b11),
                                        (b3 - b8) / (b3 + b8),
                                        (b11 - b12) / (b11 + b12),
                                        1.16 * (b8 - b4) / (b8 + b4 + 0.16),
                                        2.5 * (b8 - b4) / (b8 + 2.4 * b4 + 1),
                                        (b4 - b2) / b6,
                                        (b11 + b4 - b8 - b2) / (b11 + b4 + b8 + b2)};
  ASSERT_EQ(expected.size(), names.size()) << "a new index needs its value here";
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_NEAR(values.values()[i], expected[i], 1e-6 * std::max(1.0, std::fabs(expected[i]))) << names[i];
    EXPECT_EQ(integers.values()[i], std::lround(expected[i] * (names[i] == "Brightness" ? 1 : 1000))) << names[i];
  }
}

TEST(Indices, ZeroDenominatorGivesZeroAndBlocksAgree) {
  std::vector<std::int16_t> samples(static_cast<std::size_t>(2 * 10 * 131));
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = static_cast<std::int16_t>(i % 7 == 0 ? 0 : static_cast<int>(i * 37 % 9000) - 4000);
  IndicesArgs args;
  args.pixels = 131;
  args.n_dates = 2;
  args.n_bands = 10;
  args.plan = plan_indices({"ndvi", "NDWI", "brightness"}, kTestBands);
  args.samples = samples.data();
  Guarded<float> values(std::int64_t{2} * 3 * 131);
  args.values = values.data();
  indices(Device{}, args);
  values.expect_untouched_bands("indices");
  const auto got = values.values();
  for (std::size_t d = 0; d < 2; ++d) {
    for (std::size_t p = 0; p < 131; ++p) {
      const auto band = [&](std::size_t b) { return static_cast<float>(samples[(d * 10 + b) * 131 + p]); };
      const float sum = band(6) + band(2);
      ASSERT_EQ(got[(d * 3 + 0) * 131 + p], sum == 0 ? 0 : (band(6) - band(2)) / sum);
    }
  }
}

TEST(Indices, RefusesWhatItCannotCompute) {
  try {
    plan_indices({"NDVY"}, kTestBands);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean NDVI?"), std::string::npos) << error.what();
  }
  try {
    plan_indices({"NDWI"}, {"B4", "B8"});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("needs band B11"), std::string::npos) << error.what();
  }
}

TEST(SeriesRows, KernelsComeToTheNumbersOfTheWhole) {
  const Series series = random_series({40, 30, 4, 0.4, 0.05, false, 6});
  const std::int64_t width = series.window.width, rows = series.window.height;
  const auto resampled = [](const Series& of, Resampling method) {
    std::vector<std::int16_t> samples(static_cast<std::size_t>(of.window.pixels() * of.n_dates() * of.n_bands()));
    resample(Device{}, {HostSeries(of).view(), method, samples.data()});
    return samples;
  };
  for (const auto& [first, n] : {std::pair{0, 1}, {0, 30}, {7, 9}, {29, 1}, {13, 17}}) {
    const Series part = rows_of(series, first, n);
    EXPECT_EQ(part.window, (Window{series.window.col, series.window.row + first, series.window.width, n}));
    const auto whole_valid = found_validity(series).valid, part_valid = found_validity(part).valid;
    for (int d = 0; d < series.n_dates(); ++d)
      EXPECT_TRUE(std::equal(part_valid.begin() + d * n * width, part_valid.begin() + (d + 1) * n * width,
                             whole_valid.begin() + (d * rows + first) * width));
    for (const Resampling method : {Resampling::nearest, Resampling::bilinear, Resampling::cubic}) {
      const auto whole_samples = resampled(series, method), part_samples = resampled(part, method);
      for (int plane = 0; plane < series.n_dates() * series.n_bands(); ++plane)
        EXPECT_TRUE(std::equal(part_samples.begin() + plane * n * width, part_samples.begin() + (plane + 1) * n * width,
                               whole_samples.begin() + (plane * rows + first) * width))
            << "rows " << first << " to " << first + n << ", plane " << plane;
    }
  }
}

TEST(SeriesView, RefusesASeriesThatContradictsItself) {
  Series series = random_series({8, 2, 2, 0, 0, true, 1});
  series.groups[0].bands[1] = 0;  // B2 twice, B3 never
  EXPECT_THROW(HostSeries{series}, Bug);
  series = random_series({8, 2, 2, 0, 0, true, 1});
  series.masks.pop_back();
  EXPECT_THROW(HostSeries{series}, Bug);
  series = random_series({8, 2, 2, 0, 0, true, 1});
  std::swap(series.dates[0], series.dates[1]);
  EXPECT_THROW(HostSeries{series}, Bug);
}

}  // namespace
}  // namespace millesime::testing
