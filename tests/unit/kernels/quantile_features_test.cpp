#include "kernels/ops/quantile_features.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "tests/support/guarded.h"

namespace millesime {
namespace {

using testing::Guarded;

std::vector<double> form_of(SeriesForm form, const std::vector<double>& x) {
  const int n = static_cast<int>(x.size());
  const auto at = [&](int t) { return x[static_cast<std::size_t>(t)]; };
  std::vector<double> made;
  if (form == SeriesForm::values) made = x;
  if (form == SeriesForm::first_difference)
    for (int t = 0; t < n - 1; ++t) {
      double sum = 0;
      for (int s = t - 2; s <= t + 2; ++s) sum += at(std::clamp(s, 0, n - 2) + 1) - at(std::clamp(s, 0, n - 2));
      made.push_back(sum / 5);
    }
  if (form == SeriesForm::second_difference)
    for (int t = 0; t < n - 2; ++t) made.push_back(at(t + 2) - 2 * at(t + 1) + at(t));
  if (form == SeriesForm::spectrum)
    for (int f = 0; f <= n / 2; ++f) {
      double real = 0, imaginary = 0;
      for (int t = 0; t < n; ++t)
        real += at(t) * std::cos(2 * std::numbers::pi * f * t / n), imaginary += at(t) * std::sin(2 * std::numbers::pi * f * t / n);
      made.push_back(std::hypot(real, imaginary));
    }
  return made;
}

double quantile(const std::vector<double>& sorted, double share) {
  const double along = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(along);
  return below + 1 < sorted.size() ? sorted[below] + (sorted[below + 1] - sorted[below]) * (along - static_cast<double>(below))
                                   : sorted.back();
}

TEST(QuantileFeatures, AreTheirContract) {
  for (const auto& [pixels, dates, channels] : {std::array{1, 1, 1}, std::array{3, 2, 2}, std::array{7, 23, 3}, std::array{2, 46, 1}}) {
    std::mt19937 random(5);
    std::vector<float> values(static_cast<std::size_t>(pixels * dates * channels));
    for (float& v : values) v = static_cast<float>(random() % 1000);
    const QuantilePlan plan = quantile_plan(dates, channels, 4000);
    const DeviceQuantilePlan on_device(plan, channels, Stream{Device{}});
    Guarded<float> out(std::int64_t{pixels} * channels * plan.features);
    QuantileFeaturesArgs args = on_device.args();
    args.pixels = pixels, args.values = values.data(), args.out = out.data();
    quantile_features(Device{}, args);
    out.expect_untouched_bands("features");
    const std::vector<float> found = out.values();
    for (int p = 0; p < pixels; ++p)
      for (int c = 0; c < channels; ++c) {
        std::vector<double> x;
        for (int t = 0; t < dates; ++t) x.push_back(static_cast<double>(values[static_cast<std::size_t>((p * dates + t) * channels + c)]));
        for (const QuantileInterval& interval : plan.intervals) {
          const auto made = form_of(static_cast<SeriesForm>(interval.form), x);
          ASSERT_LE(interval.first + interval.length, std::ssize(made));
          std::vector<double> sorted(made.begin() + interval.first, made.begin() + interval.first + interval.length);
          const double mean = std::accumulate(sorted.begin(), sorted.end(), 0.0) / static_cast<double>(sorted.size());
          std::ranges::sort(sorted);
          for (int q = 0; q < interval.quantiles; ++q) {
            const double share = interval.quantiles == 1 ? 0.5 : static_cast<double>(q) / (interval.quantiles - 1);
            const double expected = quantile(sorted, share) - (q % 2 == 1 ? mean : 0);
            ASSERT_NEAR(static_cast<double>(found[static_cast<std::size_t>((p * channels + c) * plan.features + interval.output + q)]),
                        expected, std::max(0.02, 1e-5 * std::abs(expected)))
                << dates << " dates, form " << interval.form << " from " << interval.first << " of " << interval.length;
          }
        }
      }
  }
}

TEST(QuantilePlan, HasIntervalsThatCoverTheSeriesAndFitTheForest) {
  const QuantilePlan plan = quantile_plan(46, 1, 4000);
  EXPECT_GT(plan.features, 450);  // six levels
  EXPECT_LT(plan.features, 550);
  int outputs = 0;
  std::vector<int> covered(46, 0);
  for (const QuantileInterval& interval : plan.intervals) {
    outputs += interval.quantiles;
    EXPECT_GE(interval.length, 1);
    for (int t = 0; t < interval.length && interval.form == 0; ++t) ++covered[static_cast<std::size_t>(interval.first + t)];
  }
  EXPECT_EQ(outputs, plan.features);
  for (const int n : covered) EXPECT_GE(n, 6);
  EXPECT_LE(quantile_plan(73, 10, 3840).features * 10, 3840);
  EXPECT_GT(quantile_plan(73, 10, 3840).features, 100);
  EXPECT_GT(quantile_plan(365, 100, 10).features, 0);  // one level at least
}

}  // namespace
}  // namespace millesime
