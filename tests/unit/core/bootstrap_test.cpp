// Intervals drawn by group.

#include "pipeline/core/bootstrap.h"

#include <cmath>

#include <gtest/gtest.h>

namespace millesime {
namespace {

// `groups` groups of class 1 and of class 2, `size` samples each; a share of the groups is wrong as a whole.
std::vector<Outcome> outcomes(int groups, int size, double wrong) {
  std::vector<Outcome> all;
  for (int label = 1; label <= 2; ++label)
    for (int g = 0; g < groups; ++g)
      for (int i = 0; i < size; ++i) all.push_back({label, g < wrong * groups ? 3 - label : label, label * 1000 + g});
  return all;
}

TEST(Bootstrap, WidthIsThatOfGroupsAndNotOfSamples) {
  const Interval alone = bootstrap_intervals(outcomes(100, 1, 0.2), 500, 1).overall;
  const Interval large = bootstrap_intervals(outcomes(100, 50, 0.2), 500, 1).overall;
  EXPECT_EQ(alone.low, large.low) << "fifty samples of a polygon know no more than one";
  EXPECT_EQ(alone.high, large.high);
  // 200 groups, 0.8 right: 1.96 standard errors of a binomial are 0.055.
  EXPECT_NEAR(alone.low, 0.8 - 0.055, 0.015);
  EXPECT_NEAR(alone.high, 0.8 + 0.055, 0.015);
  const Interval more = bootstrap_intervals(outcomes(400, 1, 0.2), 500, 1).overall;
  EXPECT_NEAR((more.high - more.low) / (alone.high - alone.low), 0.5, 0.1);
}

TEST(Bootstrap, FScoresHaveIntervalsWhereTheClassHasTwoGroups) {
  auto all = outcomes(20, 2, 0.25);
  all.push_back({3, 3, 5000});  // a lone polygon
  const AccuracyIntervals intervals = bootstrap_intervals(all, 200, 1);
  EXPECT_LT(intervals.f_score.at(1).low, intervals.f_score.at(1).high);
  EXPECT_TRUE(std::isnan(intervals.f_score.at(3).low));
  EXPECT_FALSE(std::isnan(intervals.macro_f.low));
}

TEST(Bootstrap, DependsOnTheSeedAlone) {
  const auto all = outcomes(15, 3, 0.4);
  const std::vector<Outcome> backwards(all.rbegin(), all.rend());
  EXPECT_EQ(bootstrap_intervals(all, 100, 7).macro_f.low, bootstrap_intervals(backwards, 100, 7).macro_f.low);
  EXPECT_TRUE(std::isnan(bootstrap_intervals({}, 100, 7).overall.low));
  EXPECT_TRUE(std::isnan(bootstrap_intervals({{1, 1, 1}, {2, 2, 1}}, 100, 7).overall.low)) << "nothing to draw from";
}

TEST(Bootstrap, DrawsGroupsOfAllClassesTogether) {
  // One class is always right, the other always wrong: drawn within each class, every draw would have the same accuracy.
  std::vector<Outcome> all;
  for (int group = 0; group < 200; ++group) all.push_back({1 + group % 2, 1, group});
  const AccuracyIntervals intervals = bootstrap_intervals(all, 500, 1);
  EXPECT_NEAR(intervals.overall.low, 0.5 - 0.069, 0.015);  // 1.96 standard errors of a binomial
  EXPECT_NEAR(intervals.overall.high, 0.5 + 0.069, 0.015);
}

}  // namespace
}  // namespace millesime
