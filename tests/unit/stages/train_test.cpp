// train, evaluate and predict from a table to a model and back.

#include "pipeline/stages/train.h"
#include "pipeline/learning/learn_model.h"

#include <filesystem>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/base/ensemble.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/learning/evaluation.h"
#include "pipeline/stages/layout.h"
#include "tests/support/message_of.h"
#include "tests/support/sanitized.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/stages/season_table.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::season_table;

class TrainStage : public ::testing::TestWithParam<std::string> {
 protected:
  TrainStage() { context.progress = &progress; }
  TrainCommand command(const std::string& samples, const std::string& output) {
    TrainCommand c;
    c.samples = {samples};
    c.request.output = output;
    c.request.model.name = GetParam();
    c.request.time.step_days = 0;
    c.request.recipe.epochs = 15;
    c.request.recipe.trees = 20;
    return c;
  }
  testing::SilentProgress progress;
  Context context;
};
INSTANTIATE_TEST_SUITE_P(Models, TrainStage, ::testing::Values("ltae", "temporal_cnn", "transformer", "mlp", "random_forest"),
                         [](const auto& test) { return test.param; });

TEST_P(TrainStage, FromATableToAModelThatKnowsIt) {
  if (testing::kSanitized && GetParam() != "ltae" && GetParam() != "random_forest") GTEST_SKIP() << testing::kJudgesLearning;
  const std::string folder = testing::temp_dir(), samples = folder + "/samples.csv";
  write_text(samples, season_table(180, "B8"));
  const auto counts = train_model(command(samples, folder + "/a.safetensors"), context);
  EXPECT_EQ(counts["samples"].size(), 3u);
  EXPECT_THAT(testing::message_of([&] { train_model(command(folder + "/no such samples", folder), context); }), HasSubstr("is a folder"))
      << "before the samples are read";
  train_model(command(samples, folder + "/b.safetensors"), context);
  EXPECT_EQ(read_text(folder + "/a.safetensors"), read_text(folder + "/b.safetensors"));  // same samples, options and seed

  EvaluateCommand evaluate;
  evaluate.model = folder + "/a.safetensors";
  evaluate.samples = {samples};
  evaluate.output = folder + "/report";
  evaluate.all_samples = true;
  const Evaluation evaluation = evaluate_model(evaluate, context);
  EXPECT_EQ(evaluation.accuracy.total, 180);
  EXPECT_GE(evaluation.accuracy.overall, 0.95);
  EXPECT_THAT(read_text(folder + "/report/evaluation.json"), HasSubstr("\"calibration_error\""));

  PredictCommand predict;
  predict.model = evaluate.model;
  predict.samples = {samples};
  predict.output = folder + "/p.csv";
  EXPECT_EQ(predict_samples(predict, context), 180);
  const auto lines = split_text(read_text(predict.output), '\n');
  EXPECT_EQ(lines.front(), "file,sample,label,predicted,confidence,p_1,p_2,p_3");
  EXPECT_EQ(lines.size(), 182u);  // header, rows, end
  EXPECT_THAT(model_info_text(evaluate.model), AllOf(HasSubstr(GetParam()), HasSubstr("B4, B8"), HasSubstr("samples.csv")));
}

TEST_P(TrainStage, OtherBandsAreAnErrorThatNamesBothSides) {
  const std::string folder = testing::temp_dir();
  write_text(folder + "/a.csv", season_table(60, "B8"));
  write_text(folder + "/b.csv", season_table(60, "B3"));
  train_model(command(folder + "/a.csv", folder + "/m.safetensors"), context);
  EvaluateCommand evaluate;
  evaluate.model = folder + "/m.safetensors";
  evaluate.samples = {folder + "/b.csv"};
  try {
    evaluate_model(evaluate, context);
    FAIL() << "no error";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("b.csv"), HasSubstr("missing: B8")));
  }
}

TEST_P(TrainStage, ClassCountsBeforeAndAfterAreInTheModelAndOnTheLog) {
  if (testing::kSanitized && GetParam() != "mlp" && GetParam() != "random_forest") GTEST_SKIP() << testing::kJudgesLearning;
  const std::string folder = testing::temp_dir();
  write_text(folder + "/samples.csv", season_table(180, "B8"));
  TrainCommand few = command(folder + "/samples.csv", folder + "/m.safetensors");
  few.request.selection.strategy = "constant", few.request.selection.number = 40;
  few.request.selection.by_class = {"3=10"};
  few.request.recipe.oversample = "smote", few.request.recipe.oversample_to = 50;
  few.request.recipe.epochs = 2;
  const auto counts = train_model(few, context);
  EXPECT_EQ(counts["classes"][2], (nlohmann::json{{"code", 3}, {"found", 60}, {"selected", 10}, {"learned", 50}}));
  const ModelSpec spec = ModelFile::read(few.request.output).spec;  // also after a second training with all samples
  ASSERT_EQ(spec.provenance.classes.size(), 3u);
  for (const ClassCount& entry : spec.provenance.classes) EXPECT_EQ(entry.learned, 50) << entry.code;
  EXPECT_EQ(spec.provenance.classes.front().selected, 40);
  EXPECT_EQ(spec.provenance.n_samples, 90) << "what was made is not counted as a sample";
  EXPECT_THAT(counts_text(spec), AllOf(HasSubstr("constant 40, 3=10"), HasSubstr("smote to 50"), HasSubstr("class 3")));
  EXPECT_THAT(model_info_text(few.request.output), HasSubstr("constant 40, 3=10"));
  EXPECT_EQ(train_model(command(folder + "/samples.csv", folder + "/all.safetensors"), context).contains("classes"), false);
  few.request.selection.number = 0;
  EXPECT_THAT(testing::message_of([&] { train_model(few, context); }), HasSubstr("train.select_number"));
}

// Simulates a kill -9 while the second network learns.
class KilledAfter : public testing::SilentProgress {
 public:
  explicit KilledAfter(int epochs) : left_(epochs) {}
  void advance(std::int64_t) override {
    if (--left_ < 0) throw std::runtime_error("killed");
  }

 private:
  int left_;
};

TEST(InterruptedTraining, GoesOnFromItsCheckpointWhichIsRemovedInTheEnd) {
  const std::string folder = testing::temp_dir(), checkpoint = folder + "/a-model.safetensors.ltae.checkpoint";
  write_text(folder + "/s.csv", season_table(90, "B8"));
  TrainCommand command;
  command.request.recipe.effort = "quick";
  command.samples = {folder + "/s.csv"};
  command.request.output = folder + "/a-model.safetensors";
  command.request.recipe.epochs = 5;
  Context context;
  testing::SilentProgress undisturbed;
  context.progress = &undisturbed;
  train_model(command, context);
  const std::string bytes = read_text(command.request.output);
  EXPECT_FALSE(std::filesystem::exists(checkpoint));
  std::filesystem::remove(command.request.output);

  KilledAfter killed(5);
  context.progress = &killed;
  EXPECT_THROW(train_model(command, context), std::runtime_error);
  EXPECT_TRUE(std::filesystem::exists(checkpoint));
  testing::SilentProgress resumed;
  context.progress = &resumed;
  train_model(command, context);
  EXPECT_EQ(read_text(command.request.output), bytes);
  EXPECT_THAT(resumed.notes, ::testing::Contains(HasSubstr("continues after epoch 5")));
  EXPECT_FALSE(std::filesystem::exists(checkpoint));
}

TEST(AnyDay, WeightsOfPartsOfTheYearStandBesideThoseOfTheWholeSeason) {
  if (testing::kSanitized) GTEST_SKIP() << testing::kJudgesLearning;
  const std::string folder = testing::temp_dir();
  write_text(folder + "/s.csv", season_table(60, "B8"));
  TrainCommand command;
  command.samples = {folder + "/s.csv"};
  command.request.model.name = "ltae";
  command.request.recipe.epochs = 2;
  Context context;
  testing::SilentProgress progress;
  context.progress = &progress;
  const auto train = [&](double cut, const std::string& name) {
    command.request.recipe.season_cut = cut, command.request.output = folder + "/" + name;
    train_model(command, context);
    return ModelFile::read(command.request.output);
  };
  const ModelFile usual = train(0, "usual.safetensors"), any = train(1, "any.safetensors");
  for (const auto& [name, tensor] : usual.tensors) EXPECT_EQ(any.tensors.at(name).values, tensor.values) << name;
  EXPECT_EQ(any.spec.temperature, usual.spec.temperature);
  const nlohmann::json& parts = any.spec.metrics["season"]["parts"];
  std::vector<int> middles;
  for (const auto& part : parts) {
    middles.push_back(part["middle"]);
    EXPECT_THAT(part["epoch"].get<int>(), AllOf(::testing::Ge(1), ::testing::Le(2)));
  }
  ASSERT_EQ(middles.size(), 27u);  // dates from 10 January to 3 November
  EXPECT_EQ(middles.front(), 40);
  EXPECT_EQ(middles.back(), 300);
  EXPECT_EQ(any.tensors.size(), 28 * usual.tensors.size());
  EXPECT_EQ(any.spec.metrics["season"]["powers"].back(), (nlohmann::json{307, 1})) << "the whole season's calibration";
  EXPECT_THAT(model_info_text(command.request.output), HasSubstr("around day 40, 50, ..., 300 of the year"));
  EXPECT_NE(any.tensors.at("season/0/head.weight").values, any.tensors.at("season/26/head.weight").values);

  // Killed while the third part of the first network learns, and while the second network learns.
  const std::string bytes = read_text(command.request.output);
  for (const int epochs : {7, 60}) {
    KilledAfter killed(epochs);
    context.progress = &killed;
    EXPECT_THROW(train(1, "again.safetensors"), std::runtime_error);
    context.progress = &progress;
    train(1, "again.safetensors");
    EXPECT_EQ(read_text(command.request.output), bytes);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 4) << "no checkpoint stays";
    std::filesystem::remove(command.request.output);
  }
}

TEST(Labels, OfTablesMayBeAnyCodeFromOneOn) {
  const std::string folder = testing::temp_dir();
  testing::SilentProgress progress;
  Context context;
  context.progress = &progress;
  const auto train = [&](const std::string& a, const std::string& b) {
    std::string text = "label,B4_20210320,B4_20210601\n";
    for (int i = 0; i < 20; ++i) text += (i % 2 ? a + ",100,200\n" : b + ",900,100\n");
    write_text(folder + "/s.csv", text);
    TrainCommand command;
    command.samples = {folder + "/s.csv"};
    command.request.output = folder + "/m";
    command.request.model.name = "random_forest";
    train_model(command, context);
    return ModelFile::read(folder + "/m").spec.classes;
  };
  EXPECT_EQ(train("1101010011", "2001020022"), (std::vector<int>{1101010011, 2001020022}));
  EXPECT_THAT(testing::message_of([&] { train("-3", "4"); }), AllOf(HasSubstr("s.csv:3: column label"), HasSubstr("-3")));
}

TEST(Forest, LearnsFromAllSamplesAndIsCalibratedByAPartOfThem) {
  const std::string folder = testing::temp_dir();
  testing::SilentProgress progress;
  Context context;
  context.progress = &progress;
  write_text(folder + "/s.csv", season_table(240, "B8"));
  TrainCommand command;
  command.request.recipe.effort = "quick";
  command.samples = {folder + "/s.csv"};
  command.request.output = folder + "/m";
  command.request.model.name = "random_forest";
  command.request.recipe.trees = 20;
  train_model(command, context);
  const ModelFile calibrated = ModelFile::read(command.request.output);
  EXPECT_EQ(calibrated.spec.provenance.n_samples, 240);
  EXPECT_EQ(calibrated.spec.provenance.n_held_out, 36);
  EXPECT_TRUE(calibrated.spec.metrics["held_out"].contains("calibration_error"));
  EXPECT_THAT(model_info_text(command.request.output), AllOf(HasSubstr("240 samples"), HasSubstr("calibration error")));

  command.request.recipe.validation_ratio = 0;  // shares of votes, as of old
  train_model(command, context);
  const ModelFile plain = ModelFile::read(command.request.output);
  EXPECT_EQ(plain.spec.temperature, 1);
  EXPECT_FALSE(plain.spec.metrics.contains("held_out"));
  EXPECT_EQ(plain.integers.at("feature").values, calibrated.integers.at("feature").values);

  std::string others = season_table(240, "B8");
  for (auto place = others.find(",5"); place != std::string::npos; place = others.find(",5", place)) others[place + 1] = '6';
  write_text(folder + "/v.csv", others);
  command.request.validation = folder + "/v.csv";
  train_model(command, context);
  EXPECT_EQ(ModelFile::read(command.request.output).spec.provenance.n_held_out, 240);
}

TEST(FineTuning, GoesOnFromATrainedModelWithItsNormalisation) {
  const std::string folder = testing::temp_dir();
  testing::SilentProgress progress;
  Context context;
  context.progress = &progress;
  write_text(folder + "/s.csv", season_table(180, "B8"));
  write_text(folder + "/few.csv", season_table(24, "B8"));
  TrainCommand command;
  command.request.recipe.effort = "quick";
  command.samples = {folder + "/s.csv"};
  command.request.output = folder + "/first";
  command.request.recipe.epochs = 15;
  train_model(command, context);
  command.samples = {folder + "/few.csv"};
  command.request.output = folder + "/second";
  command.request.init_from = folder + "/first";
  command.request.recipe.epochs = 1, command.request.recipe.learning_rate = 1e-7, command.request.recipe.average_decay = 0;
  train_model(command, context);
  EXPECT_EQ(ModelFile::read(folder + "/second").spec.sources.front().mean, ModelFile::read(folder + "/first").spec.sources.front().mean);
  EvaluateCommand evaluate;
  evaluate.model = folder + "/second";
  evaluate.samples = {folder + "/s.csv"};
  evaluate.all_samples = true;
  EXPECT_GE(evaluate_model(evaluate, context).accuracy.overall, 0.95);  // it has not learned this from 24 samples in one epoch

  command.request.model.name = "transformer";
  EXPECT_THAT(testing::message_of([&] { train_model(command, context); }), AllOf(HasSubstr("first"), HasSubstr("is a ltae")));
  command.request.model.name = "random_forest";
  EXPECT_THAT(testing::message_of([&] { train_model(command, context); }), HasSubstr("a random_forest cannot be fine-tuned"));
  command.request.model.name = "ltae";
  write_text(folder + "/few.csv", season_table(24, "B3"));
  EXPECT_THAT(testing::message_of([&] { train_model(command, context); }), AllOf(HasSubstr("B4, B8"), HasSubstr("B4, B3")));
}

// label, then probabilities, of each row that predict writes.
std::vector<std::vector<double>> predicted(const std::string& model, const std::string& samples, const Context& context) {
  PredictCommand predict;
  predict.model = model;
  predict.samples = {samples};
  predict.output = model + ".csv";
  predict_samples(predict, context);
  std::vector<std::vector<double>> rows;
  for (const auto& line : split_text(read_text(predict.output), '\n')) {
    const auto cells = split_text(line, ',');
    if (cells.size() < 8 || cells[0] == "file") continue;
    rows.push_back({});
    for (std::size_t c = 5; c < 8; ++c) rows.back().push_back(std::stod(cells[c]));
  }
  return rows;
}

TEST(Ensemble, IsUsedLikeAModelAndGivesTheMeanOfItsMembers) {
  const std::string folder = testing::temp_dir();
  testing::SilentProgress progress;
  Context context;
  context.progress = &progress;
  write_text(folder + "/s.csv", season_table(60, "B8"));
  std::vector<ModelFile> members;
  for (const char* name : {"ltae", "random_forest"}) {  // of raw and of regular input
    TrainCommand command;
    command.samples = {folder + "/s.csv"};
    command.request.output = folder + "/" + name;
    command.request.model.name = name;
    command.request.time.step_days = 0;
    command.request.recipe.epochs = 4;
    train_model(command, context);
    members.push_back(ModelFile::read(command.request.output));
  }
  make_ensemble(members).write(folder + "/both");
  const auto a = predicted(folder + "/ltae", folder + "/s.csv", context),
             b = predicted(folder + "/random_forest", folder + "/s.csv", context),
             mean = predicted(folder + "/both", folder + "/s.csv", context);
  ASSERT_EQ(mean.size(), 60u);
  for (std::size_t i = 0; i < 60; ++i)
    for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(mean[i][k], (a[i][k] + b[i][k]) / 2, 2e-4);  // written with four decimals
  EvaluateCommand evaluate;
  evaluate.model = folder + "/both";
  evaluate.samples = {folder + "/s.csv"};
  EXPECT_EQ(evaluate_model(evaluate, context).accuracy.total, 60);
  EXPECT_THAT(model_info_text(evaluate.model),
              AllOf(HasSubstr("ensemble"), HasSubstr("member       ltae"), HasSubstr("member       random_forest")));
}

}  // namespace
}  // namespace millesime
