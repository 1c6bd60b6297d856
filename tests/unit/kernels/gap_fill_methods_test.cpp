// Moving average and Whittaker's smoother compared with simple implementations of their contracts, and pack with its formula.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include <gtest/gtest.h>
#include <Eigen/Dense>

#include "kernels/ops/gap_fill.h"
#include "kernels/ops/pack.h"
#include "kernels/ops/prepare.h"
#include "kernels/ops/validity.h"
#include "pipeline/core/error.h"
#include "tests/support/guarded.h"
#include "tests/support/series_world.h"

namespace millesime::testing {
namespace {

struct Case {
  std::vector<std::int32_t> days, targets;
  std::vector<std::int16_t> samples;  // [date][pixel], one band
  std::vector<std::uint8_t> valid;
  std::int64_t pixels = 0;
};

std::vector<std::int16_t> filled(const Case& test, const GapFilling& filling) {
  Guarded<std::int16_t> out(static_cast<std::int64_t>(test.targets.size()) * test.pixels);
  gap_fill(Device{}, {test.pixels, static_cast<int>(test.days.size()), 1, static_cast<int>(test.targets.size()), test.days.data(),
                      test.targets.data(), test.samples.data(), test.valid.data(), out.data(), nullptr, filling});
  out.expect_untouched_bands("gap_fill");
  return out.values();
}

// Blocks that are whole and not, from no valid date to all.
std::vector<Case> cases() {
  std::vector<Case> list;
  for (const int width : {1, 128, 150})
    for (const double cloudy : {0.0, 0.5, 0.85, 1.0}) {
      const Series series = random_series({width, 2, 9, cloudy, 0.0, true, static_cast<unsigned>(7 + width)});
      Case test;
      test.pixels = series.window.pixels();
      for (const Date date : series.dates) test.days.push_back(date.days);
      for (std::int32_t day = test.days.front() - 15; day < test.days.back() + 20; day += 8) test.targets.push_back(day);
      test.targets.push_back(test.days.back() + 30);
      test.valid = expected_validity(series);
      const auto all = expected_samples(series, Resampling::nearest);
      const auto n = static_cast<std::size_t>(test.pixels), bands = series.bands.size();
      for (std::size_t d = 0; d < test.days.size(); ++d)
        test.samples.insert(test.samples.end(), all.begin() + static_cast<std::ptrdiff_t>(d * bands * n),
                            all.begin() + static_cast<std::ptrdiff_t>((d * bands + 1) * n));
      list.push_back(std::move(test));
    }
  return list;
}

TEST(MovingAverage, IsTheMeanOfTheWindowOrLinear) {
  for (const Case& test : cases()) {
    for (const float window : {1.0f, 24.0f, 1000.0f}) {
      const auto linear = filled(test, {}), got = filled(test, {FillMethod::moving_average, window, 1});
      const auto n = static_cast<std::size_t>(test.pixels);
      for (std::size_t t = 0; t < test.targets.size(); ++t)
        for (std::size_t p = 0; p < n; ++p) {
          double sum = 0, count = 0;
          for (std::size_t d = 0; d < test.days.size(); ++d) {
            if (!test.valid[d * n + p] || 2 * std::abs(test.days[d] - test.targets[t]) > window) continue;
            sum += test.samples[d * n + p];
            ++count;
          }
          const double expected = count > 0 ? std::round(static_cast<double>(static_cast<float>(sum / count))) : linear[t * n + p];
          ASSERT_EQ(got[t * n + p], expected) << "target " << t << ", pixel " << p << ", window " << window;
        }
    }
  }
}

// The smoothed values of a pixel at the targets: the normal equations, dense.
std::vector<double> whittaker_of(const Case& test, std::size_t pixel, double smoothing) {
  const auto n_pixels = static_cast<std::size_t>(test.pixels);
  std::vector<std::int32_t> x = test.days;
  x.insert(x.end(), test.targets.begin(), test.targets.end());
  std::sort(x.begin(), x.end());
  x.erase(std::unique(x.begin(), x.end()), x.end());
  const auto n = static_cast<Eigen::Index>(x.size());
  Eigen::MatrixXd a = Eigen::MatrixXd::Zero(n, n);
  Eigen::VectorXd b = Eigen::VectorXd::Zero(n);
  std::vector<std::int32_t> seen;
  for (Eigen::Index i = 0; i + 2 < n; ++i) {
    const auto at = static_cast<std::size_t>(i);
    Eigen::VectorXd row = Eigen::VectorXd::Zero(n);
    row[i] = 10.0 / (x[at + 1] - x[at]);
    row[i + 2] = 10.0 / (x[at + 2] - x[at + 1]);
    row[i + 1] = -row[i] - row[i + 2];
    a += smoothing * row * row.transpose();
  }
  for (std::size_t d = 0; d < test.days.size(); ++d) {
    if (!test.valid[d * n_pixels + pixel]) continue;
    const auto i = std::find(x.begin(), x.end(), test.days[d]) - x.begin();
    a(i, i) += 1;
    b[i] += test.samples[d * n_pixels + pixel];
    seen.push_back(test.days[d]);
  }
  if (seen.size() < 2) return std::vector<double>(test.targets.size(), b.sum());
  const Eigen::VectorXd z = a.ldlt().solve(b);
  std::vector<double> values;
  for (const std::int32_t target : test.targets)
    values.push_back(z[std::find(x.begin(), x.end(), std::clamp(target, seen.front(), seen.back())) - x.begin()]);
  return values;
}

TEST(Whittaker, SolvesItsNormalEquations) {
  for (const Case& test : cases()) {
    for (const float smoothing : {0.01f, 1.0f, 1000.0f}) {
      const auto got = filled(test, {FillMethod::whittaker, 30, smoothing});
      const auto n = static_cast<std::size_t>(test.pixels);
      for (std::size_t p = 0; p < n; p += 7) {
        const std::vector<double> expected = whittaker_of(test, p, static_cast<double>(smoothing));
        for (std::size_t t = 0; t < test.targets.size(); ++t)
          ASSERT_NEAR(got[t * n + p], expected[t], 0.51) << "target " << t << ", pixel " << p << ", smoothing " << smoothing;
      }
    }
  }
}

TEST(Whittaker, KeepsAStraightLineAndSmoothsNoise) {
  Case test;
  test.pixels = 1;
  for (int d = 0; d < 20; ++d) {
    test.days.push_back(7 * d);
    test.samples.push_back(static_cast<std::int16_t>(100 + 30 * d));
    test.valid.push_back(d % 3 != 2);
  }
  test.targets = test.days;
  EXPECT_EQ(filled(test, {FillMethod::whittaker, 30, 50}), test.samples);
  for (std::size_t d = 0; d < test.samples.size(); ++d) test.samples[d] = d % 2 ? 1100 : 900;
  test.valid.assign(20, 1);
  const auto smooth = filled(test, {FillMethod::whittaker, 30, 100});
  for (std::size_t d = 3; d < 17; ++d) EXPECT_NEAR(smooth[d], 1000, 15) << d;
}

TEST(GapFilling, NamesItsMethods) {
  EXPECT_EQ(fill_method("moving-average"), FillMethod::moving_average);
  EXPECT_THROW(fill_method("spline"), UserError);
}

std::vector<float> as_floats(const std::vector<Bfloat16>& packed) {
  std::vector<float> floats;
  for (const Bfloat16 number : packed) {
    const std::uint32_t bits = static_cast<std::uint32_t>(number.bits) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    floats.push_back(value);
  }
  return floats;
}

// Half way between two dates: bands are between integers, and an index is of those, rounded once.
TEST(GapFill, WhatIsComputedOnWithIsNotRounded) {
  const std::vector<std::int32_t> days = {0, 10}, targets = {5};
  const std::vector<std::int16_t> samples = {100, 200, 103, 205};  // B4 and B8 of both dates
  const std::vector<std::uint8_t> valid = {1, 1};
  std::vector<std::int16_t> filled(2), ndvi(1);
  std::vector<float> exact(2);
  gap_fill(Device{}, {1, 2, 2, 1, days.data(), targets.data(), samples.data(), valid.data(), filled.data(), exact.data()});
  EXPECT_EQ(filled, (std::vector<std::int16_t>{102, 203}));
  EXPECT_EQ(exact, (std::vector<float>{101.5f, 202.5f}));
  IndicesArgs args;
  args.pixels = 1, args.n_dates = 1, args.n_bands = 2, args.plan = plan_indices({"NDVI"}, {"B4", "B8"});
  args.exact = exact.data(), args.integers = ndvi.data();
  indices(Device{}, args);
  EXPECT_EQ(ndvi.front(), 332);  // 101 / 304; of rounded bands 101 / 305: 331
  // What models of format 1 learned from.
  gap_fill(
      Device{},
      {1, 2, 2, 1, days.data(), targets.data(), samples.data(), valid.data(), nullptr, exact.data(), {FillMethod::linear, 30, 1, true}});
  EXPECT_EQ(exact, (std::vector<float>{102, 203}));
}

TEST(Bfloat16, RoundsToNearestEvenAndKeepsWhatIsNotANumber) {
  const auto bits = [](float value) { return to_bfloat16(value).bits; };
  EXPECT_EQ(bits(1.0f), 0x3F80);
  EXPECT_EQ(bits(1.0f + 1.0f / 256), 0x3F80);  // a tie, to the even one below
  EXPECT_EQ(bits(1.0f + 3.0f / 256), 0x3F82);  // a tie, to the even one above
  EXPECT_EQ(bits(1.0f + 1.1f / 256), 0x3F81);
  EXPECT_EQ(bits(-std::numeric_limits<float>::infinity()), 0xFF80);
  EXPECT_EQ(bits(std::numeric_limits<float>::quiet_NaN()) & 0x7FC0, 0x7FC0);
}

// The fused operation, the composition for other methods and types, and pack on what gap_fill leaves, on one series.
TEST(Pack, AndTheCompositionAreWhatTheFusedOperationIs) {
  for (const int width : {0, 1, 128, 203}) {
    const Series series = random_series({width, 3, 8, 0.5, 0.03, true, 5});
    const HostSeries host(series);
    std::vector<std::int32_t> targets;
    for (std::int32_t day = 18600; day < 18600 + 50; day += 10) targets.push_back(day);
    PrepareRegularArgs args;
    args.series = host.view();
    args.n_targets = static_cast<int>(targets.size()), args.target_days = targets.data();
    args.indices = plan_indices({"NDVI", "GCVI = B8 / B3 - 1"}, series.bands);
    const std::vector<float> mean(12, 700.0f), inverse_std(12, 0.013f);
    args.mean = mean.data(), args.inverse_std = inverse_std.data();
    const std::int64_t n = host.view().pixels() * args.n_targets * args.n_features();
    Guarded<float> fused(n), composed(n);
    Guarded<Bfloat16> packed(n);
    Guarded<std::uint8_t> count(host.view().pixels());
    args.features = fused.data();
    prepare_regular(Device{}, args);
    args.features = nullptr, args.bfloat16 = packed.data(), args.count = count.data();
    prepare_regular(Device{}, args);
    std::vector<float> rounded;
    for (const float value : fused.values()) rounded.push_back(as_floats({to_bfloat16(value)}).front());
    EXPECT_EQ(as_floats(packed.values()), rounded) << width;
    // A window that reaches no acquisition leaves linear filling.
    args.features = composed.data(), args.bfloat16 = nullptr;
    args.filling = {FillMethod::moving_average, 1e-3f, 1};
    prepare_regular(Device{}, args);
    EXPECT_TRUE(composed.values() == fused.values()) << width;
    args.filling = {FillMethod::whittaker, 30, 5};
    prepare_regular(Device{}, args);
    EXPECT_EQ(composed.values() == fused.values(), width == 0);
    fused.expect_untouched_bands("fused"), composed.expect_untouched_bands("composed"), packed.expect_untouched_bands("packed");
  }
}

}  // namespace
}  // namespace millesime::testing
