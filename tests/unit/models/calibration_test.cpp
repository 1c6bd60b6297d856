#include "models/base/calibration.h"

#include <algorithm>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "pipeline/core/accuracy.h"

namespace millesime {
namespace {

// Of `distance` below the largest logit, as calibrated.
double scaled(double distance, double temperature, double sharpening) {
  const double u = distance / temperature;
  return u + sharpening * u * u;
}

// Logits that give, calibrated with these numbers, the probabilities that the targets were drawn with.
HeldOutLogits drawn(int n, double temperature, int per_group, std::uint64_t seed, double sharpening = 0) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(0, 1.5);
  HeldOutLogits out;
  out.n_classes = 4;
  for (int i = 0; i < n; ++i) {
    std::vector<double> logits(4), weights;
    for (double& l : logits) l = normal(random) * temperature;
    for (const double l : logits) weights.push_back(std::exp(-scaled(std::ranges::max(logits) - l, temperature, sharpening)));
    out.target.push_back(std::discrete_distribution<int>(weights.begin(), weights.end())(random));
    out.logits.insert(out.logits.end(), logits.begin(), logits.end());
    out.group.push_back(1000 - i / per_group);
  }
  return out;
}

double error_of(const HeldOutLogits& set, double temperature, double sharpening = 0) {
  Calibration calibration;
  for (std::size_t i = 0; i < set.target.size(); ++i) {
    const double* l = set.logits.data() + i * 4;
    const auto winner = std::max_element(l, l + 4) - l;
    double sum = 0;
    for (int k = 0; k < 4; ++k) sum += std::exp(-scaled(l[winner] - l[k], temperature, sharpening));
    calibration.add(1 / sum, winner == set.target[i]);
  }
  return calibration.expected_error();
}

TEST(Temperature, IsFoundWhereManyGroupsJudge) {
  for (const double truth : {0.6, 3.0}) {
    const auto choice = choose_calibration(drawn(3000, truth, 1, 1));
    EXPECT_NEAR(choice.temperature, truth, 0.1 * truth);
    EXPECT_GT(choice.error_before, 0.05);
    EXPECT_LT(choice.error, 0.03);
    const auto others = drawn(3000, truth, 1, 2);
    EXPECT_LT(error_of(others, choice.temperature, choice.sharpening), 0.03);
  }
}

// As with label smoothing: no temperature is right for both small and large distances.
TEST(Sharpening, IsFoundWhereATemperatureIsNotEnough) {
  const auto choice = choose_calibration(drawn(4000, 2.5, 1, 1, 0.8));
  EXPECT_NEAR(choice.temperature, 2.5, 0.6);
  EXPECT_GT(choice.sharpening, 0.3);
  EXPECT_LT(choice.error, 0.03);
  const auto others = drawn(4000, 2.5, 1, 2, 0.8);
  const double sharpened = error_of(others, choice.temperature, choice.sharpening);
  EXPECT_LT(sharpened, 0.02);
  double with_temperature = 1;
  for (double t = 0.5; t < 5; t += 0.05) with_temperature = std::min(with_temperature, error_of(others, t));
  EXPECT_GT(with_temperature, 1.5 * sharpened);
}

TEST(Sharpening, IsNoneWhereATemperatureIsEnough) {
  int sharpened = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) sharpened += choose_calibration(drawn(500, 1.7, 1, seed)).sharpening > 0;
  EXPECT_LE(sharpened, 4);
}

TEST(Temperature, StaysOneWhereTheLogitsAreRight) {
  int changed = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) changed += choose_calibration(drawn(200, 1, 1, seed)).temperature != 1;
  EXPECT_LE(changed, 4);  // 95 %
}

TEST(Temperature, FewGroupsAreNoReason) {
  EXPECT_NE(choose_calibration(drawn(2000, 3, 1, 5)).temperature, 1);
  EXPECT_EQ(choose_calibration(drawn(2000, 1.5, 1000, 5)).temperature, 1);  // two groups
  EXPECT_EQ(choose_calibration({4, {}, {}, {}}).temperature, 1);
}

TEST(Temperature, DoesNotRaiseTheCalibrationErrorOfSmallSetsOnOtherSamples) {
  double before = 0, after = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const double truth = seed % 2 ? 1.0 : 1.4;
    const auto choice = choose_calibration(drawn(60, truth, 1, seed));
    EXPECT_LE(choice.error, choice.error_before);
    const auto others = drawn(1000, truth, 1, seed + 1000);
    before += error_of(others, 1);
    after += error_of(others, choice.temperature, choice.sharpening);
  }
  EXPECT_LE(after, before);
}

// Four groups; the epoch that the first half (groups 0 and 2) chose knows their samples alone, and the other way round.
TEST(Calibration, WhatIsReportedIsOfTheEpochThatTheOtherHalfChose) {
  ModelSpec spec;
  spec.classes = {1, 2};
  HeldOutLogits held_out;
  held_out.n_classes = 2;
  held_out.chose_epoch = true;
  const std::vector<double> right{5, 0}, wrong{0, 5};
  const auto append = [](std::vector<double>& to, const std::vector<double>& from) { to.insert(to.end(), from.begin(), from.end()); };
  for (int i = 0; i < 8; ++i) {
    held_out.target.push_back(0);
    held_out.group.push_back(70 + i % 4);
    append(held_out.logits, right);
  }
  enter_calibration(spec, held_out);
  EXPECT_EQ(spec.metrics["held_out"]["accuracy"], 1.0);
  EXPECT_EQ(spec.metrics["held_out"]["chose_epoch"], true);
  const double temperature = spec.temperature;

  EXPECT_EQ(halves_of_groups(held_out.group), (std::vector<int>{0, 1, 0, 1, 0, 1, 0, 1}));
  for (std::size_t half : {0, 1})
    for (std::size_t i = 0; i < 8; ++i) append(held_out.crossed[half], i % 2 == half ? right : i < 6 ? wrong : right);
  enter_calibration(spec, held_out);
  EXPECT_EQ(spec.metrics["held_out"]["samples"], 8);
  EXPECT_EQ(spec.metrics["held_out"]["accuracy"], 0.25);  // the last two of them
  EXPECT_EQ(spec.metrics["held_out"]["chose_epoch"], false);
  EXPECT_GT(spec.metrics["held_out"]["calibration_error"].get<double>(), 0.5);
  EXPECT_EQ(spec.temperature, temperature);  // the model itself is calibrated by all
}

TEST(Calibration, ProbabilitiesAreThoseOfTheModel) {
  const auto p = calibrated_probabilities({1, 3, 0, 0}, 2, 2, 0.5);
  ASSERT_EQ(p.size(), 4u);
  EXPECT_NEAR(p[0], std::exp(-1.5) / (1 + std::exp(-1.5)), 1e-6);  // u = 1
  EXPECT_NEAR(p[0] + p[1], 1, 1e-6);
  EXPECT_EQ(p[2], 0.5F);
}

}  // namespace
}  // namespace millesime
