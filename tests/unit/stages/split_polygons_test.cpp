#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/error.h"
#include "pipeline/stages/sample.h"

namespace millesime {
namespace {

ReferenceOptions options_of(double ratio, int seeds = 1, std::int64_t random_seed = 1) {
  ReferenceOptions options;
  options.learn_ratio = ratio, options.seeds = seeds, options.random_seed = random_seed;
  return options;
}

std::vector<std::vector<Split>> split_of(int polygons, const ReferenceOptions& options) {
  std::vector<std::int64_t> ids(static_cast<std::size_t>(polygons));
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int64_t>(i) + 100;
  return split_polygons(ids, std::vector<std::string>(ids.size(), "T31TCJ||6"), options);
}

std::vector<std::vector<Split>> split_of(int polygons, double ratio, int seeds = 1, std::int64_t random_seed = 1) {
  return split_of(polygons, options_of(ratio, seeds, random_seed));
}

TEST(SplitPolygons, TakesTheSharesOfIota2) {
  const auto learners = [](int polygons, double ratio) { return std::ranges::count(split_of(polygons, ratio)[0], Split::learn); };
  EXPECT_EQ(learners(10, 0.7), 7);
  EXPECT_EQ(learners(5, 0.5), 2);  // 2.5: half to even
  EXPECT_EQ(learners(7, 0.5), 4);  // 3.5
  EXPECT_EQ(learners(2, 0.5), 1);
  EXPECT_EQ(learners(3, 0.1), 1);  // at least one
  EXPECT_EQ(learners(2, 0.8), 2);  // 1.6
  EXPECT_EQ(learners(4, 1.0), 4);
  EXPECT_EQ(split_of(1, 0.7)[0], std::vector<Split>{Split::learn});  // and judges nothing
}

TEST(SplitPolygons, DependsOnTheSeedAndNotOnTheOrder) {
  const auto first = split_of(40, 0.5, 3, 1), again = split_of(40, 0.5, 3, 1), later = split_of(40, 0.5, 2, 1);
  EXPECT_EQ(first, again);
  EXPECT_NE(first[0], first[1]);
  EXPECT_EQ(first[1], later[1]);  // a seed's split does not depend on the number of seeds
  ReferenceOptions without_final = options_of(0.5, 2, 1);
  without_final.final_ratio = 0;
  EXPECT_EQ(split_of(40, without_final)[1], split_of(40, 0.5, 1, 2)[0]);  // seed i draws with random_seed + i
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 139; i >= 100; --i) ids.push_back(i);
  auto reversed = split_polygons(ids, std::vector<std::string>(40, "T31TCJ||6"), options_of(0.5, 3))[0];
  std::ranges::reverse(reversed);
  EXPECT_EQ(reversed, first[0]);
}

// 100 polygons of two classes in 20 blocks; a third class in block 3 alone.
TEST(SplitBlocks, NeverDividesABlockAndTeachesEveryClass) {
  std::vector<std::int64_t> blocks;
  std::vector<std::string> strata;
  for (int i = 0; i < 100; ++i) blocks.push_back(i % 20), strata.push_back(i % 20 == 3 && i > 50 ? "rare" : i % 3 ? "a" : "b");
  ReferenceOptions options = options_of(0.5, 3);
  options.final_ratio = 0;
  const auto splits = split_blocks(blocks, strata, options);
  ASSERT_EQ(splits.size(), 3u);
  EXPECT_NE(splits[0], splits[1]);
  for (const auto& split : splits) {
    std::map<std::int64_t, std::set<Split>> of_block;
    std::map<std::string, int> learners;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      of_block[blocks[i]].insert(split[i]);
      learners[strata[i]] += split[i] == Split::learn;
    }
    int learning = 0;
    for (const auto& [block, uses] : of_block) {
      EXPECT_EQ(uses.size(), 1u) << block;
      learning += uses.contains(Split::learn);
    }
    EXPECT_EQ(learning, 10);
    EXPECT_GT(learners["rare"], 0);
    EXPECT_GT(learners["b"], 0);
  }
  options.final_ratio = -1;  // and blocks for the final map
  for (const auto& split : split_blocks(blocks, strata, options)) EXPECT_EQ(std::ranges::count(split, Split::final_map), 50);
}

// 400 polygons of four classes in 40 blocks: a seventh and a bit of them are held out as blocks, as many as polygons of the others.
TEST(SplitReference, HoldsOutBlocksAndPolygonsOfTheOthers) {
  std::vector<std::int64_t> ids, blocks;
  std::vector<std::string> strata;
  for (int i = 0; i < 400; ++i)
    ids.push_back(i), blocks.push_back(i % 40), strata.push_back(std::string(1, static_cast<char>('a' + i % 7 % 4)));
  ReferenceOptions options = options_of(0.7, 3);
  for (const double final_ratio : {0.0, -1.0}) {
    options.final_ratio = final_ratio;
    const auto splits = split_reference(ids, blocks, strata, options);  // auto
    ASSERT_EQ(splits.size(), 3u);
    EXPECT_NE(splits[0], splits[1]);
    for (const auto& split : splits) {
      std::map<std::int64_t, int> learners_of;
      std::map<std::string, int> learners;
      for (std::size_t i = 0; i < ids.size(); ++i)
        learners_of[blocks[i]] += split[i] == Split::learn, learners[strata[i]] += split[i] == Split::learn;
      const auto empty = std::ranges::count_if(learners_of, [](const auto& block) { return block.second == 0; });
      std::int64_t held_out = 0;
      for (const Split s : split) held_out += s != Split::learn;
      if (final_ratio == 0) {
        EXPECT_EQ(empty, 6) << "15 % of 40 blocks";
        EXPECT_NEAR(static_cast<double>(held_out), 0.3 * 400, 12);
      } else {
        EXPECT_GE(empty, 6 + 5) << "blocks of the final map, and of this seed";
        EXPECT_EQ(split == splits[0], &split == &splits[0]);
      }
      for (const auto& [stratum, n] : learners) EXPECT_GT(n, 0) << stratum;
    }
    for (std::size_t i = 0; i < ids.size(); ++i)
      EXPECT_EQ(splits[0][i] == Split::final_map, splits[1][i] == Split::final_map) << "held out from every seed";
  }
  // Of a class with two polygons the one that learns may be in a block that is held out: then the other one does.
  for (int seed = 1; seed < 20; ++seed) {
    auto few = strata;
    few[0] = few[1] = "rare";
    options = options_of(0.5, 1);
    options.random_seed = seed;
    const auto split = split_reference(ids, blocks, few, options)[0];
    EXPECT_TRUE(split[0] == Split::learn || split[1] == Split::learn) << seed;
  }
  const std::vector<std::int64_t> five(400, 5);
  EXPECT_EQ(split_reference(ids, five, strata, options), split_polygons(ids, strata, options)) << "few blocks";
  options.split = "block";
  EXPECT_EQ(split_reference(ids, blocks, strata, options), split_blocks(blocks, strata, options));
}

TEST(SplitPolygons, ClassesAreSplitEachByItself) {
  std::vector<std::int64_t> ids;
  std::vector<std::string> strata;
  for (int i = 0; i < 30; ++i) {
    ids.push_back(i);
    strata.push_back(i % 3 == 0 ? "a" : "b");
  }
  const auto split = split_polygons(ids, strata, options_of(0.5))[0];
  int a = 0, b = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) (strata[i] == "a" ? a : b) += split[i] == Split::learn;
  EXPECT_EQ(a, 5);
  EXPECT_EQ(b, 10);
}

TEST(SplitPolygons, NamesOfStrataChangeNothing) {
  std::vector<std::int64_t> ids;
  std::vector<std::string> strata, renamed;
  for (int i = 0; i < 30; ++i) {
    ids.push_back(7 * i);
    strata.push_back(i % 3 == 0 ? "T31TCJ|1|6" : "T31TCJ|2|6");
    renamed.push_back(i % 3 == 0 ? "T31TCJ|Jura|6" : "T31TCJ|Alps|6");
  }
  EXPECT_EQ(split_polygons(ids, strata, options_of(0.5, 2)), split_polygons(ids, renamed, options_of(0.5, 2)));
}

// The polygons that judge the final map are the same in every seed, those that test with one seed, and in no other role.
TEST(SplitPolygons, OneSetIsHeldOutFromEverySeed) {
  const auto of = [](const std::vector<Split>& split, Split use) {
    std::set<std::size_t> polygons;
    for (std::size_t i = 0; i < split.size(); ++i)
      if (split[i] == use) polygons.insert(i);
    return polygons;
  };
  const auto one = split_of(20, 0.7);
  EXPECT_EQ(of(one[0], Split::final_map).size(), 0u);
  const auto several = split_of(20, 0.7, 5);
  for (const auto& split : several) {
    EXPECT_EQ(of(split, Split::final_map), of(one[0], Split::test));
    EXPECT_EQ(of(split, Split::learn).size(), 10u);  // of 14: 9.8
    EXPECT_EQ(of(split, Split::test).size(), 4u);
  }
  ReferenceOptions options = options_of(0.7, 5);
  options.final_ratio = 0.5;
  EXPECT_EQ(of(split_of(20, options)[4], Split::final_map).size(), 10u);
  options.seeds = 1;  // also by option with one seed
  EXPECT_EQ(of(split_of(20, options)[0], Split::final_map).size(), 10u);
  EXPECT_EQ(of(split_of(20, options)[0], Split::learn).size(), 7u);
  EXPECT_EQ(split_of(1, options)[0], std::vector<Split>{Split::learn});
  EXPECT_EQ(of(split_of(2, options)[0], Split::final_map).size(), 1u);  // the other one learns
  EXPECT_EQ(of(split_of(2, options)[0], Split::learn).size(), 1u);
}

// Every polygon learns about as often as the ratio says.
TEST(SplitPolygons, IsFair) {
  std::map<std::size_t, int> learnt;
  ReferenceOptions options = options_of(0.3, 1000);
  options.final_ratio = 0;
  const auto splits = split_of(10, options);
  for (const auto& split : splits)
    for (std::size_t i = 0; i < split.size(); ++i) learnt[i] += split[i] == Split::learn;
  for (const auto& [polygon, times] : learnt) EXPECT_NEAR(times, 300, 75) << polygon;  // five standard deviations of a binomial
}

}  // namespace
}  // namespace millesime
