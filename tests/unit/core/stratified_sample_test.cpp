#include "pipeline/core/stratified_sample.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/chance.h"
#include "pipeline/core/error.h"
#include "tests/support/message_of.h"

namespace millesime {
namespace {

// The worked example of Stehman 2014, section 3: ten pixels of each of four strata, which are not the classes of the map.
TEST(StratifiedSample, GivesTheNumbersOfThePaper) {
  const std::string map = "AAAAAAABBBABBBBBBBBBBBCCCCCCBBDDDDDDDDDD", ground = "AAAAACBABCABBBBBAABBCCCCCDDBBADDDDDDDCCB";
  const std::vector<Stratum> strata{{1, 40000, 40000}, {2, 30000, 30000}, {3, 20000, 20000}, {4, 10000, 10000}};
  std::vector<JudgedPoint> points;
  for (std::size_t i = 0; i < map.size(); ++i) points.push_back({static_cast<int>(i / 10), map[i], ground[i]});
  const AreaAccuracy result = estimate(strata, points);
  EXPECT_NEAR(result.overall.value, 0.63, 5e-4);
  EXPECT_NEAR(result.overall.standard_error, 0.085, 5e-4);
  const AreaEstimate &a = result.classes.at(0), &b = result.classes.at(1), &c = result.classes.at(2);
  EXPECT_EQ(b.code, 'B');
  EXPECT_NEAR(b.users.value, 0.574, 5e-4);
  EXPECT_NEAR(b.users.standard_error, 0.125, 5e-4);
  EXPECT_NEAR(b.producers.value, 0.794, 5e-4);
  EXPECT_NEAR(b.producers.standard_error, 0.1165, 5e-4);
  EXPECT_NEAR(a.area.value / 100000, 0.35, 5e-4);
  EXPECT_NEAR(a.area.standard_error / 100000, 0.082, 5e-4);
  EXPECT_NEAR(c.area.value / 100000, 0.20, 5e-4);
  EXPECT_NEAR(c.area.standard_error / 100000, 0.064, 5e-4);
}

// With the classes as strata it is what Olofsson et al. 2014 compute from the matrix, but for the points that are a part of the population.
TEST(StratifiedSample, OfTheMapsClassesIsTheAdjustmentOfTheirMatrix) {
  const std::vector<Stratum> strata{{1, 1000000, 2000}, {2, 1000000, 6000}};
  std::vector<JudgedPoint> points;
  ConfusionMatrix matrix;
  for (int i = 0; i < 100; ++i) {
    const int produced = 1 + i % 2, reference = i % 10 == 0 ? 3 - produced : produced;
    points.push_back({i % 2, produced, reference});
    matrix.add(reference, produced);
  }
  const AreaAccuracy ours = estimate(strata, points), theirs = adjust_areas(matrix, {{1, 2000}, {2, 6000}});
  const auto expect_same = [](const Estimate& one, const Estimate& other) {
    EXPECT_NEAR(one.value, other.value, 1e-9 * other.value);
    EXPECT_NEAR(one.standard_error, other.standard_error, 1e-4 * other.standard_error);
  };
  expect_same(ours.overall, theirs.overall);
  for (std::size_t k = 0; k < 2; ++k) {
    expect_same(ours.classes[k].area, theirs.classes[k].area);
    expect_same(ours.classes[k].users, theirs.classes[k].users);
    expect_same(ours.classes[k].producers, theirs.classes[k].producers);
    EXPECT_DOUBLE_EQ(ours.classes[k].mapped_area, theirs.classes[k].mapped_area);
  }
}

// 95 % intervals hold the truth in 93 to 97 % of 500 samples.
TEST(StratifiedSample, IntervalsHoldTheTruthAsOftenAsTheySay) {
  const std::vector<std::vector<double>> share{{0.85, 0.10, 0.05}, {0.08, 0.86, 0.06}, {0.10, 0.20, 0.70}};  // of stratum h on the ground
  std::vector<Stratum> strata{{1, 600000, 60000, 0.8}, {2, 300000, 30000, 0.8}, {3, 100000, 10000, 0.7}};
  allocate(strata, points_for(strata, 0.0125), Allocation::olofsson, 200);
  double overall = 0;
  std::vector<double> area(3, 0), right(3, 0);
  for (std::size_t h = 0; h < 3; ++h) {
    overall += strata[h].hectares * share[h][h] / 100000;
    right[h] = strata[h].hectares * share[h][h];
    for (std::size_t k = 0; k < 3; ++k) area[k] += strata[h].hectares * share[h][k];
  }
  std::mt19937_64 random(1);
  constexpr int kDraws = 500;
  std::vector<int> held(10, 0);
  for (int d = 0; d < kDraws; ++d) {
    std::vector<JudgedPoint> points;
    for (int h = 0; h < 3; ++h)
      for (std::int64_t i = 0; i < strata[static_cast<std::size_t>(h)].points; ++i) {
        const double u = uniform(random);
        const auto& s = share[static_cast<std::size_t>(h)];
        points.push_back({h, h + 1, u < s[0] ? 1 : u < s[0] + s[1] ? 2 : 3});
      }
    const AreaAccuracy result = estimate(strata, points);
    const auto count = [&](int i, const Estimate& e, double truth) {
      held[static_cast<std::size_t>(i)] += std::abs(e.value - truth) <= e.half_width();
    };
    count(0, result.overall, overall);
    for (int k = 0; k < 3; ++k) {
      const auto at = static_cast<std::size_t>(k);
      count(1 + k, result.classes[at].area, area[at]);
      count(4 + k, result.classes[at].users, share[at][at]);
      count(7 + k, result.classes[at].producers, right[at] / area[at]);
    }
  }
  for (std::size_t i = 0; i < held.size(); ++i) {
    EXPECT_GE(held[i], 0.93 * kDraws) << i;
    EXPECT_LE(held[i], 0.97 * kDraws) << i;
  }
}

// Blocks of which some are cut by the edge of the map, where it is wrong more often: 500 samples of 150 blocks from two strata.
TEST(StratifiedSample, UnitsOfDifferentSizeCountByTheirSize) {
  struct Block {
    int produced, reference;
    double size;
  };
  std::mt19937_64 random(3);
  std::vector<std::vector<Block>> blocks(2);
  std::vector<Stratum> strata{{1, 3000, 0}, {2, 1000, 0}};
  double right = 0, all = 0, ground = 0, users = 0;
  for (int h = 0; h < 2; ++h)
    for (std::int64_t i = 0; i < strata[static_cast<std::size_t>(h)].units; ++i) {
      const double size = uniform(random) < 0.3 ? 1 + static_cast<double>(below(random, 3)) : 4;
      const bool is_right = uniform(random) < (size < 4 ? 0.5 : 0.9);
      blocks[static_cast<std::size_t>(h)].push_back({h + 1, is_right ? h + 1 : 2 - h, size});
      strata[static_cast<std::size_t>(h)].hectares += size;
      all += size, right += is_right * size, ground += (blocks[static_cast<std::size_t>(h)].back().reference == 1) * size;
      users += h == 0 && is_right ? size : 0;
    }
  users /= strata[0].hectares;
  std::vector<int> held(3, 0);
  double mean = 0, as_points = 0;
  constexpr int kDraws = 500;
  for (int d = 0; d < kDraws; ++d) {
    std::vector<JudgedPoint> points;
    for (int h = 0; h < 2; ++h) {
      auto& of_stratum = blocks[static_cast<std::size_t>(h)];
      shuffle(of_stratum, random);
      for (std::size_t i = 0; i < (h == 0 ? 100 : 50); ++i)
        points.push_back({h, of_stratum[i].produced, of_stratum[i].reference, 1, 0, of_stratum[i].size});
    }
    const AreaAccuracy result = estimate(strata, points);
    held[0] += std::abs(result.overall.value - right / all) <= result.overall.half_width();
    held[1] += std::abs(result.classes.at(0).area.value - ground) <= result.classes[0].area.half_width();
    held[2] += std::abs(result.classes.at(0).users.value - users) <= result.classes[0].users.half_width();
    mean += result.overall.value / kDraws;
    const std::vector<double> hectares = represented_hectares(strata, points);
    double together = 0, of_right = 0;
    for (std::size_t i = 0; i < points.size(); ++i)
      together += hectares[i], of_right += points[i].produced == points[i].reference ? hectares[i] : 0;
    EXPECT_NEAR(together, all, 1e-6);
    EXPECT_NEAR(of_right / together, result.overall.value, 1e-9);
    for (JudgedPoint& point : points) point.size = 1;
    as_points += estimate(strata, points).overall.value / kDraws;
  }
  for (std::size_t i = 0; i < held.size(); ++i) EXPECT_GE(held[i], 0.92 * kDraws) << i;
  EXPECT_NEAR(mean, right / all, 0.003);
  EXPECT_LT(as_points, right / all - 0.02) << "blocks at the edge count too much";
}

// Two classes in 3000 clusters of 50 to 400 pixels, whose errors have much in common: 500 samples of 120 clusters with 10 points each.
TEST(ClusterSample, IntervalsHoldTheTruthAsOftenAsTheySay) {
  struct Cluster {
    std::int64_t until = 0;  // pixels of the clusters up to this one
    double mapped = 0;       // share of the map's class 1
    double right[2] = {};    // share of the pixels of each class of the map
  };
  std::mt19937_64 random(3);
  std::vector<Cluster> clusters;
  double pixels = 0, mapped[2] = {}, right[2] = {};
  for (int c = 0; c < 3000; ++c) {
    const auto size = static_cast<double>(50 + below(random, 351));
    const double kind = uniform(random);
    Cluster cluster{0, 0.1 + 0.5 * kind, {uniform(random) < 0.2 ? 0.4 : 0.95, 0.6 + 0.4 * kind}};
    pixels += size;
    cluster.until = static_cast<std::int64_t>(pixels);
    const double of_class[] = {1 - cluster.mapped, cluster.mapped};
    for (int k = 0; k < 2; ++k) mapped[k] += size * of_class[k], right[k] += size * of_class[k] * cluster.right[k];
    clusters.push_back(cluster);
  }
  const double ground = (right[1] + mapped[0] - right[0]) / pixels;  // of class 1
  constexpr int kDraws = 500;
  int held[4] = {}, held_as_points = 0;
  for (int d = 0; d < kDraws; ++d) {
    std::vector<JudgedPoint> points;
    for (std::int64_t draw = 0; draw < 120; ++draw) {
      const auto pixel = static_cast<std::int64_t>(below(random, static_cast<std::uint64_t>(pixels)));
      const Cluster& cluster = *std::ranges::upper_bound(clusters, pixel, {}, &Cluster::until);
      for (int i = 0; i < 10; ++i) {
        const int produced = uniform(random) < cluster.mapped;
        const int reference = uniform(random) < cluster.right[produced] ? produced : 1 - produced;
        points.push_back({0, produced + 1, reference + 1, 1, draw});
      }
    }
    const AreaAccuracy result = estimate_clusters(pixels, points);
    const auto holds = [](const Estimate& e, double truth) { return std::abs(e.value - truth) <= e.half_width(); };
    held[0] += holds(result.overall, (right[0] + right[1]) / pixels);
    held[1] += holds(result.classes.at(1).area, ground * pixels);
    held[2] += holds(result.classes.at(1).users, right[1] / mapped[1]);
    held[3] += holds(result.classes.at(0).producers, right[0] / (pixels * (1 - ground)));
    held_as_points += holds(estimate({{0, static_cast<std::int64_t>(pixels), pixels}}, points).overall, (right[0] + right[1]) / pixels);
  }
  for (const int n : held) {
    EXPECT_GE(n, 0.93 * kDraws);
    EXPECT_LE(n, 0.97 * kDraws);
  }
  EXPECT_LT(held_as_points, 0.88 * kDraws);  // what the points would say if they were drawn one by one
}

TEST(ClusterSample, IsTheMeanOfItsDraws) {
  // Right in 2 of 2, 1 of 2 and 0 of 1 points of three draws.
  const std::vector<JudgedPoint> points{{0, 1, 1, 2, 1}, {0, 1, 1, 1, 2}, {0, 1, 2, 1, 2}, {0, 2, 1, 1, 3}};
  const AreaAccuracy result = estimate_clusters(300, points);
  EXPECT_DOUBLE_EQ(result.overall.value, 0.5);
  EXPECT_NEAR(result.overall.standard_error, std::sqrt(0.5 / 2 / 3), 1e-12);
  EXPECT_DOUBLE_EQ(result.classes.at(0).area.value, 250);
  EXPECT_DOUBLE_EQ(result.classes.at(0).mapped_area, 200);
  EXPECT_DOUBLE_EQ(result.classes.at(0).users.value, 0.75);
  EXPECT_NEAR(result.classes.at(0).users.standard_error, std::sqrt((0.0625 + 0.0625) / 2 / 3) / (2.0 / 3), 1e-12);
  EXPECT_THAT(testing::message_of([&] { estimate_clusters(300, {points[0]}); }), ::testing::HasSubstr("of 1 cluster"));
  EXPECT_EQ(clusters_for(0.8, 0.011, 10, 0), 133);
  EXPECT_EQ(clusters_for(0.8, 0.011, 10, 0.1), 252);
  EXPECT_EQ(clusters_for(0.8, 0.1, 10, 0.1), kFewestClusters);
}

// Olofsson et al. 2014, section 5.1: 641 points for an error of 0.01.
TEST(StratifiedSample, HasTheSizeThatAPrecisionNeeds) {
  std::vector<Stratum> strata{{1, 200000, 2, 0.7}, {2, 150000, 1.5, 0.6}, {3, 3200000, 32, 0.9}, {4, 6450000, 64.5, 0.95}};
  EXPECT_EQ(points_for(strata, 0.01), 641);
  const auto points = [&](Allocation rule, std::int64_t least) {
    allocate(strata, 640, rule, least);
    std::vector<std::int64_t> list;
    for (const Stratum& stratum : strata) list.push_back(stratum.points);
    return list;
  };
  EXPECT_THAT(points(Allocation::equal, 0), ::testing::ElementsAre(160, 160, 160, 160));
  EXPECT_THAT(points(Allocation::proportional, 0), ::testing::ElementsAre(13, 9, 205, 413))
      << "640 in all: the smallest fraction is cut off";
  EXPECT_THAT(points(Allocation::olofsson, 75), ::testing::ElementsAre(75, 75, 162, 328));
  strata[1].units = 40;
  EXPECT_THAT(points(Allocation::olofsson, 75), ::testing::ElementsAre(75, 40, 174, 351))
      << "what a small stratum leaves goes to the others";
  for (Stratum& stratum : strata) stratum.units = 100;
  EXPECT_THAT(points(Allocation::proportional, 0), ::testing::ElementsAre(100, 100, 100, 100)) << "there are no more";
}

// Where the rule is not Neyman's, and where `least` takes the points of a class that covers most of the map.
TEST(StratifiedSample, EveryAllocationReachesThePrecision) {
  const std::vector<Stratum> strata{{1, 9'500'000, 95000, 0.8}, {2, 200'000, 2000, 0.8}, {3, 200'000, 2000, 0.8}, {4, 100'000, 1000, 0.8}};
  for (const Allocation rule : {Allocation::olofsson, Allocation::proportional, Allocation::equal, Allocation::neyman}) {
    std::vector<Stratum> drawn = strata;
    allocate_for(drawn, 0.02, rule, 100);
    EXPECT_LE(expected_error(drawn), 0.02);
    EXPECT_GT(expected_error(drawn), 0.0198) << "no more points than it needs";
  }
  std::vector<Stratum> few = strata;
  allocate(few, points_for(few, 0.02), Allocation::olofsson, 100);
  EXPECT_GT(expected_error(few), 0.035) << "the size of Neyman's allocation";
  std::vector<Stratum> all{{1, 30, 1, 0.5}};
  allocate_for(all, 1e-9, Allocation::equal, 2);
  EXPECT_EQ(all[0].points, 30);
}

// The map has lost the class of some places since the sample was drawn.
TEST(StratifiedSample, PlacesWithoutAClassAreNoPartOfTheMap) {
  const AreaAccuracy result = estimate({{1, 1000, 30}, {2, 1000, 70}}, {{0, 1, 1}, {0, 1, 2}, {0, 0, 1}, {1, 2, 2}, {1, 2, 2}, {1, 0, 2}});
  EXPECT_NEAR(result.covered_share, 2.0 / 3, 1e-12);
  EXPECT_NEAR(result.overall.value, 0.3 * 0.5 + 0.7, 1e-12);
  ASSERT_EQ(result.classes.size(), 2u);
  EXPECT_NEAR(result.classes[0].area.value + result.classes[1].area.value, 100 * 2.0 / 3, 1e-9);
}

// 50 of 50 points right: Wilson's interval, 92.9 to 100 %. No interval where every pixel was looked at.
TEST(StratifiedSample, NoSpreadIsNoCertainty) {
  std::vector<JudgedPoint> points{{1, 2, 2, 30}, {1, 2, 1, 20}};
  points.push_back({0, 1, 1, 50});
  const AreaAccuracy result = estimate({{1, 100000, 900}, {2, 100000, 100}}, points);
  const Estimate& users = result.classes.at(0).users;
  EXPECT_EQ(users.value, 1);
  EXPECT_NEAR(users.low, 50 / (50 + 1.96 * 1.96), 1e-4);
  EXPECT_DOUBLE_EQ(users.high, 1);
  EXPECT_TRUE(std::isnan(result.overall.low));
  EXPECT_TRUE(std::isnan(estimate({{1, 50, 900}}, {{0, 1, 1, 50}}).overall.low));
  const AreaAccuracy none = estimate({{1, 100000, 900}}, {{0, 1, 2, 50}});
  EXPECT_EQ(none.classes.at(0).area.value, 0);
  EXPECT_NEAR(none.classes.at(0).area.high, 900 * 1.96 * 1.96 / (50 + 1.96 * 1.96), 0.1);
  std::vector<JudgedPoint> clusters;
  for (int cluster = 0; cluster < 20; ++cluster) clusters.push_back({0, 1, 1, 10, cluster});
  EXPECT_NEAR(estimate_clusters(900, clusters).overall.low, 20 / (20 + 1.96 * 1.96), 1e-9);
}

// Without an error the interval is about as wide as with one, and not that of a sample without strata.
TEST(StratifiedSample, NoErrorIsAboutAsUncertainAsOne) {
  const std::vector<Stratum> strata{{1, 1000000, 500}, {2, 1000000, 500}};
  const auto of = [&](std::int64_t wrong) { return estimate(strata, {{0, 1, 1, 30 - wrong}, {0, 1, 2, wrong}, {1, 2, 2, 30}}); };
  const AreaAccuracy none = of(0), one = of(1);
  for (const auto& [without, with] : {std::pair{none.classes[0].area, one.classes[0].area},
                                      {none.classes[1].area, one.classes[1].area},
                                      {none.classes[1].producers, one.classes[1].producers},
                                      {none.overall, one.overall}}) {
    EXPECT_FALSE(std::isnan(without.low));
    EXPECT_LT(without.low, without.value + 1e-9);
    const double width = without.most() - without.least(), width_of_one = with.most() - with.least();
    EXPECT_GT(width, 0.5 * width_of_one);
    EXPECT_LT(width, 1.8 * width_of_one);
  }
  EXPECT_NEAR(none.overall.low, 60 / (60 + 1.96 * 1.96), 1e-5) << "points of equal weights: as without strata";
  // What the points of a large stratum leave open cannot be told by many points of a small one.
  const AreaAccuracy uneven = estimate({{1, 1000000, 990}, {2, 1000000, 10}}, {{0, 1, 1, 10}, {1, 2, 2, 1000}});
  EXPECT_NEAR(uneven.overall.low, 1 - 0.99 * 1.96 * 1.96 / (10 + 1.96 * 1.96), 0.005);
  EXPECT_NEAR(uneven.classes[0].users.low, 10 / (10 + 1.96 * 1.96), 1e-5);
  EXPECT_LT(uneven.classes[1].producers.low, 0.1) << "a rare class may hide in the large stratum";
}

// 500 samples of a map of which 99 % are right in each stratum: the truth lies in 93 % or more of the 95 % intervals.
TEST(StratifiedSample, IntervalsOfFewErrorsHoldTheTruth) {
  const std::vector<Stratum> strata{{1, 100000000, 600}, {2, 100000000, 300}, {3, 100000000, 100}};
  const std::vector<int> others{2, 1, 1};  // of wrong points
  const double truth = 600 * 0.99 + 400 * 0.01;
  std::mt19937_64 random(11);
  for (const std::int64_t n : {50, 100, 200}) {
    int overall = 0, area = 0, without_error = 0;
    for (int draw = 0; draw < 500; ++draw) {
      std::vector<JudgedPoint> points;
      std::int64_t all_wrong = 0;
      for (int h = 0; h < 3; ++h) {
        const auto of_stratum = static_cast<std::int64_t>(static_cast<double>(n) * strata[static_cast<std::size_t>(h)].hectares / 1000);
        const std::int64_t wrong = std::binomial_distribution<std::int64_t>(of_stratum, 0.01)(random);
        points.push_back({h, h + 1, h + 1, of_stratum - wrong});
        if (wrong > 0) points.push_back({h, h + 1, others[static_cast<std::size_t>(h)], wrong});
        all_wrong += wrong;
      }
      const AreaAccuracy result = estimate(strata, points);
      without_error += all_wrong == 0;
      overall += result.overall.least() <= 0.99 && 0.99 <= result.overall.most();
      area += result.classes[0].area.least() <= truth && truth <= result.classes[0].area.most();
    }
    EXPECT_GE(overall, 465) << n;
    EXPECT_GE(area, 465) << n;
    EXPECT_GT(without_error, 0) << n;
  }
}

TEST(StratifiedSample, NeedsTwoPointsOfAStratum) {
  const std::vector<Stratum> strata{{7, 100, 1}, {8, 100, 1}, {9, 100, 2}};
  EXPECT_THAT(testing::message_of([&] {
                estimate(strata, {{0, 1, 1}, {0, 1, 1}, {1, 1, 1}});
              }),
              ::testing::HasSubstr("stratum 8 has one point"));
  const AreaAccuracy part = estimate(strata, {{0, 1, 1}, {0, 1, 1}, {1, 2, 1}, {1, 2, 2}});
  EXPECT_THAT(part.unsampled, ::testing::ElementsAre(9));
  EXPECT_DOUBLE_EQ(part.covered_share, 0.5);
  EXPECT_DOUBLE_EQ(part.overall.value, 0.75);
}

}  // namespace
}  // namespace millesime
