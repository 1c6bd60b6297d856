// train, evaluate and predict from a table to a model and back.

#include "pipeline/stages/train.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/stages/evaluate.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/stages/silent_progress.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Two bands, five dates, three classes whose seasons differ; every seventh observation is missing.
std::string table(int samples, const std::string& second_band) {
  const std::vector<std::string> days{"20210110", "20210320", "20210601", "20210812", "20211103"};
  std::string text = "label,group";
  for (const std::string& band : {std::string("B4"), second_band})
    for (const auto& day : days) text += "," + band + "_" + day;
  for (int i = 0; i < samples; ++i) {
    const int label = 1 + i % 3;
    text += "\n" + std::to_string(label) + "," + std::to_string(i / 3);
    for (int b = 0; b < 2; ++b)
      for (int d = 0; d < 5; ++d) text += (i + d) % 7 == 0 ? "," : "," + std::to_string(500 + 400 * ((d * label + b) % 5) + i % 11);
  }
  return text + "\n";
}

class TrainStage : public ::testing::TestWithParam<std::string> {
 protected:
  TrainStage() { context.progress = &progress; }
  TrainCommand command(const std::string& samples, const std::string& output) {
    TrainCommand c;
    c.samples = {samples};
    c.output = output;
    c.model.name = GetParam();
    c.time.step_days = 0;
    c.recipe.epochs = 15;
    c.recipe.trees = 20;
    return c;
  }
  testing::SilentProgress progress;
  Context context;
};
INSTANTIATE_TEST_SUITE_P(Models, TrainStage, ::testing::Values("ltae", "temporal_cnn", "transformer", "mlp", "random_forest"),
                         [](const auto& test) { return test.param; });

TEST_P(TrainStage, FromATableToAModelThatKnowsIt) {
  const std::string folder = testing::temp_dir(), samples = folder + "/samples.csv";
  write_text(samples, table(180, "B8"));
  const auto counts = train_model(command(samples, folder + "/a.safetensors"), context);
  EXPECT_EQ(counts["samples"].size(), 3u);
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
  write_text(folder + "/a.csv", table(60, "B8"));
  write_text(folder + "/b.csv", table(60, "B3"));
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

}  // namespace
}  // namespace millesime
