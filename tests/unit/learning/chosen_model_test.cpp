// The models of `auto`, and of names joined by +.

#include <filesystem>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/base/season.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/chance.h"
#include "pipeline/core/text.h"
#include "pipeline/learning/evaluation.h"
#include "pipeline/reports/model_report.h"
#include "pipeline/stages/train.h"
#include "tests/support/message_of.h"
#include "tests/support/sanitized.h"
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

class ChosenModel : public ::testing::Test {
 protected:
  ChosenModel() {
    write_text(folder_ + "/gaps.csv", season_table(90, "B8"));
    write_text(folder_ + "/dense.csv", season_table(90, "B8", false));
    context_.progress = &progress_;
    command_.request.output = folder_ + "/m.safetensors";
    command_.request.recipe.epochs = 4;
  }

  ModelFile train(const std::string& samples) {
    command_.samples = {folder_ + samples};
    EXPECT_EQ(train_model(command_, context_)["samples"].size(), 3u) << "of three classes";
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      EXPECT_EQ(entry.path().string().find(".checkpoint"), std::string::npos) << entry.path();
    return ModelFile::read(command_.request.output);
  }

  static std::vector<std::string> names(const ModelFile& model) {
    std::vector<std::string> names;
    for (const ModelFile& member : model.members) names.push_back(member.spec.architecture);
    return names;
  }

  std::string folder_ = testing::temp_dir();
  testing::SilentProgress progress_;
  Context context_;
  TrainCommand command_;
};

TEST_F(ChosenModel, TooLittleMemoryIsRefusedWithWhatIsEnough) {
  command_.request.model.name = "random_forest", command_.samples = {folder_ + "/dense.csv"};
  const auto message = [&] { return testing::message_of([&] { train_model(command_, context_); }); };
  context_.memory_bytes = 1 << 20;
  const std::string refused = message();
  const auto at = refused.find("expected at least ");
  ASSERT_NE(at, std::string::npos) << refused;
  context_.memory_bytes = std::int64_t{std::stol(refused.substr(at + 18))} << 20;
  EXPECT_EQ(message(), "no error");
}

TEST_F(ChosenModel, ForAnyDayHasMembersThatMakeMapsOfAnyDay) {
  if (testing::kSanitized) GTEST_SKIP() << testing::kJudgesLearning;
  command_.request.recipe.season_cut = 1, command_.request.recipe.epochs = 1;
  for (const char* samples : {"/gaps.csv", "/dense.csv"}) {
    progress_.notes.clear();
    ModelFile model = train(samples);
    EXPECT_THAT(progress_.notes, ::testing::Contains(HasSubstr("only members that make maps of any day")));
    if (model.members.empty()) model.members.push_back(model);
    for (const ModelFile& member : model.members) EXPECT_TRUE(knows_early_maps(member)) << member.spec.architecture << samples;
  }
}

TEST_F(ChosenModel, AMeanForAnyDayHasNoMemberThatNeedsWholeSeasons) {
  command_.request.recipe.season_cut = 1, command_.request.recipe.epochs = 1;
  command_.request.model.name = "ltae+random_forest";
  EXPECT_THAT(testing::message_of([&] { train("/gaps.csv"); }), HasSubstr("train.season_cut: random_forest learns from whole seasons"));
}

TEST_F(ChosenModel, IsWhatTheEffortNames) {
  ASSERT_EQ(command_.request.model.name, kChosenModel);
  ASSERT_EQ(command_.request.recipe.effort, "standard");
  const ModelFile standard = train("/gaps.csv");
  EXPECT_THAT(progress_.notes,
              ::testing::Contains(AllOf(HasSubstr("train.effort = \"standard\": trains 2 ltae, 2 temporal_cnn, random_forest (in 5 folds)"),
                                        HasSubstr("to map a Sentinel-2 tile with them will take about"))));
  EXPECT_EQ(standard.spec.metrics["tried"].size(), 3u);
  EXPECT_THAT(names(standard), ::testing::Each(::testing::AnyOf("ltae", "temporal_cnn", "random_forest")));
  ASSERT_GE(standard.members.size(), 2u);
  EXPECT_EQ(standard.spec.metrics["held_out"]["samples"], 90);  // every polygon was held out once
  EXPECT_EQ(standard.spec.metrics["held_out"]["chose_epoch"], true) << "six polygons of a fold are too few to choose the epoch for others";
  double weights = 0;
  for (const ModelFile& member : standard.members) {
    EXPECT_EQ(member.spec.provenance.n_samples, 90) << "learned again from all";
    EXPECT_EQ(member.spec.metrics["folds"], 5);
    weights += member.spec.weight;
  }
  EXPECT_NEAR(weights, static_cast<double>(standard.members.size()), 1e-9);

  command_.request.recipe.effort = "quick";
  EXPECT_THAT(names(train("/gaps.csv")), ::testing::ElementsAre("ltae", "random_forest"));
  const ModelFile quick = train("/dense.csv");
  EXPECT_THAT(names(quick), ::testing::ElementsAre("temporal_cnn", "random_forest"));
  EXPECT_EQ(quick.spec.metrics["held_out"]["samples"], 12);

  // With fine-tuning, or given sources or input, `auto` is the one network that supports it.
  command_.request.model.input = "raw";
  EXPECT_EQ(train("/dense.csv").spec.architecture, "ltae");
  command_.request.model = {};
  command_.request.model.parameters = {"d_model=64"};
  EXPECT_THAT(testing::message_of([&] { train("/dense.csv"); }), HasSubstr("choose one"));
}

// Labels without any relation to the series: no accuracy is above that of chance but by chance, whichever epoch is kept.
TEST_F(ChosenModel, SaysOfFoldsWhatEpochsThatOthersChoseAreWorth) {
  if (testing::kSanitized) GTEST_SKIP() << testing::kJudgesLearning;
  command_.request.model.name = "mlp", command_.request.folds = 5, command_.request.recipe.epochs = 20;
  command_.request.model.parameters = {"layers=1", "width=32"}, command_.request.recipe.doubtful = 0;
  constexpr int kTables = 2;
  double accuracy = 0;
  for (std::uint64_t seed = 0; seed < kTables; ++seed) {
    std::mt19937_64 random(seed);
    std::string table = "label,N_20210115,N_20210415,N_20210715,N_20211015\n";
    for (int i = 0; i < 120; ++i) {
      table += std::to_string(1 + i % 4);
      for (int date = 0; date < 4; ++date) table += "," + fixed(0.4 + 0.1 * normal(random), 4);
      table += "\n";
    }
    write_text(folder_ + "/chance.csv", table);
    command_.samples = {folder_ + "/chance.csv"};
    train_model(command_, context_);
    const nlohmann::json held_out = ModelFile::read(command_.request.output).spec.metrics["held_out"];
    EXPECT_EQ(held_out["chose_epoch"], false) << "24 groups of a fold are enough";
    accuracy += held_out["accuracy"].get<double>() / kTables;
  }
  EXPECT_NEAR(accuracy, 0.25, 0.056);  // two standard errors
}

TEST_F(ChosenModel, MayBeSeveralNetworksOfOneArchitecture) {
  if (testing::kSanitized) GTEST_SKIP() << testing::kJudgesLearning;
  command_.request.recipe.effort = "best";
  command_.request.recipe.epochs = 1;
  write_text(folder_ + "/gaps.csv", season_table(30, "B8"));
  for (const double held_out : {0.15, 0.0}) {  // 0: they learn from all samples at once
    command_.request.recipe.validation_ratio = held_out;
    const ModelFile best = train("/gaps.csv");
    EXPECT_THAT(names(best), ::testing::Contains("ltae").Times(3));
    std::set<std::int64_t> seeds;
    std::set<double> weights;
    std::set<std::vector<float>> heads;
    for (const ModelFile& member : best.members) {
      if (member.spec.architecture != "ltae") continue;
      seeds.insert(member.spec.provenance.seed), weights.insert(member.spec.weight);
      heads.insert(member.tensors.at("head.weight").values);
    }
    EXPECT_EQ(seeds.size(), 3u);
    EXPECT_EQ(heads.size(), 3u) << "each learned with its own seed";
    EXPECT_EQ(weights.size(), 1u);
  }
}

TEST_F(ChosenModel, OfSeveralNamesIsTheirWeightedMean) {
  command_.request.model.name = "ltae+temporal_cnn + random_forest";
  const ModelFile all = train("/dense.csv");
  EXPECT_THAT(names(all), ::testing::ElementsAre("ltae", "temporal_cnn", "random_forest"));
  EXPECT_THAT(progress_.notes, ::testing::Contains("90 samples: the mean of ltae, temporal_cnn, random_forest is kept"));
  EXPECT_EQ(all.spec.metrics["held_out"]["samples"], 12);
  EXPECT_THAT(model_info_text(command_.request.output), ::testing::ContainsRegex("power +[01]\\.[0-9]{3}"));
  EXPECT_THAT(report_of(command_.request.output), AllOf(HasSubstr("12 samples that were held out"), HasSubstr("raised to the power")));

  // Each member is the same as a model of its name alone, but the mean is calibrated as one.
  command_.request.model.name = "temporal_cnn";
  command_.request.recipe = recipe_for("temporal_cnn", command_.request.recipe);
  const ModelFile alone = train("/dense.csv");
  EXPECT_EQ(alone.tensors.at("head.weight").values, all.members.at(1).tensors.at("head.weight").values);
  EXPECT_NEAR(alone.spec.temperature, all.members.at(1).spec.temperature * all.spec.metrics["power"].get<double>(), 1e-9);

  command_.request.model.name = "ltae+ltae";
  EXPECT_THAT(testing::message_of([&] { train("/dense.csv"); }), HasSubstr("same member twice"));
  command_.request.model.name = "ltae+ltea";
  EXPECT_THAT(testing::message_of([&] { train("/dense.csv"); }), HasSubstr("did you mean \"ltae\""));
}

// Thirty polygons of six samples of three classes, some with the label of another class.
std::string polygons_with_wrong_labels(const std::set<int>& wrong) {
  std::string text = "label,group,B4_20210110,B4_20210601,B4_20211103";
  for (int i = 0; i < 180; ++i) {
    const int polygon = i / 6, seen = polygon % 3;
    text += join_text("\n", 1 + (wrong.contains(polygon) ? (seen + 1) % 3 : seen), ",", polygon);
    for (int date = 0; date < 3; ++date) text += join_text(",", 500 + 900 * ((seen + date) % 3) + 7 * (i % 13));
  }
  return text + "\n";
}

TEST_F(ChosenModel, LearnsWithoutPolygonsWhoseLabelOthersContradict) {
  command_.request.model.name = "random_forest";
  write_text(folder_ + "/wrong.csv", polygons_with_wrong_labels({4, 11}));
  const ModelFile cleaned = train("/wrong.csv");
  EXPECT_EQ(cleaned.spec.provenance.n_samples, 168);
  EXPECT_EQ(cleaned.spec.metrics["doubtful"]["polygons"], 2);
  EXPECT_THAT(progress_.notes, ::testing::Contains(HasSubstr("2 of 30 polygons (12 samples) do not learn")));
  EXPECT_THAT(model_info_text(command_.request.output), HasSubstr("left out     2 polygons of 12 samples"));
  const std::int64_t held_out = cleaned.spec.metrics["held_out"]["samples"];
  write_text(folder_ + "/right.csv", polygons_with_wrong_labels({}));
  EXPECT_EQ(train("/right.csv").spec.provenance.n_samples, 180);
  EXPECT_THAT(model_info_text(command_.request.output), ::testing::Not(HasSubstr("left out")));
  command_.request.recipe.doubtful = 0;
  const ModelFile uncleaned = train("/wrong.csv");
  EXPECT_EQ(uncleaned.spec.provenance.n_samples, 180);
  EXPECT_EQ(uncleaned.spec.metrics["held_out"]["samples"], held_out);
}

TEST_F(ChosenModel, IsJudgedByAllPolygonsAlsoByDoubtfulOnes) {
  command_.request.model.name = "random_forest";
  for (int polygon = 0; polygon < 30; ++polygon) {  // each in turn: some of them are held out
    write_text(folder_ + "/wrong.csv", polygons_with_wrong_labels({polygon}));
    const ModelFile model = train("/wrong.csv");
    ASSERT_EQ(model.spec.metrics["doubtful"]["polygons"], 1) << polygon;
    ASSERT_EQ(model.spec.provenance.n_samples, 174);
    if (model.spec.metrics["held_out"]["accuracy"] < 1) return;  // it was held out, and judged
  }
  FAIL() << "no polygon with a wrong label has judged";
}

TEST_F(ChosenModel, LosesNoClassToItsDoubts) {
  command_.request.model.name = "random_forest";
  command_.request.recipe.doubtful = 0.2;
  write_text(folder_ + "/wrong.csv", polygons_with_wrong_labels({1, 4, 7}));  // three of the ten that are seen alike
  EXPECT_EQ(train("/wrong.csv").spec.metrics["doubtful"]["polygons"], 2) << "a fifth of the 13 polygons with their label";
}

TEST(ChosenRecipe, LearnsByTheRecipeOfItsArchitectureWhereNobodySaidOtherwise) {
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
