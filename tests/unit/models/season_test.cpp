#include "models/base/season.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

namespace millesime {
namespace {

TEST(Season, PowerUndoesOverconfidence) {
  // Probabilities (0.7, 0.3) that are said to be (0.7, 0.3)^3, normalised: the power is a third.
  std::mt19937 random(1);
  std::vector<float> said;
  std::vector<int> target;
  const double a = std::pow(0.7, 3), b = std::pow(0.3, 3);
  for (int i = 0; i < 20000; ++i) {
    said.insert(said.end(), {static_cast<float>(a / (a + b)), static_cast<float>(b / (a + b))});
    target.push_back(random() % 10 < 7 ? 0 : 1);
  }
  EXPECT_NEAR(best_power(said, 2, target), 1.0 / 3, 0.02);
  EXPECT_EQ(best_power({}, 2, {}), 1);
}

TEST(Season, CalibrationIsThatOfTheDay) {
  ModelFile model;
  EXPECT_FALSE(knows_early_maps(model));
  model.spec.metrics["season"] = {{"cut", 0.7}, {"powers", {{60, 0.5}, {120, 1.0}, {366, 2.0}}}};
  EXPECT_TRUE(knows_early_maps(model));
  const auto temperature_on = [&](int day) {
    ModelFile of_day = model;
    calibrate_for_day(of_day, day);
    return of_day.spec.temperature;
  };
  EXPECT_DOUBLE_EQ(temperature_on(30), 2) << "before the first day, as on it";
  EXPECT_DOUBLE_EQ(temperature_on(60), 2);
  EXPECT_DOUBLE_EQ(temperature_on(90), 1 / 0.75);
  EXPECT_DOUBLE_EQ(temperature_on(120), 1);
  EXPECT_DOUBLE_EQ(temperature_on(243), 1 / 1.5);
  EXPECT_DOUBLE_EQ(temperature_on(366), 0.5);
}

TEST(Season, HidesWhatIsLater) {
  ModelInput input;
  input.series.push_back({3, 1, {5, 6, 7, 8, 9, 10}, {1, 1, 1, 1, 0, 1}, {0, 89, 90, 20, 30, 40}});
  input.target = {0, 1}, input.group = {0, 1};
  const ModelInput known = known_on(input, 90);  // day 90 of the year is 31 March: 89 days after 1 January
  EXPECT_EQ(known.series[0].valid, (std::vector<std::uint8_t>{1, 1, 0, 1, 0, 1}));
  EXPECT_EQ(known.series[0].values, (std::vector<float>{5, 6, 0, 8, 9, 10}));
  input.series[0].calendar = {0, 10, 20, 89, 90, 91};  // with thermal time the days of the year decide
  EXPECT_EQ(known_on(input, 90).series[0].valid, (std::vector<std::uint8_t>{1, 1, 1, 1, 0, 0}));
  EXPECT_EQ(known_on(input.subset({1}), 90).series[0].valid, (std::vector<std::uint8_t>{1, 0, 0}));
}

}  // namespace
}  // namespace millesime
