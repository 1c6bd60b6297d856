// Which samples learn.

#include "pipeline/learning/selection.h"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/chance.h"
#include "pipeline/core/error.h"
#include "tests/support/message_of.h"

namespace millesime {
namespace {

using ::testing::HasSubstr;
using Counts = std::map<int, std::int64_t>;

SelectionRule rule(const std::string& strategy, int number = 0, std::vector<std::string> by_class = {}) {
  SelectionRule r;
  r.strategy = strategy;
  r.number = number;
  r.by_class = std::move(by_class);
  return r;
}

TEST(NumbersWanted, FollowTheStrategy) {
  const Counts found{{1, 1000}, {2, 90}, {3, 9}};
  EXPECT_EQ(numbers_wanted(rule("all"), found), found);
  EXPECT_EQ(numbers_wanted(rule("constant", 50), found), (Counts{{1, 50}, {2, 50}, {3, 9}}));
  EXPECT_EQ(numbers_wanted(rule("smallest"), found), (Counts{{1, 9}, {2, 9}, {3, 9}}));
  SelectionRule percent = rule("percent");
  percent.percent = 5;  // 50, 4.5 to the even 4, 0.45 to the least of one
  EXPECT_EQ(numbers_wanted(percent, found), (Counts{{1, 50}, {2, 4}, {3, 1}}));
  EXPECT_TRUE(numbers_wanted(rule("smallest"), {}).empty());
}

TEST(NumbersWanted, ATotalIsSharedOutInProportionAndExactly) {
  EXPECT_EQ(numbers_wanted(rule("total", 100), {{1, 600}, {2, 300}, {3, 101}}), (Counts{{1, 60}, {2, 30}, {3, 10}}));
  EXPECT_EQ(numbers_wanted(rule("total", 10), {{1, 1}, {2, 1}, {3, 1}}), (Counts{{1, 1}, {2, 1}, {3, 1}}));  // no more than there are
  EXPECT_EQ(numbers_wanted(rule("total", 4), {{1, 5}, {2, 5}, {3, 5}}), (Counts{{1, 2}, {2, 1}, {3, 1}}));
  EXPECT_EQ(numbers_wanted(rule("total", 10), {{1, 100000}, {2, 1}}), (Counts{{1, 10}, {2, 1}}));  // no class is lost
}

TEST(NumbersWanted, SingleClassesHaveTheirOwnNumber) {
  const Counts found{{1, 1000}, {2, 90}, {3, 9}};
  EXPECT_EQ(numbers_wanted(rule("smallest", 0, {"3=0", "1=500"}), found), (Counts{{1, 500}, {2, 90}, {3, 0}}));
  EXPECT_EQ(numbers_wanted(rule("all", 0, {"3=20"}), found).at(3), 9);
}

TEST(SelectionRule, ContradictionsAreErrors) {
  EXPECT_THAT(testing::message_of([] { rule("constant").check("train"); }), HasSubstr("train.select_number"));
  EXPECT_THAT(testing::message_of([] { rule("all", 7).check("sample"); }), HasSubstr("sample.select_number = 7 is not used"));
  EXPECT_THAT(testing::message_of([] { rule("all", 0, {"wheat=7"}).check("sample"); }), HasSubstr("\"wheat=7\""));
  EXPECT_THAT(testing::message_of([] { rule("all", 0, {"1=7", "1=8"}).check("sample"); }), HasSubstr("class 1 is given twice"));
}

// A polygon of `sizes[p]` samples each, all of class 1.
std::vector<Candidate> polygons(const std::vector<int>& sizes) {
  std::vector<Candidate> all;
  for (std::size_t p = 0; p < sizes.size(); ++p)
    for (int i = 0; i < sizes[p]; ++i) all.push_back({1, static_cast<std::int64_t>(p), mix(1000 * p + static_cast<std::uint64_t>(i))});
  return all;
}

std::map<std::int64_t, int> taken_of(const std::vector<Candidate>& all, const std::vector<std::size_t>& kept) {
  std::map<std::int64_t, int> taken;
  for (const std::size_t i : kept) ++taken[all[i].polygon];
  return taken;
}

TEST(Select, PolygonsGiveInTurnSoThatALargeOneDoesNotCrowdOutTheSmall) {
  const auto all = polygons({1000, 3, 10});
  EXPECT_EQ(taken_of(all, select(rule("constant", 3), all)), (std::map<std::int64_t, int>{{0, 1}, {1, 1}, {2, 1}}));
  EXPECT_EQ(taken_of(all, select(rule("constant", 23), all)), (std::map<std::int64_t, int>{{0, 10}, {1, 3}, {2, 10}}));
  EXPECT_EQ(select(rule("constant", 5000), all).size(), 1013u);
  EXPECT_TRUE(select(rule("constant", 5), {}).empty());
}

TEST(Select, ALargerNumberSelectsWhatASmallerOneDoes) {
  const auto all = polygons({40, 7, 22, 1});
  auto before = select(rule("constant", 1), all);
  for (int n = 2; n <= 70; ++n) {
    auto now = select(rule("constant", n), all);
    ASSERT_EQ(now.size(), static_cast<std::size_t>(n));
    EXPECT_TRUE(std::ranges::includes(now, before)) << n;
    before = std::move(now);
  }
}

Samples labelled(int first, int n) {
  Samples s;
  s.year = 2021;
  s.region_names = {""};
  s.series = {{"series", {"NDVI"}, {1}, {Date::from_ymd(2021, 5, 1)}, {}, {}}};
  for (int i = first; i < first + n; ++i) {
    s.label.push_back(1 + i % 3);
    s.polygon.push_back(i / 6);
    s.region.push_back(0);
    s.x.push_back(i), s.y.push_back(0), s.col.push_back(-1), s.row.push_back(-1);
    s.split.push_back(0);
    s.series[0].values.push_back(static_cast<std::int16_t>(i));
    s.series[0].valid.push_back(1);
  }
  return s;
}

std::set<double> positions(const std::vector<SampleSelection>& selections) {
  std::set<double> x;
  for (const auto& selection : selections)
    for (const auto row : selection.rows) x.insert(selection.samples->x[static_cast<std::size_t>(row)]);
  return x;
}

TEST(Select, NeitherTheOrderOfFilesNorTheirCutsMatter) {
  const Samples a = labelled(0, 60), b = labelled(60, 30), both = labelled(0, 90);
  const auto choose = [](const Samples& s) { return select_samples(s, "f", SampleUse::learn, 0); };
  const auto one = select(rule("constant", 10), {choose(a), choose(b)}, 4), other = select(rule("constant", 10), {choose(b), choose(a)}, 4);
  EXPECT_EQ(positions(one).size(), 30u);
  EXPECT_EQ(positions(one), positions(other));
  EXPECT_EQ(positions(one), positions(select(rule("constant", 10), {choose(both)}, 4)));
  EXPECT_NE(positions(one), positions(select(rule("constant", 10), {choose(both)}, 5))) << "the seed draws";
  EXPECT_EQ(count_labels(one), (Counts{{1, 10}, {2, 10}, {3, 10}}));
}

TEST(Select, FilesOfWhichNothingStaysAreLeftOut) {
  Samples only_class_three = labelled(0, 9);
  std::ranges::fill(only_class_three.label, 3);
  const Samples rest = labelled(9, 60);
  const auto kept = select(rule("all", 0, {"3=0"}),
                           {select_samples(only_class_three, "a", SampleUse::all, 0), select_samples(rest, "b", SampleUse::all, 0)}, 1);
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept.front().file, "b");
  EXPECT_EQ(kept.front().rows.size(), 40u);
}

TEST(Select, AFewSamplesOfEachPolygonAndLabelAreDrawnAlike) {
  const Samples a = labelled(0, 60), b = labelled(60, 30), both = labelled(0, 90);
  const auto choose = [](const Samples& s) { return select_samples(s, "f", SampleUse::learn, 0); };
  const auto few = select_of_polygons(1, {choose(b), choose(a)}, 4);
  EXPECT_EQ(positions(few).size(), 45u) << "15 polygons, each with two samples of three labels";
  EXPECT_EQ(positions(few), positions(select_of_polygons(1, {choose(both)}, 4)));
  EXPECT_EQ(positions(select_of_polygons(5, {choose(both)}, 4)).size(), 90u);
}

TEST(Chance, IsTheSameOnEveryMachine) {
  EXPECT_EQ(hash_text(""), 0xcbf29ce484222325u);
  EXPECT_EQ(hash_text("a"), 0xaf63dc4c8601ec8cu);  // published test vector of FNV-1a
  EXPECT_EQ(mix(0), 0xe220a8397b1dcdafu);          // the first number of SplitMix64 from seed 0
  std::mt19937_64 random(1);
  std::vector<int> seen(3);
  double sum = 0, squares = 0;
  for (int i = 0; i < 3000; ++i) ++seen[below(random, 3)];
  for (const int n : seen) EXPECT_NEAR(n, 1000, 120);
  for (int i = 0; i < 3000; ++i) {
    const double value = normal(random);
    sum += value, squares += value * value;
  }
  EXPECT_NEAR(sum / 3000, 0, 0.08);
  EXPECT_NEAR(squares / 3000, 1, 0.12);
}

}  // namespace
}  // namespace millesime
