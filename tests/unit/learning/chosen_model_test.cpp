// The models of `auto`, and of names joined by +.

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/text.h"
#include "pipeline/learning/evaluation.h"
#include "pipeline/reports/model_report.h"
#include "pipeline/stages/train.h"
#include "tests/support/message_of.h"
#include "tests/support/silent_context.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/stages/season_table.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::season_table;

std::string report_of(const std::string& model) {
  ModelReportCommand command;
  command.model = model;
  command.output = model + ".html";
  const testing::SilentContext silent;
  write_model_report(model_report_data(command, silent.context), command.output);
  return read_text(command.output);
}

TEST(ChosenModel, IsLtaeOnSeriesWithGapsAndTheBetterOfTwoOnSeriesWithout) {
  const std::string folder = testing::temp_dir();
  write_text(folder + "/gaps.csv", season_table(90, "B8"));
  write_text(folder + "/dense.csv", season_table(90, "B8", false));
  testing::SilentProgress progress;
  Context context;
  context.progress = &progress;
  TrainCommand command;
  ASSERT_EQ(command.request.model.name, kChosenModel);
  command.request.recipe.epochs = 4;
  command.request.recipe.ensemble_samples = 89;
  const auto train = [&](const std::string& samples) {
    command.samples = {folder + samples};
    command.request.output = folder + "/m.safetensors";
    train_model(command, context);
    return ModelFile::read(command.request.output).spec;
  };
  const ModelSpec raw = train("/gaps.csv");
  EXPECT_EQ(raw.architecture, "ltae");
  EXPECT_FALSE(raw.metrics.contains("tried"));

  const ModelSpec dense = train("/dense.csv");
  ASSERT_EQ(dense.metrics["tried"].size(), 2u);
  EXPECT_EQ(dense.architecture == "temporal_cnn", dense.metrics["tried"]["temporal_cnn"] > dense.metrics["tried"]["ltae"]);
  EXPECT_EQ(dense.provenance.n_samples, 90);  // learned again from all
  EXPECT_THAT(progress.notes, ::testing::Contains(HasSubstr("temporal_cnn was tried beside ltae")));
  for (const auto& entry : std::filesystem::directory_iterator(folder)) EXPECT_NE(entry.path().extension(), ".checkpoint") << entry.path();

  command.request.model.input = "regular";  // gaps are filled then, and have no influence
  EXPECT_FALSE(train("/dense.csv").metrics.contains("tried"));
  command.request.model = {};
  command.request.model.parameters = {"d_model=64"};
  EXPECT_THAT(testing::message_of([&] { train("/dense.csv"); }), HasSubstr("choose one"));
}

TEST(ChosenModel, IsTheMeanWithAForestUnlessSamplesAreMany) {
  const std::string folder = testing::temp_dir();
  write_text(folder + "/gaps.csv", season_table(90, "B8"));
  write_text(folder + "/dense.csv", season_table(90, "B8", false));
  testing::SilentProgress progress;
  Context context;
  context.progress = &progress;
  TrainCommand command;
  command.request.output = folder + "/m.safetensors";
  command.request.recipe.epochs = 4;
  command.request.recipe.ensemble_samples = 90;
  const auto members = [&](const std::string& samples) {
    command.samples = {folder + samples};
    EXPECT_EQ(train_model(command, context)["samples"].size(), 3u) << "of three classes";
    std::vector<std::string> names;
    for (const ModelFile& member : ModelFile::read(command.request.output).members) names.push_back(member.spec.architecture);
    return names;
  };
  EXPECT_THAT(members("/gaps.csv"), ::testing::ElementsAre("ltae", "random_forest"));
  command.request.recipe.choice_polygons = 29;  // enough to choose one of the networks
  EXPECT_THAT(members("/dense.csv"), ::testing::ElementsAre(::testing::AnyOf("ltae", "temporal_cnn"), "random_forest"));
  EXPECT_THAT(progress.notes, ::testing::Contains(HasSubstr("temporal_cnn was tried beside ltae")));
  command.request.recipe.choice_polygons = 30;
  EXPECT_THAT(members("/dense.csv"), ::testing::ElementsAre("ltae", "temporal_cnn", "random_forest"));
  EXPECT_THAT(progress.notes, ::testing::Contains("90 samples: the mean of ltae, temporal_cnn, random_forest is kept"));
  for (const auto& entry : std::filesystem::directory_iterator(folder)) EXPECT_NE(entry.path().extension(), ".checkpoint") << entry.path();

  // Each member is the same as a model of its name alone, but the mean is calibrated as one.
  const ModelFile all = ModelFile::read(command.request.output);
  EXPECT_EQ(all.spec.metrics["held_out"]["samples"], 12);
  EXPECT_THAT(model_info_text(command.request.output), ::testing::ContainsRegex("power +[01]\\.[0-9]{3}"));
  EXPECT_THAT(report_of(command.request.output), AllOf(HasSubstr("12 samples that were held out"), HasSubstr("raised to the power")));
  command.request.model.name = "temporal_cnn";
  command.request.recipe = recipe_for("temporal_cnn", command.request.recipe);
  train_model(command, context);
  const ModelFile alone = ModelFile::read(command.request.output);
  EXPECT_EQ(alone.tensors.at("head.weight").values, all.members.at(1).tensors.at("head.weight").values);
  EXPECT_NEAR(alone.spec.temperature, all.members.at(1).spec.temperature * all.spec.metrics["power"].get<double>(), 1e-9);

  // Joined by their names they are the same model.
  command.request.model.name = "ltae+temporal_cnn + random_forest";
  command.request.recipe = {};
  command.request.recipe.epochs = 4;
  train_model(command, context);
  const ModelFile named = ModelFile::read(command.request.output);
  ASSERT_EQ(named.members.size(), 3u);
  EXPECT_EQ(named.spec.metrics["power"], all.spec.metrics["power"]);
  EXPECT_EQ(named.members.at(1).tensors.at("head.weight").values, all.members.at(1).tensors.at("head.weight").values);
  command.request.model.name = "ltae+ltae";
  EXPECT_THAT(testing::message_of([&] { train_model(command, context); }), HasSubstr("same member twice"));
  command.request.model.name = "ltae+ltea";
  EXPECT_THAT(testing::message_of([&] { train_model(command, context); }), HasSubstr("did you mean \"ltae\""));

  // With fine-tuning, or given sources, `auto` is the one network that supports it.
  command = {};
  command.samples = {folder + "/dense.csv"};
  command.request.output = folder + "/m.safetensors";
  command.request.recipe.epochs = 2;
  command.request.model.input = "raw";
  train_model(command, context);
  EXPECT_EQ(ModelFile::read(command.request.output).spec.architecture, "ltae");
}

TEST(ChosenModel, LearnsByTheRecipeOfItsArchitectureWhereNobodySaidOtherwise) {
  Recipe told;
  const Recipe plain = recipe_for("temporal_cnn", told);
  EXPECT_NE(plain.learning_rate, told.learning_rate);
  told.learning_rate = 0.5, told.epochs = 3;
  EXPECT_EQ(recipe_for("temporal_cnn", told).learning_rate, 0.5);
  EXPECT_EQ(recipe_for("temporal_cnn", told).epochs, 3);
  EXPECT_EQ(recipe_for("ltae", Recipe()).learning_rate, Recipe().learning_rate);
}

}  // namespace
}  // namespace millesime
