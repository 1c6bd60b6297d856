// Models that read coordinates: what they gain where a class differs by region, and samples that have none.

#include "pipeline/learning/sample_statics.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/coordinate_inputs.h"
#include "pipeline/core/error.h"
#include "pipeline/learning/evaluation.h"
#include "pipeline/stages/train.h"
#include "tests/support/message_of.h"
#include "tests/support/sanitized.h"
#include "tests/support/silent_context.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

// Two crops over 10 x 10 degrees, whose season begins the later the further north: the early one of the north looks like the late one of
// the south. Blocks of a degree, of which every third judges.
std::string world(bool with_degrees) {
  std::string table = with_degrees ? "label,group,longitude,latitude,split" : "label,group,split";
  for (int month = 1; month <= 12; ++month) table += join_text(",N_2021", month < 10 ? "0" : "", month, "15");
  table += "\n";
  int sample = 0;
  for (int block = 0; block < 100; ++block)
    for (int i = 0; i < 4; ++i, ++sample) {
      const int label = 1 + i % 2;
      // Both crops have the same latitudes, so that no peak gives the crop away.
      const double longitude = -3 + block % 10 + 0.22 * i, latitude = 42 + block / 10 + sample / 2 * 61 % 97 * 0.01;
      const double peak = 3.5 + 0.5 * (latitude - 42) + 2 * (label - 1);
      table += join_text(label, ",", sample, ",");
      if (with_degrees) table += join_text(longitude, ",", latitude, ",");
      table += block % 3 == 0 ? "test" : "learn";
      for (int month = 1; month <= 12; ++month)
        table += join_text(",", std::round(1000 * std::exp(-std::pow(month - peak, 2) / 4) + sample * 7919 % 61) / 1000);
      table += "\n";
    }
  return table;
}

class CoordinatesOfSamples : public ::testing::TestWithParam<std::string> {
 protected:
  CoordinatesOfSamples() {
    write_text(folder + "/s.csv", world(true));
    write_text(folder + "/nowhere.csv", world(false));
    command.samples = {folder + "/s.csv"};
    command.request.output = folder + "/m.safetensors";
    command.request.model.name = GetParam();
    command.request.recipe.epochs = 30;
    command.request.recipe.refit_polygons = 0;
    command.request.recipe.batch = 32;
  }
  double judged(const std::string& samples = "s.csv") {
    EvaluateCommand evaluate;
    evaluate.model = command.request.output, evaluate.samples = {folder + "/" + samples};
    return evaluate_model(evaluate, silent.context).accuracy.overall;
  }
  const std::string folder = testing::temp_dir();
  TrainCommand command;
  testing::SilentContext silent;
};
INSTANTIATE_TEST_SUITE_P(Models, CoordinatesOfSamples, ::testing::Values("random_forest", "temporal_cnn", "ltae"),
                         [](const auto& test) { return test.param; });

TEST_P(CoordinatesOfSamples, TellApartInBlocksWithoutReferenceWhatLooksAlike) {
  if (testing::kSanitized) GTEST_SKIP() << testing::kJudgesLearning;
  train_model(command, silent.context);
  const double without = judged();
  EXPECT_EQ(judged("nowhere.csv"), without) << "longitude and latitude of a table are no inputs by themselves";
  command.request.model.coordinates = true;
  train_model(command, silent.context);
  const double with = judged();
  EXPECT_LT(without, 0.85);
  EXPECT_GT(with, 0.93);
  const ModelSpec spec = ModelFile::read(command.request.output).spec;
  ASSERT_EQ(spec.statics.size(), coordinate_inputs().size());
  EXPECT_EQ(spec.statics.front().name, "coordinates:latitude");
  EXPECT_THAT(message_of([&] { judged("nowhere.csv"); }),
              ::testing::AllOf(HasSubstr("nowhere.csv: the model reads coordinates"), HasSubstr("columns longitude and latitude")));
}

TEST_P(CoordinatesOfSamples, AreRefusedWhereOneIsNotKnown) {
  command.request.model.coordinates = true;
  command.samples = {folder + "/nowhere.csv"};
  EXPECT_THAT(message_of([&] { train_model(command, silent.context); }), HasSubstr("the samples have no longitude and latitude"));
  write_text(folder + "/hole.csv", world(true) + "1,9000,,,learn,.1,.1,.1,.1,.1,.1,.1,.1,.1,.1,.1,.1\n");
  command.samples = {folder + "/hole.csv"};
  EXPECT_THAT(message_of([&] { train_model(command, silent.context); }), HasSubstr("sample 400 has no longitude and latitude"));
}

// Hydraulic conductivity in m/s and in um/s: networks see either.
TEST(StaticNumbers, AreNormalisedWhateverTheirMagnitude) {
  const std::string folder = testing::temp_dir();
  TrainCommand command;
  command.samples = {folder + "/s.csv"}, command.request.tables.statics = {"ksat", "flat"};
  command.request.output = folder + "/m.safetensors";
  command.request.model.name = "mlp", command.request.recipe.epochs = 1;
  const testing::SilentContext silent;
  const auto learned = [&](const std::string& power) {
    std::string table = "label,N_20210115,ksat,flat\n";
    for (int i = 0; i < 60; ++i) table += join_text(1 + i % 2, ",0.", 400 + i, ",", 1 + i % 3, "e", power, ",0.1\n");
    write_text(command.samples.front(), table);
    train_model(command, silent.context);
    return ModelFile::read(command.request.output).spec.statics;
  };
  for (const auto& [power, unit] : {std::pair("-7", 1e-7), std::pair("0", 1.0), std::pair("7", 1e7)}) {
    const auto statics = learned(power);
    ASSERT_EQ(statics.size(), 2u);
    EXPECT_NEAR(statics[0].mean / unit, 2, 1e-3);
    EXPECT_NEAR(statics[0].deviation / unit, std::sqrt(2.0 / 3), 1e-3);
    EXPECT_EQ(statics[1].deviation, 1) << "a constant";
  }
}

TEST(Classes, MoreThanAMapCanLabelAreRefusedBeforeTraining) {
  const std::string folder = testing::temp_dir();
  std::string table = "label,N_20210115,N_20210715\n";
  for (int i = 0; i < 600; ++i) table += join_text(1 + i % 300, ",0.", 400 + i % 300, ",0.5\n");
  write_text(folder + "/s.csv", table);
  TrainCommand command;
  command.samples = {folder + "/s.csv"}, command.request.output = folder + "/m.safetensors";
  testing::SilentContext silent;
  for (const char* model : {"mlp", "random_forest", "auto"}) {
    command.request.model.name = model;
    EXPECT_THAT(message_of([&] { train_model(command, silent.context); }), HasSubstr("300 classes; expected at most 256")) << model;
  }
}

}  // namespace
}  // namespace millesime
