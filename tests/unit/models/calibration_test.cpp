#include "models/base/calibration.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "pipeline/core/accuracy.h"

namespace millesime {
namespace {

// Logits that are `temperature` times as large as those that the targets were drawn from.
HeldOutLogits drawn(int n, double temperature, int per_group, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(0, 1.5);
  HeldOutLogits out;
  out.n_classes = 4;
  for (int i = 0; i < n; ++i) {
    std::vector<double> logits(4), weights;
    for (double& l : logits) weights.push_back(std::exp(l = normal(random)));
    out.target.push_back(std::discrete_distribution<int>(weights.begin(), weights.end())(random));
    for (const double l : logits) out.logits.push_back(l * temperature);
    out.group.push_back(1000 - i / per_group);
  }
  return out;
}

double error_of(const HeldOutLogits& set, double temperature) {
  Calibration calibration;
  for (std::size_t i = 0; i < set.target.size(); ++i) {
    const double* l = set.logits.data() + i * 4;
    double sum = 0;
    for (int k = 0; k < 4; ++k) sum += std::exp(l[k] / temperature);
    const auto winner = std::max_element(l, l + 4) - l;
    calibration.add(std::exp(l[winner] / temperature) / sum, winner == set.target[i]);
  }
  return calibration.expected_error();
}

TEST(Temperature, IsFoundWhereManyGroupsJudge) {
  for (const double truth : {0.6, 3.0}) {
    const auto choice = choose_temperature(drawn(3000, truth, 1, 1));
    EXPECT_NEAR(choice.temperature, truth, 0.1 * truth);
    EXPECT_GT(choice.error_before, 0.05);
    EXPECT_LT(choice.error, 0.03);
    const auto others = drawn(3000, truth, 1, 2);
    EXPECT_LT(error_of(others, choice.temperature), 0.03);
  }
}

TEST(Temperature, StaysOneWhereTheLogitsAreRight) {
  int changed = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) changed += choose_temperature(drawn(200, 1, 1, seed)).temperature != 1;
  EXPECT_LE(changed, 4);  // 95 %
}

TEST(Temperature, FewGroupsAreNoReason) {
  EXPECT_NE(choose_temperature(drawn(2000, 3, 1, 5)).temperature, 1);
  EXPECT_EQ(choose_temperature(drawn(2000, 1.5, 1000, 5)).temperature, 1);  // two groups
  EXPECT_EQ(choose_temperature({4, {}, {}, {}}).temperature, 1);
}

TEST(Temperature, DoesNotRaiseTheCalibrationErrorOfSmallSetsOnOtherSamples) {
  double before = 0, after = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const double truth = seed % 2 ? 1.0 : 1.4;
    const auto choice = choose_temperature(drawn(60, truth, 1, seed));
    EXPECT_LE(choice.error, choice.error_before);
    const auto others = drawn(1000, truth, 1, seed + 1000);
    before += error_of(others, 1);
    after += error_of(others, choice.temperature);
  }
  EXPECT_LE(after, before);
}

}  // namespace
}  // namespace millesime
