// The page about a model, and its data.

#include "pipeline/reports/model_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/stages/train.h"
#include "tests/support/message_of.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Three classes that differ only in B4 on 1 June; B5 and the other dates are noise. Every fifth observation of 20 March is missing.
// Every third group tests.
std::string table(int samples) {
  std::string text = "label,group,split,B4_20210320,B4_20210601,B4_20210812,B5_20210320,B5_20210601,B5_20210812,slope";
  std::uint32_t chance = 1;
  for (int i = 0; i < samples; ++i) {
    const int label = 1 + i % 3;
    text += "\n" + std::to_string(label) + "," + std::to_string(i / 6 * 3 + i % 3) + "," + (i / 6 % 3 == 0 ? "test" : "learn");
    for (int c = 0; c < 6; ++c) {
      chance = chance * 1664525 + 1013904223;
      const int noise = static_cast<int>(chance >> 16) % 400;
      const int value = c == 1 ? 1000 * label + noise : 2000 + noise;
      text += c % 3 == 0 && i % 5 == 0 ? "," : "," + std::to_string(value);
    }
    text += ",7";
  }
  return text + "\n";
}

void report_model(const ModelReportCommand& command, const Context& context) {
  write_model_report(model_report_data(command, context), command.output);
}

class ModelReport : public ::testing::Test {
 protected:
  ModelReport() {
    context.progress = &progress;
    write_text(folder + "/s.csv", table(180));
    write_text(folder + "/three.toml",
               "name = \"three\"\nclass = [{ code = 1, name = \"Barley & oats\", color = \"#d0ff00\" }, { code = 2, name = \"Beet\" }, "
               "{ code = 3, name = \"Hops\" }]\n");
    command.model = folder + "/m.safetensors";
    command.samples = {folder + "/s.csv"};
    command.output = folder + "/report.html";
  }
  void train(const std::string& name) {
    TrainCommand t;
    t.samples = {folder + "/s.csv"};
    t.request.output = command.model;
    t.request.nomenclature = folder + "/three.toml";
    t.request.model.name = name;
    t.request.time.step_days = 0;
    t.request.recipe.epochs = 12, t.request.recipe.trees = 20;
    train_model(t, context);
  }
  testing::SilentProgress progress;
  Context context;
  std::string folder = testing::temp_dir();
  ModelReportCommand command;
};

const Importance& of(const std::vector<Importance>& list, const std::string& name) {
  return *std::ranges::find(list, name, &Importance::name);
}

TEST_F(ModelReport, ImportanceFindsTheBandAndTheDateThatTellTheClassesApart) {
  train("random_forest");
  const auto data = model_report_data(command, context);
  ASSERT_TRUE(data.importance);
  const Importances& found = *data.importance;
  EXPECT_EQ(found.samples, 60);  // those that test
  EXPECT_GE(found.accuracy, 0.95);
  ASSERT_EQ(found.bands.size(), 2u);
  ASSERT_EQ(found.dates.size(), 3u);
  EXPECT_EQ(found.statics.size(), 1u);
  // A third of the samples gets a value of its own class by chance.
  EXPECT_NEAR(of(found.bands, "B4").loss, 0.63, 0.2);
  EXPECT_NEAR(of(found.bands, "B5").loss, 0, 0.06);
  EXPECT_NEAR(of(found.dates, "2021-06-01").loss, 0.63, 0.2);
  EXPECT_NEAR(of(found.dates, "2021-08-12").loss, 0, 0.06);
  EXPECT_EQ(of(found.statics, "slope").loss, 0) << "it is the same everywhere";
  const auto again = model_report_data(command, context);
  EXPECT_EQ(of(again.importance->bands, "B4").loss, of(found.bands, "B4").loss);
}

TEST_F(ModelReport, OfANetworkHasEverySectionAndNothingFromElsewhere) {
  train("ltae");
  report_model(command, context);
  const std::string page = read_text(command.output);
  for (const char* id : {"accuracy", "importance", "curves", "learning", "provenance"})
    EXPECT_THAT(page, HasSubstr("<section id=\"" + std::string(id) + "\">"));
  EXPECT_THAT(page, AllOf(HasSubstr("Barley &amp; oats"), HasSubstr("Reliability diagram"), HasSubstr("Most confused"),
                          HasSubstr("Learning curve of ltae"), HasSubstr("60 samples of s.csv"), HasSubstr("s.csv"), HasSubstr("epoch")));
  EXPECT_THAT(page, AllOf(Not(HasSubstr("<script")), Not(HasSubstr("http://")), Not(HasSubstr("src=\"http")), Not(HasSubstr(">nan"))));
  EXPECT_THAT(page, Not(HasSubstr("accuracy is optimistic")));
  report_model(command, context);
  EXPECT_EQ(read_text(command.output), page);
}

TEST_F(ModelReport, WithoutSamplesItTellsWhatTheModelFileKnows) {
  train("ltae");
  command.samples.clear();
  report_model(command, context);
  const std::string page = read_text(command.output);
  EXPECT_THAT(page, AllOf(HasSubstr("Learning curve"), HasSubstr("held out from training"), HasSubstr("Confusion matrix"),
                          HasSubstr("Barley &amp; oats"), Not(HasSubstr("id=\"importance\""))));
  const auto held = ModelFile::read(command.model).spec.metrics["held_out"];
  std::int64_t total = 0;
  for (const auto& row : held["confusion"])
    for (const auto& n : row) total += n.get<std::int64_t>();
  EXPECT_EQ(total, held["samples"].get<std::int64_t>());
  EXPECT_THAT(page, HasSubstr("They chose the epoch"));

  train("random_forest");
  report_model(command, context);
  EXPECT_THAT(read_text(command.output), AllOf(HasSubstr("held out from training"), Not(HasSubstr("They chose the epoch"))));
}

TEST_F(ModelReport, SaysWhereTheModelHasSeenTheSamples) {
  train("random_forest");
  command.all_samples = true;
  command.skip_importance = true;
  report_model(command, context);
  EXPECT_THAT(read_text(command.output), AllOf(HasSubstr("accuracy is optimistic"), Not(HasSubstr("id=\"importance\""))));
  command.output = folder + "/report.pdf";
  EXPECT_THAT(testing::message_of([&] { report_model(command, context); }), HasSubstr(".html"));
}

TEST(ConfusedPairs, CountBothWays) {
  ConfusionMatrix m({1, 2, 3});
  m.add(1, 1, 50), m.add(1, 2, 3), m.add(2, 1, 4), m.add(2, 2, 10), m.add(3, 1, 6), m.add(3, 3, 4);
  const auto pairs = confused_pairs(m);
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_EQ(pairs[0].a, 1);
  EXPECT_EQ(pairs[0].b, 2);
  EXPECT_EQ(pairs[0].a_as_b, 3);
  EXPECT_EQ(pairs[0].b_as_a, 4);
  EXPECT_EQ(pairs[0].samples_b, 14);
  EXPECT_EQ(pairs[1].b_as_a, 6);
}

}  // namespace
}  // namespace millesime
