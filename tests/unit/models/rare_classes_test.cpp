// Augmentation of rare classes.

#include "models/base/rare_classes.h"

#include <algorithm>
#include <numeric>
#include <set>

#include <gtest/gtest.h>

#include "models/base/training.h"
#include "tests/support/message_of.h"
#include "tests/unit/models/small_models.h"

namespace millesime {
namespace {

// 40 samples of class 10, 6 of class 11, 1 of class 12, raw, a third of the dates missing.
ModelInput unbalanced(const ModelSpec& spec) {
  const ModelInput all = testing::small_input(spec, 120);
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < 120; ++i)
    if (const int target = all.target[static_cast<std::size_t>(i)]; (target == 0) || (target == 1 && i < 18) || i == 2) rows.push_back(i);
  return all.subset(rows);
}

Recipe recipe_of(const std::string& method, int to = 0) {
  Recipe recipe = testing::quick_recipe();
  recipe.oversample = method;
  recipe.oversample_to = to;
  return recipe;
}

std::vector<float> row_of(const ModelInput& input, std::size_t row) {
  const auto& s = input.series.front();
  const auto width = static_cast<std::size_t>(s.dates * s.features), dates = static_cast<std::size_t>(s.dates);
  std::vector<float> numbers(s.values.begin() + static_cast<std::ptrdiff_t>(row * width),
                             s.values.begin() + static_cast<std::ptrdiff_t>((row + 1) * width));
  for (std::size_t d = 0; d < dates; ++d) numbers.push_back(s.valid[row * dates + d]);
  return numbers;
}

class RareClasses : public ::testing::TestWithParam<std::string> {
 protected:
  ModelSpec spec = testing::small_spec("ltae", 3, 8, 2);
  ModelInput learn = unbalanced(spec);
};
INSTANTIATE_TEST_SUITE_P(Methods, RareClasses, ::testing::Values("replicate", "jitter", "smote"),
                         [](const auto& test) { return test.param; });

TEST_P(RareClasses, GrowToTheLargestOrToANumber) {
  const auto counts = [&](const Recipe& recipe) {
    const ModelInput out = with_rare_classes(learn, spec, recipe);
    std::vector<std::int64_t> n;
    for (int k = 0; k < 3; ++k) n.push_back(std::ranges::count(out.target, k));
    return n;
  };
  EXPECT_EQ(counts(recipe_of("none")), (std::vector<std::int64_t>{40, 6, 1}));
  EXPECT_EQ(counts(recipe_of(GetParam())), (std::vector<std::int64_t>{40, 40, 40}));
  EXPECT_EQ(counts(recipe_of(GetParam(), 10)), (std::vector<std::int64_t>{40, 10, 10}));
  Recipe own = recipe_of(GetParam(), 10);
  own.oversample_by_class = {"12=25", "11=0"};
  EXPECT_EQ(counts(own), (std::vector<std::int64_t>{40, 6, 25}));
}

TEST_P(RareClasses, NeedTheMemoryOfThoseThatAreAdded) {
  const InputTable table(learn);
  const Recipe recipe = recipe_of(GetParam());
  const std::int64_t needed = (3 * 47 + 2 * 73) * table.bytes_per_sample();  // 47 samples; 73 are added, in the copy and in the tensors
  EXPECT_EQ(with_rare_classes(table, spec, recipe, needed).size(), 120);
  EXPECT_NE(testing::message_of([&] { with_rare_classes(table, spec, recipe, needed - 1); }).find("47 samples, and 73 that are added"),
            std::string::npos);
}

TEST_P(RareClasses, WhatWasThereStaysAndWhatIsAddedIsWellFormed) {
  const ModelInput out = with_rare_classes(learn, spec, recipe_of(GetParam()));
  const auto n = static_cast<std::size_t>(learn.size());
  for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(row_of(out, i), row_of(learn, i));
  const auto& s = out.series.front();
  ASSERT_EQ(s.values.size(), out.target.size() * 8 * 3);
  ASSERT_EQ(out.statics.size(), out.target.size() * 2);
  const std::set<std::int64_t> groups(learn.group.begin(), learn.group.end());
  for (std::size_t i = n; i < out.target.size(); ++i) {
    EXPECT_TRUE(groups.contains(out.group[i]));
    bool any = false;
    for (std::size_t d = 0; d < 8; ++d) {
      any = any || s.valid[i * 8 + d];
      for (std::size_t f = 0; f < 3; ++f) {
        const float value = s.values[(i * 8 + d) * 3 + f];
        EXPECT_TRUE(s.valid[i * 8 + d] || value == 0) << "values under an invalid date are 0";
      }
    }
    EXPECT_TRUE(any);
  }
}

TEST_P(RareClasses, TheOrderOfTheSamplesDoesNotMatterTheSeedDoes) {
  std::vector<std::int64_t> backwards(static_cast<std::size_t>(learn.size()));
  std::iota(backwards.rbegin(), backwards.rend(), 0);
  const auto set_of = [&](const ModelInput& input) {
    std::multiset<std::vector<float>> rows;
    for (std::size_t i = 0; i < input.target.size(); ++i) rows.insert(row_of(input, i));
    return rows;
  };
  Recipe recipe = recipe_of(GetParam());
  recipe.oversample_to = 9;  // not a multiple of what there is: chance decides which samples are parents twice
  const auto once = set_of(with_rare_classes(learn, spec, recipe));
  EXPECT_EQ(once, set_of(with_rare_classes(learn.subset(backwards), spec, recipe)));
  recipe.random_seed = 2;
  EXPECT_NE(once, set_of(with_rare_classes(learn, spec, recipe)));
}

TEST_P(RareClasses, TrainingHoldsNoneOfThemOutAndTellsTheirNumbers) {
  for (const ClassCount& entry : {ClassCount{10, 40, 40, 0}, ClassCount{11, 6, 6, 0}, ClassCount{12, 1, 1, 0}})
    spec.provenance.classes.push_back(entry);
  Recipe recipe = recipe_of(GetParam());
  recipe.refit_polygons = 0;
  const ModelFile model = testing::train_on_a_part(spec, learn, recipe);
  // 0.15 of the groups: 6 of class 10 and one of class 11 are held out; they are samples of the set, not made from training samples.
  EXPECT_EQ(model.spec.provenance.n_samples, 40);
  EXPECT_EQ(model.spec.provenance.n_held_out, 7);
  for (const ClassCount& entry : model.spec.provenance.classes) EXPECT_EQ(entry.learned, 34) << entry.code;
  recipe.refit_polygons = 1000;
  const ModelFile again = learn_again(model, learn, recipe, testing::plain_run());
  for (const ClassCount& entry : again.spec.provenance.classes) EXPECT_EQ(entry.learned, 40) << entry.code;
}

// Two samples of class 11 beside three of class 10, one band and four dates.
ModelInput pair_of(const std::vector<float>& a, const std::vector<std::uint8_t>& valid_a, const std::vector<float>& b,
                   const std::vector<std::uint8_t>& valid_b, float day_of_b = 0) {
  ModelInput input;
  InputSeries s;
  s.dates = 4, s.features = 1;
  const auto add = [&](const std::vector<float>& values, const std::vector<std::uint8_t>& valid, float day, int target) {
    s.values.insert(s.values.end(), values.begin(), values.end());
    s.valid.insert(s.valid.end(), valid.begin(), valid.end());
    for (int d = 0; d < 4; ++d) s.days.push_back(day + static_cast<float>(30 * d));
    input.target.push_back(target);
    input.group.push_back(static_cast<std::int64_t>(input.group.size()));
  };
  for (int i = 0; i < 12; ++i) add({0, 0, 0, 0}, {1, 1, 1, 1}, 0, 0);
  add(a, valid_a, 0, 1);
  add(b, valid_b, day_of_b, 1);
  input.series = {s};
  return input;
}

TEST(Smote, LiesBetweenTheParentsWhereBothAreValidAndTakesTheValidOneElsewhere) {
  const ModelSpec spec = testing::small_spec("ltae");
  const ModelInput out = with_rare_classes(pair_of({1, 5, 0, 0}, {1, 1, 0, 0}, {3, 0, 7, 0}, {1, 0, 1, 0}), spec, recipe_of("smote"));
  ASSERT_EQ(out.size(), 24);
  std::set<float> first;
  for (std::size_t i = 14; i < 24; ++i) {
    const auto row = row_of(out, i);
    EXPECT_GE(row[0], 1);
    EXPECT_LE(row[0], 3);
    first.insert(row[0]);
    EXPECT_EQ((std::vector<float>(row.begin() + 1, row.end())), (std::vector<float>{5, 7, 0, 1, 1, 1, 0}));
  }
  EXPECT_GT(first.size(), 8u) << "each at a place of its own";
}

TEST(Smote, SamplesThatHaveNothingInCommonAreCopied) {
  const ModelSpec spec = testing::small_spec("ltae");
  const std::multiset<std::vector<float>> parents{{1, 0, 0, 0, 1, 0, 0, 0}, {0, 0, 7, 0, 0, 0, 1, 0}};
  for (const float day_of_b : {0.0f, 5.0f}) {  // no date in common; and other days, though the same positions
    const ModelInput in = day_of_b == 0 ? pair_of({1, 0, 0, 0}, {1, 0, 0, 0}, {0, 0, 7, 0}, {0, 0, 1, 0})
                                        : pair_of({1, 0, 7, 0}, {1, 0, 1, 0}, {2, 0, 8, 0}, {1, 0, 1, 0}, day_of_b);
    const ModelInput out = with_rare_classes(in, spec, recipe_of("smote"));
    for (std::size_t i = 14; i < 24; ++i) EXPECT_TRUE(row_of(out, i) == row_of(in, 12) || row_of(out, i) == row_of(in, 13));
  }
}

TEST(Smote, PairsOnlyNearestNeighbours) {
  // Two clusters of class 11 far from each other: with as many neighbours as a cluster has, no sample is between them.
  ModelSpec spec = testing::small_spec("ltae");
  ModelInput input;
  InputSeries s;
  s.dates = 1, s.features = 1;
  for (int i = 0; i < 72; ++i) {
    s.values.push_back(i < 60 ? 50.0f : (i % 2 ? 100.0f : 0.0f) + static_cast<float>(i) * 0.01f);
    s.valid.push_back(1), s.days.push_back(0);
    input.target.push_back(i < 60 ? 0 : 1), input.group.push_back(i);
  }
  input.series = {s};
  Recipe recipe = recipe_of("smote");
  const auto between = [&] {
    const ModelInput out = with_rare_classes(input, spec, recipe);
    return std::ranges::count_if(out.series[0].values.begin() + 72, out.series[0].values.end(), [](float v) { return v > 2 && v < 98; });
  };
  recipe.oversample_neighbours = 5;
  EXPECT_EQ(between(), 0);
  recipe.oversample_neighbours = 11;
  EXPECT_GT(between(), 5);
}

TEST(Jitter, MovesByAShareOfTheDeviationOfTheClass) {
  ModelSpec spec = testing::small_spec("ltae");
  ModelInput input;
  InputSeries s;
  s.dates = 2, s.features = 1;
  for (int i = 0; i < 1020; ++i) {
    // Class 11 at the first date: deviation 2, at the second: none.
    s.values.push_back(i < 1000 ? 0.0f : i % 2 ? 8.0f : 12.0f);
    s.values.push_back(i < 1000 ? 0.0f : 5.0f);
    s.valid.insert(s.valid.end(), {1, 1}), s.days.insert(s.days.end(), {0, 30});
    input.target.push_back(i < 1000 ? 0 : 1), input.group.push_back(i);
  }
  input.series = {s};
  const ModelInput out = with_rare_classes(input, spec, recipe_of("jitter"));
  double squares = 0;
  for (std::size_t i = 1020; i < 2000; ++i) {
    const double value = static_cast<double>(out.series[0].values[2 * i]);
    squares += std::pow(value - (value < 10 ? 8 : 12), 2);
    EXPECT_EQ(out.series[0].values[2 * i + 1], 5);
  }
  EXPECT_NEAR(std::sqrt(squares / 980), 0.2, 0.02);
}

}  // namespace
}  // namespace millesime
