// Training from tables and files of samples: merging changes nothing, groups of different files are different, tables of different digits
// mean the same, class codes are any.

#include <algorithm>
#include <functional>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/samples.h"
#include "pipeline/learning/cross_validation.h"
#include "pipeline/learning/evaluation.h"
#include "pipeline/learning/prediction.h"
#include "pipeline/stages/train.h"
#include "tests/support/message_of.h"
#include "tests/support/sanitized.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Samples of three classes on a tile's own dates, with gaps; `shift` days later than on other tiles.
Samples tile_samples(const std::string& tile, int n, int shift) {
  Samples s;
  s.tile = tile;
  s.reference = "reference.shp";
  s.year = 2021;
  s.region_names = {""};
  SampleSeries series{"sentinel2", {"B4", "B8"}, {1, 1}, {}, {}, {}};
  for (int d = 0; d < 6 + shift % 3; ++d) series.dates.push_back(Date::from_ymd(2021, 1, 10) + (50 * d + shift));
  for (int i = 0; i < n; ++i) {
    const int label = 1 + i % 3;
    s.label.push_back(label);
    s.polygon.push_back(1000 * shift + i / 4);
    s.region.push_back(0);
    s.x.push_back(i), s.y.push_back(shift);
    s.col.push_back(i), s.row.push_back(shift);
    s.split.push_back(static_cast<std::uint8_t>(Split::learn));
    for (int d = 0; d < static_cast<int>(series.dates.size()); ++d) {
      const bool valid = (i + d + shift) % 5 != 0;
      series.valid.push_back(valid);
      for (int b = 0; b < 2; ++b)
        series.values.push_back(static_cast<std::int16_t>(valid ? 500 + 300 * ((d * label + b) % 4) + (i * 37 + d) % 150 : -10000));
    }
  }
  s.series.push_back(std::move(series));
  return s;
}

class Tables : public ::testing::TestWithParam<std::string> {
 protected:
  Tables() { context.progress = &progress; }
  TrainCommand command(const std::vector<std::string>& samples) {
    TrainCommand c;
    c.request.recipe.effort = "quick";
    c.samples = samples;
    c.request.output = folder + "/model.safetensors";
    c.request.model.name = GetParam();
    c.request.recipe.epochs = 6;
    c.request.recipe.trees = 10;
    return c;
  }
  // Everything of a model but the names of the files that it learned from.
  std::string trained(const std::vector<std::string>& samples) {
    train_model(command(samples), context);
    ModelFile model = ModelFile::read(folder + "/model.safetensors");
    model.spec.provenance.samples.clear();
    std::string text = model.spec.to_json().dump();
    for (const auto& [name, tensor] : model.tensors) {
      text += name;
      text.append(reinterpret_cast<const char*>(tensor.values.data()), tensor.values.size() * sizeof(tensor.values[0]));
    }
    return text;
  }
  testing::SilentProgress progress;
  Context context;
  std::string folder = testing::temp_dir();
};
INSTANTIATE_TEST_SUITE_P(Models, Tables, ::testing::Values("random_forest", "temporal_cnn", "ltae"),
                         [](const auto& test) { return test.param; });

TEST_P(Tables, MergingFilesChangesNothing) {
  if (testing::kSanitized && GetParam() != "random_forest") GTEST_SKIP() << testing::kJudgesLearning;
  std::vector<std::string> files;
  for (const int shift : {0, 1, 2}) {
    files.push_back(folder + "/tile" + std::to_string(shift) + ".safetensors");
    write_samples(tile_samples("T31TC" + std::string(1, static_cast<char>('J' + shift)), 60 + 12 * shift, shift), files.back());
  }
  write_parts(join_samples(files), folder + "/merged.safetensors");
  EXPECT_TRUE(trained(files) == trained({folder + "/merged.safetensors"}));

  EvaluateCommand evaluate;
  evaluate.model = folder + "/model.safetensors";
  evaluate.all_samples = true;
  evaluate.samples = files;
  const Evaluation single = evaluate_model(evaluate, context);
  evaluate.samples = {folder + "/merged.safetensors"};
  const Evaluation merged = evaluate_model(evaluate, context);
  EXPECT_EQ(single.confusion, merged.confusion);
  EXPECT_EQ(single.confusion.total(), 216);
  EXPECT_EQ(single.accuracy.overall, merged.accuracy.overall);

  PredictCommand predict;
  predict.model = evaluate.model, predict.samples = evaluate.samples, predict.output = folder + "/p.csv";
  EXPECT_EQ(predict_samples(predict, context), 216);
  EXPECT_THAT(read_text(predict.output), HasSubstr("merged.safetensors,215,"));
}

// The same as of samples that have nothing after that day, without a copy of them.
TEST_P(Tables, WithoutAnyObservationIsAnError) {
  Samples samples = tile_samples("", 60, 0);
  for (SampleSeries& series : samples.series) series.valid = std::vector<std::uint8_t>(series.valid.size(), 0);
  write_samples(samples, folder + "/empty.safetensors");
  EXPECT_THAT(testing::message_of([&] { train_model(command({folder + "/empty.safetensors"}), context); }),
              AllOf(HasSubstr("empty.safetensors: none of the "), HasSubstr(" samples has a valid observation of sentinel2")));
}

TEST_P(Tables, WhatIsLaterThanADayCanBeHidden) {
  const Samples samples = tile_samples("T31TCJ", 60, 1);
  write_samples(samples, folder + "/tile.safetensors");
  train_model(command({folder + "/tile.safetensors"}), context);
  const ModelFile model = ModelFile::read(folder + "/model.safetensors");
  const Date day = samples.series[0].dates[3];
  Samples cut = samples;
  for (std::size_t i = 0; i < cut.series[0].valid.size(); ++i)
    if (!(cut.series[0].dates[i % cut.series[0].dates.size()] < day)) {
      cut.series[0].valid.edit()[i] = 0;
      for (std::size_t b = 0; b < 2; ++b) cut.series[0].values.edit()[2 * i + b] = -10000;
    }
  SampleSelection known = select_samples(samples, "tile", SampleUse::all, 0);
  const auto whole = predict_probabilities(model, std::vector{known}, context);
  known.known_until = day;
  const auto found = predict_probabilities(model, std::vector{known}, context);
  EXPECT_EQ(found, predict_probabilities(model, std::vector{select_samples(cut, "tile", SampleUse::all, 0)}, context));
  EXPECT_NE(found, whole);
}

std::string table(const std::vector<int>& codes, const std::string& group, const std::function<std::string(int)>& number) {
  std::string text = "label,group,N_20210110,N_20210320,N_20210601,N_20210812\n";
  for (int i = 0; i < 90; ++i) {
    text += std::to_string(codes[static_cast<std::size_t>(i % 3)]) + "," + group + std::to_string(i / 3);
    for (int d = 0; d < 4; ++d) text += "," + number(2000 + 1500 * ((d * (1 + i % 3)) % 4) + (i * 7 + d) % 90);
    text += "\n";
  }
  return text;
}
std::string decimal(int n) { return "0." + std::string(4 - std::min<std::size_t>(4, std::to_string(n).size()), '0') + std::to_string(n); }

TEST(TablesOfSeveralFiles, GroupsOfDifferentFilesAreDifferentGroups) {
  const std::string folder = testing::temp_dir();
  write_text(folder + "/a.csv", table({1, 2, 3}, "", decimal));
  write_text(folder + "/b.csv", table({1, 2, 3}, "", decimal));
  const auto all = load_named({folder + "/a.csv", folder + "/b.csv"}, "");
  std::set<std::int64_t> first(all[0].samples.group.begin(), all[0].samples.group.end());
  std::set<std::int64_t> second(all[1].samples.group.begin(), all[1].samples.group.end());
  EXPECT_EQ(first.size(), 30u);
  EXPECT_EQ(second.size(), 30u);
  for (const std::int64_t group : second) EXPECT_FALSE(first.contains(group)) << group;
  EXPECT_EQ(make_folds(all, 60, GroupBy::polygon, 1).n, 60);  // there are so many groups
}

TEST(TablesOfSeveralFiles, NumbersMeanTheSameWhateverTheirDigits) {
  const std::string folder = testing::temp_dir();
  testing::SilentProgress progress;
  Context context;
  context.progress = &progress;
  write_text(folder + "/a.csv", table({1, 2, 3}, "", decimal));
  const auto coarse = [](int n) { return decimal(n / 100 * 100).substr(0, 4); };  // two decimals
  write_text(folder + "/b.csv", table({1, 2, 3}, "b", coarse));
  ASSERT_EQ(read_samples_csv(folder + "/b.csv").series[0].scale[0], 0.01F);
  for (const char* model : {"random_forest", "mlp"}) {
    TrainCommand command;
    command.request.recipe.effort = "quick";
    command.samples = {folder + "/a.csv"};
    command.request.output = folder + "/model.safetensors";
    command.request.model.name = model;
    command.request.recipe.epochs = 30;
    command.request.recipe.trees = 20;
    train_model(command, context);
    EvaluateCommand evaluate;
    evaluate.model = command.request.output;
    evaluate.samples = {folder + "/b.csv"};
    EXPECT_GT(evaluate_model(evaluate, context).accuracy.overall, 0.8) << model;  // of other digits
    command.samples = {folder + "/b.csv", folder + "/a.csv"};                     // and learned from together
    train_model(command, context);
    const ModelSpec spec = ModelFile::read(command.request.output).spec;
    EXPECT_THAT(spec.sources[0].step, ElementsAre(1e-4F));
    EXPECT_EQ(ModelSpec::from_json(spec.to_json(), "again").sources[0].step, spec.sources[0].step);
    evaluate.samples = command.samples;
    evaluate.all_samples = true;
    EXPECT_GT(evaluate_model(evaluate, context).accuracy.overall, 0.8) << model;
  }
  write_text(folder + "/c.csv", table({1, 2, 3}, "c", [](int n) { return std::to_string(n); }));
  TrainCommand command;
  command.request.recipe.effort = "quick";
  command.samples = {folder + "/a.csv", folder + "/c.csv"};
  command.request.output = folder + "/model.safetensors";
  command.request.model.name = "random_forest";
  // Fractions, and the same x 10000, of a band whose name does not say which is which.
  EXPECT_THAT(testing::message_of([&] { train_model(command, context); }), HasSubstr("give all in one unit"));
}

// A table's year is that of its middle: of a season that begins in autumn, a table that ends in winter is of the year before.
TEST(TablesOfPartOfASeason, LieInTheSeasonThatTheModelLearned) {
  const std::string folder = testing::temp_dir();
  testing::SilentProgress progress;
  Context context;
  context.progress = &progress;
  const auto winter = [](int first, int rows, std::size_t n_dates) {  // the classes differ in October and November alone
    const std::vector<std::string> dates = {"20200915", "20201015", "20201115", "20201215", "20210215", "20210415", "20210615", "20210815"};
    std::string text = "label,group";
    for (std::size_t d = 0; d < n_dates; ++d) text += ",NDVI_" + dates[d];
    for (int row = first; row < first + rows; ++row) {
      text += join_text("\n", 1 + row % 2, ",", row);
      for (std::size_t d = 0; d < n_dates; ++d)
        text += "," + decimal(4000 + (row * 37 + static_cast<int>(d) * 11) % 150 + (row % 2 == 1 && (d == 1 || d == 2) ? 2500 : 0));
    }
    return text + "\n";
  };
  write_text(folder + "/learn.csv", winter(0, 60, 8));
  write_text(folder + "/part.csv", winter(60, 40, 4));
  ASSERT_NE(read_samples_csv(folder + "/learn.csv").year, read_samples_csv(folder + "/part.csv").year);
  TrainCommand command;
  command.samples = {folder + "/learn.csv"};
  command.request.output = folder + "/model.safetensors";
  command.request.model.name = "random_forest";
  command.request.recipe.trees = 10;
  train_model(command, context);
  EvaluateCommand evaluate;
  evaluate.model = command.request.output;
  evaluate.samples = {folder + "/part.csv"};
  EXPECT_EQ(evaluate_model(evaluate, context).accuracy.overall, 1);
}

TEST(ClassCodes, UpTo65535AreLearnedAndPredicted) {
  const std::string folder = testing::temp_dir();
  testing::SilentProgress progress;
  Context context;
  context.progress = &progress;
  const std::vector<int> codes{255, 256, 65535};
  write_text(folder + "/a.csv", table(codes, "", decimal));
  write_text(
      folder + "/n.toml",
      "class = [{ code = 255, name = 'a' }, { code = 256, name = 'b' }, { code = 1000, name = 'c' }, { code = 65535, name = 'd' }]\n");
  for (const char* model : {"random_forest", "mlp"})
    for (const std::string& nomenclature : {std::string(), folder + "/n.toml"}) {
      TrainCommand command;
      command.request.recipe.effort = "quick";
      command.samples = {folder + "/a.csv"};
      command.request.nomenclature = nomenclature;
      command.request.output = folder + "/model.safetensors";
      command.request.model.name = model;
      command.request.recipe.epochs = 30;
      command.request.recipe.trees = 20;
      train_model(command, context);
      EXPECT_EQ(ModelFile::read(command.request.output).spec.classes, codes);
      EvaluateCommand evaluate;
      evaluate.model = command.request.output;
      evaluate.samples = command.samples;
      evaluate.all_samples = true;
      const Evaluation evaluation = evaluate_model(evaluate, context);
      EXPECT_EQ(evaluation.unknown, 0);
      EXPECT_GT(evaluation.accuracy.overall, 0.8);
      for (const int code : codes)
        EXPECT_EQ(evaluation.confusion.row_sum(static_cast<int>(std::ranges::find(codes, code) - codes.begin())), 30);
      PredictCommand predict;
      predict.model = command.request.output, predict.samples = command.samples, predict.output = folder + "/p.csv";
      predict_samples(predict, context);
      EXPECT_THAT(read_text(predict.output), HasSubstr("file,sample,label,predicted,confidence,p_255,p_256,p_65535\na.csv,0,255,255,"));
    }
}

}  // namespace
}  // namespace millesime
