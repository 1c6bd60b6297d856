// blend and map_values; thermal_time.

#include <cmath>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/ops/blend.h"
#include "kernels/ops/map_values.h"
#include "kernels/ops/thermal_time.h"
#include "tests/support/guarded.h"

namespace millesime::testing {
namespace {

using Bytes = std::vector<std::uint8_t>;

TEST(Blend, WeightedMeanOfModelsThatKnowDifferentClasses) {
  // two models, three pixels, three classes of the map; the last pixel has no weight, the second no valid date
  const std::vector<float> one = {0.8f, 0.2f, 0.5f, 0.5f, 0.9f, 0.1f}, other = {0.2f, 0.8f, 0.1f, 0.9f, 0.3f, 0.7f};
  const std::vector<float> weights = {3, 0, 0, 1, 2, 0};
  const std::vector<std::int16_t> of_one = {0, 1, -1}, of_other = {1, -1, 0};
  const Bytes count = {5, 0, 5};
  Guarded<float> mean(9), sums(3);
  Guarded<std::uint8_t> decidable(3);
  BlendArgs args;
  args.pixels = 3, args.n_classes = 3, args.model_classes = 2, args.mean = mean.data(), args.weight_sums = sums.data();
  args.probabilities = one.data(), args.column = of_one.data(), args.weights = weights.data(), args.last = false;
  blend(Device{}, args);
  args.probabilities = other.data(), args.column = of_other.data(), args.weights = weights.data() + 3, args.first = false, args.last = true;
  args.count = count.data(), args.decidable = decidable.data();
  blend(Device{}, args);
  mean.expect_untouched_bands("blend"), sums.expect_untouched_bands("blend"), decidable.expect_untouched_bands("blend");
  const std::vector<float> expected = {(3 * 0.8f + 0.8f) / 4, 0.9f, 0, 3 * 0.2f / 4, 0, 0, 0.2f / 4, 0.1f, 0};  // [class][pixel]
  for (std::size_t i = 0; i < 9; ++i) EXPECT_NEAR(mean.values()[i], expected[i], 1e-6f) << i;
  EXPECT_EQ(Bytes(decidable.data(), decidable.data() + 3), (Bytes{1, 0, 0}));
}

TEST(Blend, MembersOfOneModelNeedNoPlanes) {
  const std::vector<float> one = {0.5f, 0.5f, 0.9f, 0.1f}, other = {0.8f, 0.2f, 0.3f, 0.7f};
  Guarded<float> mean(4);
  BlendArgs args;
  args.pixels = 4, args.n_classes = args.model_classes = 1, args.mean = mean.data();
  args.probabilities = one.data(), args.weight = args.weight_sum = 0.25f, args.last = false;
  blend(Device{}, args);
  args.probabilities = other.data(), args.weight = 0.5f, args.weight_sum = 0.75f, args.first = false, args.last = true;
  blend(Device{}, args);
  const std::vector<float> expected = {0.525f / 0.75f, 0.225f / 0.75f, 0.375f / 0.75f, 0.375f / 0.75f};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(mean.values()[i], expected[i], 1e-6f) << i;
}

// Pixels: an inner window of two of four, three classes in two groups.
TEST(MapValues, OfAWindowWithinALargerOne) {
  const std::vector<float> probabilities = {9, 0.53f, 0.2f, 9, 9, 0.27f, 0.41f, 9, 9, 0.2f, 0.39f, 9};  // [class][row][col]
  const Bytes decidable = {1, 1, 7, 1}, count = {1, 3, 200, 1};
  const std::vector<std::uint16_t> codes = {11, 300, 12}, groups = {10, 300, 10};
  Guarded<std::uint8_t> place(2), confidence(2), validity(2);
  Guarded<std::uint16_t> shares(6), level1(2), deepest(2);
  Guarded<float> exact(6);
  MapValuesArgs args;
  args.cols = 4, args.rows = 1, args.first_col = 1, args.inner_cols = 2, args.inner_rows = 1, args.n_classes = 3;
  args.probabilities = probabilities.data(), args.decidable = decidable.data(), args.count = count.data();
  args.place = place.data(), args.confidence = confidence.data(), args.validity = validity.data();
  args.shares = shares.data(), args.exact = exact.data(), args.codes = codes.data(), args.groups = groups.data();
  args.level1 = level1.data(), args.deepest = deepest.data(), args.level_confidence = 0.5f;
  map_values(Device{}, args);
  const auto two = [](auto& of) { return std::vector<int>(of.data(), of.data() + 2); };
  EXPECT_EQ(two(place), (std::vector<int>{1, 2}));
  EXPECT_EQ(two(confidence), (std::vector<int>{52, 41})) << "of the float32 product 0.53 x 100";
  EXPECT_EQ(two(validity), (std::vector<int>{3, 200}));
  EXPECT_EQ(std::vector<int>(shares.data(), shares.data() + 6), (std::vector<int>{530, 200, 270, 410, 200, 390}));
  EXPECT_EQ(two(level1), (std::vector<int>{10, 10})) << "0.73; 0.59, though the winner is of another group";
  EXPECT_EQ(two(deepest), (std::vector<int>{11, 10}));
  for (const auto* bytes : {&place, &confidence, &validity}) bytes->expect_untouched_bands("map_values");
  shares.expect_untouched_bands("map_values"), exact.expect_untouched_bands("map_values");

  args.smoothed = true;
  map_values(Device{}, args);
  const auto sharp = [](double p) { return p * std::pow(p, 0.125); };
  const double sum = sharp(0.53) + sharp(0.27) + sharp(0.2);
  EXPECT_NEAR(exact.data()[0], sharp(0.53) / sum, 1e-6);
  EXPECT_NEAR(exact.data()[4], sharp(0.2) / sum, 1e-6);

  const Bytes none(4, 0);
  args.decidable = none.data();
  map_values(Device{}, args);
  EXPECT_EQ(two(place), (std::vector<int>{0, 0}));
  EXPECT_EQ(two(confidence), (std::vector<int>{0, 0}));
  EXPECT_EQ(two(validity), (std::vector<int>{3, 200})) << "it was observed";
  EXPECT_EQ(two(deepest), (std::vector<int>{0, 0}));
  EXPECT_EQ(exact.data()[0], 0);
}

// Not finite, a tie, no probability at all: the first class wins, or none.
TEST(MapValues, OddProbabilities) {
  const float nan = std::nanf("");
  const std::vector<float> probabilities = {nan, 0.5f, 0, nan, 0.2f, 0.5f, 0, nan};  // [class][pixel]
  const Bytes all = {1, 1, 1, 1};
  Bytes place(4), confidence(4), validity(4);
  MapValuesArgs args;
  args.cols = args.inner_cols = 4, args.rows = args.inner_rows = 1, args.n_classes = 2;
  args.probabilities = probabilities.data(), args.decidable = args.count = all.data();
  args.place = place.data(), args.confidence = confidence.data(), args.validity = validity.data();
  map_values(Device{}, args);
  EXPECT_EQ(place, (Bytes{2, 1, 1, 0}));
  EXPECT_EQ(confidence, (Bytes{20, 50, 0, 0}));
}

// Two pixels, days from 30 December on, 1 January is the third; deg C x 100.
TEST(ThermalTime, DegreesAboveTheBaseSinceNewYear) {
  const std::vector<std::int16_t> temperature = {1000, 200, 700, 200, 600, 200, 400, 1700, 1500, 900};  // [day][pixel]
  std::vector<std::uint8_t> known(10, 1);
  const std::vector<ThermalSum> sums = {{0, 2, 1}, {2, 2, 0}, {2, 4, 0}, {2, 5, 0}};  // 30 December, 1, 3 and 4 January
  std::vector<std::uint8_t> valid(8, 1);
  Guarded<float> positions(8);
  std::int32_t lacking = 0;
  ThermalTimeArgs args;
  args.pixels = args.day_stride = 2, args.n_days = 5, args.n_dates = 4, args.temperature = temperature.data(), args.known = known.data();
  args.sums = sums.data(), args.base = 5, args.per_day = 2, args.valid = valid.data(), args.positions = positions.data();
  args.lacking = &lacking;
  thermal_time(Device{}, args);
  EXPECT_EQ(positions.values(), (std::vector<float>{-3.5f, 0, 0.5f, 5.5f, 0, 0, 6, 8}));
  EXPECT_EQ(lacking, 0);
  known[6] = 0;  // 2 January at the first pixel, which 3 and 4 January need, and 1 January does not
  valid = {1, 1, 0, 0, 1, 1, 1, 1};
  thermal_time(Device{}, args);
  EXPECT_EQ(lacking, 0) << "nothing was observed there on those days";
  valid[3] = 1;
  thermal_time(Device{}, args);
  EXPECT_EQ(lacking, 3 - 5);
  known[0] = 0;  // 30 December, earlier
  args.valid = nullptr;
  thermal_time(Device{}, args);
  EXPECT_EQ(lacking, 0 - 5);
  positions.expect_untouched_bands("thermal_time");
}

}  // namespace
}  // namespace millesime::testing
