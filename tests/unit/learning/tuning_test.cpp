// tune: a search space, candidates, rounds, and a search that goes on.

#include "pipeline/learning/tuning.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/learning/search_space.h"
#include "pipeline/stages/train.h"
#include "tests/support/message_of.h"
#include "tests/support/silent_context.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::SilentContext;
using testing::temp_dir;

std::string space_of(const std::string& folder, const std::string& text) {
  write_text(folder + "/space.toml", text);
  return folder + "/space.toml";
}

std::string refusal(const std::string& text) {
  const std::string folder = temp_dir();
  return message_of([&] { read_search_space(space_of(folder, text)); });
}

TEST(SearchSpace, DrawsFromListsAndRanges) {
  const std::string file = space_of(temp_dir(), R"([train]
learning_rate = {from = 0.001, to = 0.1, scale = "log"}
depth = {from = 2, to = 4}
class_balance = [0, 0.5]
[parameters]
d_model = [64, 128]
)");
  const SearchSpace space = read_search_space(file);
  std::mt19937_64 generator(1);
  int small = 0;
  std::map<std::string, int> depths;
  for (int i = 0; i < 300; ++i) {
    const auto values = space.draw(generator);
    ASSERT_EQ(values.size(), 4u);
    EXPECT_THAT(values, Contains(::testing::AnyOf("d_model=64", "d_model=128")));
    for (const std::string& value : values) {
      if (value.starts_with("train.depth=")) ++depths[value];
      if (!value.starts_with("train.learning_rate=")) continue;
      const double rate = std::stod(value.substr(value.find('=') + 1));
      EXPECT_GE(rate, 0.001);
      EXPECT_LE(rate, 0.1);
      small += rate < 0.01;
    }
  }
  EXPECT_NEAR(small, 150, 45);  // half of the logarithmic range; five standard deviations
  ASSERT_EQ(depths.size(), 3u);
  for (const auto& [depth, times] : depths) EXPECT_NEAR(times, 100, 42) << depth;
}

TEST(SearchSpace, RefusesWhatIsNone) {
  EXPECT_THAT(refusal(""), HasSubstr("nothing to search"));
  EXPECT_THAT(refusal("[train]\ndepth = 3\n"), AllOf(HasSubstr("space.toml:2"), HasSubstr("expected a list of values")));
  EXPECT_THAT(refusal("[train]\ndepth = []\n"), HasSubstr("the list is empty"));
  EXPECT_THAT(refusal("[train]\ndepth = {from = 5, to = 2}\n"), HasSubstr("the first the smaller one"));
  EXPECT_THAT(refusal("[train]\nnoise = {from = 0, to = 1, scale = \"log\"}\n"), HasSubstr("begins above 0"));
  EXPECT_THAT(refusal("[train]\nnoise = {from = 0, to = 1, scale = \"ln\"}\n"), HasSubstr("got \"ln\""));
  EXPECT_THAT(refusal("[training]\ndepth = [1]\n"), AllOf(HasSubstr("unknown key \"training\""), HasSubstr("train")));
}

// Two classes by the exclusive or of two dates: a tree of depth 1 cannot know them, a deep one does.
std::string table(const std::string& folder) {
  std::string text = "label,group,NDVI_20210110,NDVI_20210610\n";
  for (int i = 0; i < 240; ++i) {
    const bool first = i % 2, second = i / 2 % 2;
    text += std::to_string(1 + (first != second)) + "," + std::to_string(i / 4) + "," +
            std::to_string((first ? 0.8 : 0.2) + 0.0004 * (i % 97)) + "," + std::to_string((second ? 0.7 : 0.1) + 0.0004 * (i % 89)) + "\n";
  }
  write_text(folder + "/samples.csv", text);
  return folder + "/samples.csv";
}

TuneCommand search_in(const std::string& folder) {
  TuneCommand command;
  command.samples = {table(folder)};
  command.space = space_of(folder, "[train]\ndepth = [1]\nmin_leaf = {from = 1, to = 3}\n");
  command.model = "random_forest";
  command.trials = 4;
  command.assignments = {"train.trees=9"};
  command.output = folder + "/tuned";
  return command;
}

TEST(Tune, TriesNoCandidateTwice) {
  TuneCommand command = search_in(temp_dir());
  command.trials = 9;  // of three candidates and the defaults
  SilentContext context;
  const Tuning tuning = tune(command, context.context);
  std::set<std::vector<std::string>> candidates;
  for (const Trial& trial : tuning.trials) candidates.insert(trial.values);
  EXPECT_EQ(candidates.size(), 4u);
  EXPECT_EQ(tuning.trials.size(), 4u);
}

TEST(Tune, SaysThatNothingCanBeWrittenBeforeItTrains) {
  SilentContext silent;
  TuneCommand command;
  command.output = temp_dir() + "/taken";
  write_text(command.output, "a file");
  EXPECT_THAT(message_of([&] { tune(command, silent.context); }), AllOf(HasSubstr("trials.json"), HasSubstr("is no folder")));
}

TEST(Tune, FindsTheBestCandidateAndGoesOn) {
  const std::string folder = temp_dir();
  const TuneCommand command = search_in(folder);
  SilentContext context;
  const Tuning tuning = tune(command, context.context);
  // Four candidates, then two of them and the defaults, then one: the defaults are deep.
  EXPECT_EQ(tuning.trials.size(), 4u);
  EXPECT_EQ(tuning.order.front(), 0u);
  EXPECT_EQ(tuning.trials[0].scores.size(), 3u);
  EXPECT_GT(tuning.trials[0].scores.back().mean, 0.95);
  EXPECT_LT(tuning.trials[tuning.order.back()].scores.back().mean, 0.8);
  EXPECT_THAT(read_text(folder + "/tuned/best.toml"),
              AllOf(HasSubstr("[model]\nname = \"random_forest\""), HasSubstr("[train]\ntrees = 9")));
  EXPECT_THAT(read_text(folder + "/tuned/table.md"), HasSubstr("| 1 | the defaults | 3 |"));

  // The recipe of a training; what a user says goes before it.
  TrainCommand training;
  Options options = training.declare();
  options.set("train.trees=5");
  apply_recipe_file(options, folder + "/tuned/best.toml");
  EXPECT_EQ(training.request.model.name, "random_forest");
  EXPECT_EQ(training.request.recipe.trees, 5);
  write_text(folder + "/own.toml", "[model]\nparameters = [\"features=quantiles\"]\n[train]\noversample = \"smote\"\n");
  apply_recipe_file(options, folder + "/own.toml");
  EXPECT_THAT(training.request.model.parameters, ::testing::ElementsAre("features=quantiles"));
  EXPECT_EQ(training.request.recipe.oversample, "smote");
  write_text(folder + "/own.toml", "[output]\nfolder = \"x\"\n");
  EXPECT_THAT(message_of([&] { apply_recipe_file(options, folder + "/own.toml"); }), HasSubstr("own.toml"));

  const Tuning again = tune(command, context.context);
  EXPECT_EQ(again.trained, 0);
  EXPECT_EQ(again.order, tuning.order);
  EXPECT_EQ(again.trials[0].scores.back().mean, tuning.trials[0].scores.back().mean);

  // Test samples of a split take no part, whatever their labels.
  TuneCommand split = command;
  const auto with_split = [&](bool wrong) {
    std::string text;
    int line = 0;
    for (const std::string& row : split_text(read_text(command.samples[0]), '\n')) {
      if (row.empty()) continue;
      const int group = (line - 1) / 4;
      const bool tests = line > 0 && group % 3 == 0;
      text += (line == 0 ? "split," + row
               : tests   ? std::string("test,") + (wrong ? "2" : row.substr(0, 1)) + row.substr(1)
                         : "learn," + row) +
              "\n";
      ++line;
    }
    split.output = folder + (wrong ? "/wrong" : "/right");
    split.samples = {split.output + ".csv"};
    split.trials = 2;
    write_text(split.samples[0], text);
    return tune(split, context.context).trials[0].scores.back().mean;
  };
  const double right = with_split(false);
  EXPECT_EQ(with_split(true), right);
  split.all_samples = true, split.output = folder + "/wrong_all", split.samples = {folder + "/wrong.csv"};
  EXPECT_LT(tune(split, context.context).trials[0].scores.back().mean, right);

  TuneCommand other = command;
  other.folds = 4;
  EXPECT_THAT(message_of([&] { tune(other, context.context); }), AllOf(HasSubstr("trials.json"), HasSubstr("choose another folder")));
  other = command, other.tables.missing = {"7"};
  EXPECT_THAT(message_of([&] { tune(other, context.context); }), AllOf(HasSubstr("trials.json"), HasSubstr("choose another folder")));
}

TEST(Tune, NamesTheLineOfAValueThatTrainingDoesNotHave) {
  const std::string folder = temp_dir();
  TuneCommand command = search_in(folder);
  SilentContext context;
  const auto refused = [&](const std::string& space) {
    command.space = space_of(folder, space);
    return message_of([&] { tune(command, context.context); });
  };
  EXPECT_THAT(refused("[train]\ndepht = [1]\n"), AllOf(HasSubstr("space.toml:2"), HasSubstr("train.depth")));
  EXPECT_THAT(refused("[train]\ndepth = [1000]\n"), AllOf(HasSubstr("space.toml:2"), HasSubstr("1 to 100")));
  EXPECT_THAT(refused("[model]\nname = [\"ltaee\"]\n"), AllOf(HasSubstr("space.toml:2"), HasSubstr("ltae,")));
}

}  // namespace
}  // namespace millesime
