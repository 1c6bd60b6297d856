// Models compared on the same samples.

#include "pipeline/learning/benchmark.h"
#include "pipeline/reports/benchmark_report.h"

#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/learning/cross_validation.h"
#include "tests/support/sanitized.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/stages/season_table.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Samples of `classes` classes without series; sample i is in group i / per_group and has the class of its group.
NamedSamples labelled(int n, int per_group, int classes) {
  NamedSamples out{"s.csv", {}};
  Samples& s = out.samples;
  s.year = 2021;
  s.region_names = {"north", "south", "west"};
  for (int i = 0; i < n; ++i) {
    const int group = i / per_group;
    s.label.push_back(1 + group % classes);
    s.polygon.push_back(group);
    s.region.push_back(group % 3);
    s.split.push_back(0);
  }
  return out;
}

TEST(Folds, NeverSplitAGroupAndSpreadEveryClass) {
  std::vector<NamedSamples> all{labelled(300, 4, 3)};
  all.front().samples.label[0] = 0;  // not known: in no fold
  const Folds folds = make_folds(all, 5, GroupBy::polygon, 1);
  EXPECT_EQ(folds.of[0][0], -1);
  std::map<std::int64_t, std::set<int>> folds_of_group;
  std::map<int, std::map<int, int>> samples;  // [class][fold]
  for (std::size_t i = 1; i < 300; ++i) {
    folds_of_group[all[0].samples.polygon[i]].insert(folds.of[0][i]);
    ++samples[all[0].samples.label[i]][folds.of[0][i]];
  }
  for (const auto& [group, where] : folds_of_group) EXPECT_EQ(where.size(), 1u) << "group " << group;
  for (const auto& [label, counts] : samples) {
    ASSERT_EQ(counts.size(), 5u);
    for (const auto& [fold, n] : counts) EXPECT_NEAR(n, 20, 4) << "class " << label << " in fold " << fold;
  }
  EXPECT_EQ(make_folds(all, 5, GroupBy::polygon, 1).of, folds.of);
  EXPECT_NE(make_folds(all, 5, GroupBy::polygon, 2).of, folds.of);
}

TEST(Folds, LargeGroupsAreSharedOutFirst) {
  std::vector<NamedSamples> all{labelled(40, 1, 1)};
  for (std::size_t i = 0; i < 20; ++i) all[0].samples.polygon[i] = 0;  // half of the samples in one group
  const Folds folds = make_folds(all, 2, GroupBy::polygon, 3);
  EXPECT_EQ(std::ranges::count(folds.of[0], 0), 20);
}

TEST(Folds, GroupsAreRegionsOrFilesWhereAsked) {
  const std::vector<NamedSamples> all{labelled(60, 1, 2), labelled(60, 1, 2)};
  const Folds regions = make_folds(all, 3, GroupBy::region, 1);
  for (std::size_t i = 0; i < 60; ++i) {
    EXPECT_EQ(regions.of[0][i], regions.of[0][i % 3]);
    EXPECT_EQ(regions.of[1][i], regions.of[0][i]);
  }
  const Folds files = make_folds(all, 2, GroupBy::file, 1);
  for (std::size_t f = 0; f < 2; ++f) EXPECT_EQ(std::set<int>(files.of[f].begin(), files.of[f].end()).size(), 1u);
  EXPECT_NE(files.of[0][0], files.of[1][0]);
  EXPECT_THROW(make_folds(all, 3, GroupBy::file, 1), UserError);
}

TEST(Folds, WhatTestsDoesNotLearn) {
  const std::vector<NamedSamples> all{labelled(30, 2, 2), labelled(30, 2, 2)};
  const Folds folds = make_folds(all, 3, GroupBy::polygon, 1);
  std::size_t tested = 0;
  for (int fold = 0; fold < 3; ++fold) {
    const auto [learn, test] = select_fold(all, folds, fold);
    std::set<std::int64_t> learned;
    for (const auto& selection : learn)
      for (const auto row : selection.rows) learned.insert(selection.samples->polygon[static_cast<std::size_t>(row)]);
    for (const auto& selection : test)
      for (const auto row : selection.rows) {
        EXPECT_FALSE(learned.contains(selection.samples->polygon[static_cast<std::size_t>(row)]));
        ++tested;
      }
  }
  EXPECT_EQ(tested, 60u);
}

// One band whose season depends on the class, with some noise.
std::string one_band_table(int samples, int more = 0) {
  std::string text = "label,group";
  for (const char* day : {"20210110", "20210320", "20210601", "20210812", "20211103"}) text += std::string(",B8_") + day;
  for (int i = 0; i < samples; ++i) {
    const int label = 1 + i % 3;
    text += "\n" + std::to_string(label) + "," + std::to_string(i / 6 * 3 + i % 3);
    for (int d = 0; d < 5; ++d) text += "," + std::to_string(500 + 400 * ((d * label) % 5) + i * 37 % 150 + more);
  }
  return text + "\n";
}

class Benchmark : public ::testing::Test {
 protected:
  Benchmark() {
    context.progress = &progress;
    write_text(folder + "/s.csv", one_band_table(120));
    command.samples = {folder + "/s.csv"};
    command.folds = 3;
    command.assignments = {"train.epochs=6", "train.batch=16", "train.trees=10"};
  }
  testing::SilentProgress progress;
  Context context;
  std::string folder = testing::temp_dir();
  BenchmarkCommand command;
};

TEST_F(Benchmark, ComparesModelsAndTheirEnsembleOnEverySample) {
  command.models = {"random_forest", "ltae:d_model=64:train.epochs=3", "random_forest+ltae:d_model=64:train.epochs=3"};
  command.seeds = 2;
  command.output = folder + "/out";
  const auto results = benchmark(command, context);
  write_benchmark(results, command);
  ASSERT_EQ(results.size(), 3u);
  for (const auto& result : results) {
    ASSERT_EQ(result.runs.size(), 6u);
    std::map<int, std::int64_t> tested;
    for (const auto& run : result.runs) {
      tested[run.seed] += run.confusion.total();
      EXPECT_EQ(run.calibration.total(), run.confusion.total());
      EXPECT_GT(run.pixels_per_second, 0);
    }
    EXPECT_EQ(tested, (std::map<int, std::int64_t>{{0, 120}, {1, 120}}));
  }
  EXPECT_EQ(results[2].runs[0].parameters, results[0].runs[0].parameters + results[1].runs[0].parameters);
  const auto accuracy = spread_of(results[0], [](const ConfusionMatrix& m, const Calibration&) { return measure(m).overall; });
  EXPECT_GE(accuracy.mean, 0.95);
  const auto json = to_json(results);
  EXPECT_EQ(json[0]["model"], "random_forest");
  EXPECT_DOUBLE_EQ(json[0]["overall_accuracy"]["mean"].get<double>(), accuracy.mean);
  EXPECT_EQ(json[0]["runs"].size(), 6u);
  EXPECT_TRUE(std::filesystem::exists(folder + "/out/benchmark.html"));
  EXPECT_THAT(read_text(folder + "/out/benchmark.md"),
              AllOf(HasSubstr("| ltae:d_model=64:train.epochs=3 |"), HasSubstr("3 parts, 2 seeds")));
}

TEST_F(Benchmark, AutoIsWhatItsMembersAreTogether) {
  if (testing::kSanitized) GTEST_SKIP() << testing::kJudgesLearning;
  write_text(folder + "/s.csv", testing::season_table(120, "B8"));  // with gaps: the members have their parameters by default
  command.models = {"auto:train.effort=quick", "ltae+random_forest"};
  const auto results = benchmark(command, context);
  for (std::size_t run = 0; run < results[0].runs.size(); ++run) {
    const auto &one = results[0].runs[run], &other = results[1].runs[run];
    EXPECT_EQ(one.parameters, other.parameters);
    EXPECT_EQ(measure(one.confusion).macro_f, measure(other.confusion).macro_f);
    EXPECT_NEAR(one.calibration.expected_error(), other.calibration.expected_error(), 1e-6);
    EXPECT_NEAR(one.uncalibrated.expected_error(), other.uncalibrated.expected_error(), 1e-6);
  }
}

TEST_F(Benchmark, WritesAPageATableOrNumbersByTheNameOfTheFile) {
  command.models = {"random_forest", "mlp"};
  command.output = folder + "/b.html";
  const auto results = benchmark(command, context);
  write_benchmark(results, command);
  const std::string page = read_text(command.output);
  EXPECT_THAT(page, AllOf(HasSubstr("<td>mlp</td>"), HasSubstr("Confusion matrix of"), HasSubstr("never splitting a group"),
                          HasSubstr("train.trees=10"), ::testing::Not(HasSubstr("<script"))));
  EXPECT_FALSE(std::filesystem::exists(folder + "/b.html/benchmark.md"));
  command.output = folder + "/b.md";
  write_benchmark(results, command);
  EXPECT_THAT(read_text(command.output), ::testing::StartsWith("| model |"));
}

TEST_F(Benchmark, AGivenTestSetIsWhatJudges) {
  write_text(folder + "/t.csv", one_band_table(30, 10));
  command.test = folder + "/t.csv";
  command.models = {"random_forest"};
  const auto results = benchmark(command, context);
  ASSERT_EQ(results[0].runs.size(), 1u);
  EXPECT_EQ(results[0].runs[0].confusion.total(), 30);
  EXPECT_TRUE(to_json(results)[0]["overall_accuracy"]["over_folds"].is_null());  // of a single one
}

TEST_F(Benchmark, NamesThatAreNotKnownFailBeforeAnythingIsTrained) {
  const auto message = [&](const std::string& model) {
    command.models = {"random_forest", model};
    try {
      benchmark(command, context);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(message("ltea"), HasSubstr("did you mean \"ltae\""));
  EXPECT_THAT(message("ltae:heads=3"), HasSubstr("no parameter \"heads\""));
  EXPECT_THAT(message("ltae:train.epoch=3"), HasSubstr("train.epochs"));
  command.output = folder + "/b.pdf";
  EXPECT_THAT(message("mlp"), HasSubstr("ends in .html, .md or .json"));
  EXPECT_FALSE(std::filesystem::exists(command.output));
  EXPECT_TRUE(progress.notes.empty());
}

TEST(BenchmarkSpread, IsOverFoldsAndOverSeedsOfWhatTheFoldsGiveTogether) {
  BenchmarkResult result{"m", {}};
  const int right[2][2] = {{8, 6}, {9, 9}};  // [seed][fold], of 10
  for (int seed = 0; seed < 2; ++seed)
    for (int fold = 0; fold < 2; ++fold) {
      auto& run = result.runs.emplace_back();
      run.seed = seed, run.fold = fold;
      run.confusion.add(1, 1, right[seed][fold]);
      run.confusion.add(1, 2, 10 - right[seed][fold]);
    }
  const auto spread = spread_of(result, [](const ConfusionMatrix& m, const Calibration&) { return measure(m).overall; });
  EXPECT_DOUBLE_EQ(spread.pooled, 0.8);
  EXPECT_DOUBLE_EQ(spread.mean, 0.8);
  EXPECT_NEAR(spread.over_folds, std::sqrt(2 * 0.05 * 0.05), 1e-12);  // 0.85 and 0.75
  EXPECT_NEAR(spread.over_seeds, std::sqrt(2 * 0.1 * 0.1), 1e-12);    // 0.7 and 0.9
}

TEST(BenchmarkSpread, TellsTheMeanOfThePartsFromTheSamplesOfAllTogether) {
  BenchmarkResult result{"m", {}};
  for (const int samples : {10, 30}) {
    auto& run = result.runs.emplace_back();
    run.fold = samples;
    run.confusion.add(1, 1, samples == 10 ? 10 : 15);
    run.confusion.add(1, 2, samples == 10 ? 0 : 15);
  }
  const auto json = to_json({result})[0]["overall_accuracy"];
  EXPECT_DOUBLE_EQ(json["mean"].get<double>(), 0.75);
  EXPECT_DOUBLE_EQ(json["pooled"].get<double>(), 25.0 / 40);
  EXPECT_THAT(to_markdown({result}), HasSubstr("| 0.750 ± 0.354 |"));
}

}  // namespace
}  // namespace millesime
