// Training from samples of several sources.

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/arch/random_forest.h"
#include "models/base/model_file.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/samples.h"
#include "pipeline/core/text.h"
#include "pipeline/learning/evaluation.h"
#include "pipeline/stages/config.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/train.h"
#include "tests/support/message_of.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/stages/season_table.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::season_table;

// A table of seasons with backscatter on dates of its own, which tells the classes, too.
std::string table_with_radar(int samples, bool gaps = true) {
  const auto lines = split_text(season_table(samples, "B8", gaps), '\n');
  std::string text = std::string(lines[0]) + ",VV_20210115,VV_20210301,VV_20210701,VH_20210115,VH_20210301,VH_20210701\n";
  for (int i = 0; i < samples; ++i) {
    text += lines[static_cast<std::size_t>(i) + 1];
    for (int c = 0; c < 6; ++c) text += gaps && i % 9 == 0 ? "," : "," + std::to_string(100 * (1 + i % 3) + 10 * c + i % 7);
    text += "\n";
  }
  return text;
}

// Samples with radar and samples without.
void write_both(const std::string& folder) {
  write_text(folder + "/both.csv", table_with_radar(120));
  write_text(folder + "/optical.csv", season_table(60, "B8"));
}

void expect_both_are_classified(const std::string& folder, const Context& context) {
  for (const char* file : {"/both.csv", "/optical.csv"}) {
    EvaluateCommand evaluate;
    evaluate.model = folder + "/m";
    evaluate.samples = {folder + file};
    evaluate.all_samples = true;
    EXPECT_GE(evaluate_model(evaluate, context).accuracy.overall, 0.9) << file;
  }
}

TEST(SeveralSeries, WithoutGapsAreLearnedByTheModelThatReadsSeveral) {
  const std::string folder = testing::temp_dir();
  testing::SilentProgress progress;
  Context context;
  context.progress = &progress;
  write_text(folder + "/both.csv", table_with_radar(90, false));
  TrainCommand command;
  command.request.recipe.effort = "quick";
  command.samples = {folder + "/both.csv"};
  command.request.output = folder + "/m";
  command.request.model.sources = {"all"};
  command.request.recipe.epochs = 2;
  train_model(command, context);
  const ModelSpec spec = ModelFile::read(command.request.output).spec;
  EXPECT_EQ(spec.architecture, "ltae");
  EXPECT_FALSE(spec.metrics.contains("tried"));
}

// The options [model] and [train] of a production are used for its models.
TEST(SeveralSeries, AndPrecisionAreOptionsOfAProduction) {
  const std::string folder = testing::temp_dir();
  testing::SilentProgress progress;
  Context context;
  context.progress = &progress;
  write_text(folder + "/both.csv", table_with_radar(90));
  write_text(folder + "/c.toml",
             "year = 2021\noutput = \"out\"\n[[source]]\nsensor = \"sentinel2_theia\"\nroot = \"l2a\"\n"
             "[tiles]\nnames = [\"T31TCJ\"]\n[reference]\npath = \"r.gpkg\"\nclass_field = \"CODE\"\nsplit = \"polygon\"\n"
             "[model]\nname = \"ltae\"\nsources = [\"all\"]\n[train]\nepochs = 2\nprecision = \"bfloat16\"\n");
  Config config = Config::load(folder + "/c.toml", {});
  const Layout layout(config);
  std::filesystem::create_directories(std::filesystem::path(layout.samples("T31TCJ")).parent_path());
  write_samples(read_samples_csv(folder + "/both.csv"), layout.samples("T31TCJ"));
  const auto learned = [&] {
    const auto units = *train_stage().plan(config);
    std::filesystem::create_directories(std::filesystem::path(units.at(0).outputs.at(0)).parent_path());
    units.at(0).run(context);
    return ModelFile::read(units.at(0).outputs.at(0));
  };
  const ModelFile coarse = learned();
  EXPECT_EQ(coarse.spec.sources.size(), 2u);
  config.train.precision = "float32";
  EXPECT_NE(learned().tensors.at("head.weight").values, coarse.tensors.at("head.weight").values);
  config.model.sources.clear();
  EXPECT_EQ(learned().spec.sources.size(), 1u);
}

TEST(SeveralSeries, LearnTogetherAndFilesThatLackOneAreStillClassified) {
  const std::string folder = testing::temp_dir();
  testing::SilentProgress progress;
  Context context;
  context.progress = &progress;
  write_both(folder);
  TrainCommand command;
  command.request.recipe.effort = "quick";
  command.samples = {folder + "/both.csv", folder + "/optical.csv"};
  command.request.output = folder + "/m";
  command.request.recipe.epochs = 15;
  train_model(command, context);
  EXPECT_EQ(ModelFile::read(folder + "/m").spec.sources.size(), 1u);  // unless asked otherwise
  command.request.model.sources = {"all"};
  train_model(command, context);
  const auto sources = ModelFile::read(folder + "/m").spec.sources;
  ASSERT_EQ(sources.size(), 2u);
  EXPECT_EQ(sources[1].name, "sentinel1");
  EXPECT_EQ(sources[1].bands, (std::vector<std::string>{"VV", "VH"}));
  expect_both_are_classified(folder, context);
  command.request.model.sources = {"sentinel1", "sentinel3"};
  EXPECT_THAT(testing::message_of([&] { train_model(command, context); }),
              AllOf(HasSubstr("sentinel3"), HasSubstr("sentinel2, sentinel1")));
  command.request.model.sources.assign(33, "sentinel1");
  EXPECT_THAT(testing::message_of([&] { train_model(command, context); }), HasSubstr("at most 32 series, got 33"));
  command.request.model.sources = {"all"};
  command.request.model.name = "inception_time";
  EXPECT_THAT(testing::message_of([&] { train_model(command, context); }),
              AllOf(HasSubstr("inception_time"), HasSubstr("one source, got 2")));
}

TEST(SeveralSeries, AreQuantilesOfEachForAForestThatReadsQuantiles) {
  const std::string folder = testing::temp_dir();
  testing::SilentProgress progress;
  Context context;
  context.progress = &progress;
  write_both(folder);
  TrainCommand command;
  command.samples = {folder + "/both.csv", folder + "/optical.csv"};
  command.request.output = folder + "/m";
  command.request.model.name = "random_forest", command.request.model.parameters = {"features=quantiles"};
  command.request.model.sources = {"all"};
  command.request.recipe.trees = 30;
  train_model(command, context);
  const ModelFile forest = ModelFile::read(folder + "/m");
  const std::vector<QuantilePlan> plans = forest_quantiles(forest.spec);
  ASSERT_EQ(plans.size(), 2u);
  EXPECT_EQ(plans[0].dates, static_cast<int>(forest.spec.days.size()));
  EXPECT_EQ(plans[1].dates, static_cast<int>(forest.spec.days_of(1).size()));
  EXPECT_EQ(read_forest(forest).n_features, 2 * plans[0].features + 3 * plans[1].features);  // VV, VH and their ratio
  double radar = 0;
  for (const auto& [band, share] : forest.spec.metrics.at("importance").at("bands").items())
    if (band.starts_with("sentinel1 ")) radar += share.get<double>();
  EXPECT_GT(radar, 0);
  expect_both_are_classified(folder, context);
}

}  // namespace
}  // namespace millesime
