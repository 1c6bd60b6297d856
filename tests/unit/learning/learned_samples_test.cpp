// A model is not judged by what it learned from without a word.

#include "pipeline/learning/learned_samples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/base/ensemble.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/learning/benchmark.h"
#include "pipeline/learning/evaluation.h"
#include "pipeline/learning/season_accuracy.h"
#include "pipeline/stages/train.h"
#include "tests/support/message_of.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

// Groups first to last of four samples each; `split(group)` is the cell of their split, "" without one. A third of the groups is of class 3
// where `classes` is 3.
template <class SplitOf>
std::string table_of(int first, int last, SplitOf split, int classes = 2) {
  std::string text = "label,group,split_0,split_1,B4_20210110,B4_20210601,B4_20210901";
  for (int group = first; group < last; ++group)
    for (int i = 0; i < 4; ++i) {
      const int label = 1 + group % classes, base = 500 * label + 17 * group + 3 * i;
      text += join_text("\n", label, ",", group, ",", split(group, 0), ",", split(group, 1), ",", base, ",", base + 300 * label, ",",
                        base + 7 * group);
    }
  return text + "\n";
}

const char* every_third_tests(int group, int seed) { return (group + seed) % 3 == 0 ? "test" : "learn"; }
const char* all_learn(int, int) { return "learn"; }

class LearnedSamples : public ::testing::Test {
 protected:
  LearnedSamples() {
    context_.progress = &progress_;
    write_text(folder_ + "/s.csv", table_of(0, 30, every_third_tests));
    write_text(folder_ + "/new.csv", table_of(30, 40, all_learn));
    command_.samples = {folder_ + "/s.csv"};
    command_.request.output = folder_ + "/m.safetensors";
    command_.request.model.name = "random_forest";
    command_.request.recipe.trees = 5;
  }

  std::string judged(const std::string& samples, int seed = 0) {
    EvaluateCommand evaluate;
    evaluate.model = command_.request.output;
    evaluate.samples = {folder_ + samples};
    evaluate.seed = seed;
    const Evaluation evaluation = evaluate_model(evaluate, context_);
    const std::string note = evaluation.learned.to_text();
    const ModelSpec spec = ModelFile::read(evaluate.model).spec;
    EXPECT_EQ(to_json(evaluation, spec).contains("note"), !note.empty());
    EXPECT_THAT(to_table(evaluation, spec), HasSubstr(note));
    return note;
  }

  testing::SilentProgress progress_;
  Context context_;
  std::string folder_ = testing::temp_dir();
  TrainCommand command_;
};

TEST_F(LearnedSamples, AreToldWhereTheyJudge) {
  train_model(command_, context_);
  EXPECT_EQ(judged("/s.csv"), "") << "the test samples of its own split";
  EXPECT_EQ(judged("/new.csv"), "");
  EXPECT_THAT(judged("/s.csv", 1), HasSubstr("40 of the 40 samples are of polygons that the model learned from"));
  write_text(folder_ + "/part.csv", table_of(25, 40, all_learn));  // 25, 26, 28 and 29 have learned
  EXPECT_THAT(judged("/part.csv"), HasSubstr("16 of the 60 samples"));
  EXPECT_THAT(model_info_text(command_.request.output), HasSubstr("of the files the learning samples of seed 0"));
  EXPECT_FALSE(model_info(command_.request.output)["provenance"].contains("known_samples"));

  SeasonCommand season;
  season.model = command_.request.output, season.samples = {folder_ + "/s.csv"}, season.seed = 1, season.step_days = 100;
  EXPECT_THAT(to_text(season_accuracy(season, context_)), HasSubstr("40 of the 40 samples are of polygons"));
  season.seed = 0;
  EXPECT_THAT(to_text(season_accuracy(season, context_)), Not(HasSubstr("learned from")));

  command_.all_samples = true;
  train_model(command_, context_);
  EXPECT_THAT(judged("/s.csv"), HasSubstr("40 of the 40 samples"));
  EXPECT_THAT(model_info_text(command_.request.output), HasSubstr("of the files all samples"));
}

// Version 1 of the digests knew rows by their observations alone: they are not looked at, and that is said.
TEST_F(LearnedSamples, OfModelsOfAnEarlierVersionAreToldByFile) {
  train_model(command_, context_);
  ModelFile old = ModelFile::read(command_.request.output);
  old.spec.provenance.known_polygons = old.spec.provenance.known, old.spec.provenance.known = {};
  old.write(command_.request.output);
  EXPECT_TRUE(ModelFile::read(command_.request.output).spec.provenance.known.empty());
  EXPECT_THAT(judged("/new.csv"),
              AllOf(HasSubstr("digests of samples are of an earlier version"), Not(HasSubstr("learned from polygons"))));
  command_.all_samples = true;
  train_model(command_, context_);
  EXPECT_EQ(judged("/new.csv"), "");
}

TEST_F(LearnedSamples, OfTheModelThatFineTuningBeganFromAreTold) {
  command_.request.model.name = "ltae";
  command_.request.recipe.epochs = 1;
  command_.all_samples = true;
  command_.request.output = folder_ + "/base.safetensors";
  train_model(command_, context_);
  command_.all_samples = false;
  command_.request.init_from = folder_ + "/base.safetensors", command_.request.output = folder_ + "/m.safetensors";
  train_model(command_, context_);
  EXPECT_THAT(judged("/s.csv"), HasSubstr("40 of the 40 samples"));
  EXPECT_EQ(judged("/new.csv"), "");
  EXPECT_THAT(progress_.notes, Contains(HasSubstr("base.safetensors has learned from polygons of these samples")));
  EXPECT_THAT(model_info_text(command_.request.output),
              AllOf(HasSubstr("started from base.safetensors"), HasSubstr("all samples; it knows polygons of these samples")));
}

TEST_F(LearnedSamples, OfEveryMemberOfAnEnsembleAreTold) {
  train_model(command_, context_);
  const ModelFile first = ModelFile::read(command_.request.output);
  command_.seed = 1;
  train_model(command_, context_);
  make_ensemble({first, ModelFile::read(command_.request.output)}).write(command_.request.output);
  EXPECT_THAT(judged("/s.csv", 0), HasSubstr("40 of the 40 samples"));
  EXPECT_THAT(judged("/s.csv", 1), HasSubstr("40 of the 40 samples"));
  EXPECT_EQ(judged("/new.csv"), "");
}

TEST_F(LearnedSamples, DoNotValidate) {
  command_.request.validation = folder_ + "/s.csv";
  command_.all_samples = true;
  EXPECT_THAT(testing::message_of([&] { train_model(command_, context_); }), HasSubstr("s.csv: all of its samples learn, too"));
  write_text(folder_ + "/v.csv", table_of(20, 40, all_learn));
  command_.request.validation = folder_ + "/v.csv";
  train_model(command_, context_);
  EXPECT_THAT(progress_.notes, Contains(HasSubstr("v.csv: 40 of 80 samples are of polygons that learn")));
  EXPECT_EQ(ModelFile::read(command_.request.output).spec.provenance.n_held_out, 40);
  EXPECT_THAT(judged("/new.csv"), HasSubstr("40 of the 40 samples")) << "it is calibrated with them";
}

TEST_F(LearnedSamples, DoNotTestABenchmark) {
  BenchmarkCommand benchmark_of;
  benchmark_of.samples = {folder_ + "/s.csv"}, benchmark_of.test = folder_ + "/s.csv", benchmark_of.models = {"random_forest"};
  benchmark_of.assignments = {"train.trees=5"};
  EXPECT_THAT(testing::message_of([&] { benchmark(benchmark_of, context_); }), HasSubstr("s.csv: all of its samples learn, too"));
  benchmark_of.only_learning = true;
  const auto results = benchmark(benchmark_of, context_);
  EXPECT_EQ(results[0].runs[0].confusion.total(), 40) << "the test samples of the split";
  EXPECT_THAT(progress_.notes, Contains(HasSubstr("80 of 120 samples are of polygons that learn")));
}

TEST_F(LearnedSamples, OfUnknownClassesCountAsWrongInAValidation) {
  write_text(folder_ + "/v.csv", table_of(30, 42, all_learn, 3));
  command_.request.validation = folder_ + "/v.csv";
  train_model(command_, context_);
  const nlohmann::json held_out = ModelFile::read(command_.request.output).spec.metrics["held_out"];
  EXPECT_EQ(held_out["samples"], 48);
  EXPECT_EQ(held_out["unknown_to_model"], 16);
  EXPECT_LE(held_out["accuracy"].get<double>(), 32.0 / 48);
  EXPECT_THAT(progress_.notes, Contains(HasSubstr("16 of 48 samples have classes that no sample learns")));
  write_parts(load_parts(folder_ + "/v.csv"), folder_ + "/v.safetensors");
  EvaluateCommand evaluate;
  evaluate.model = command_.request.output, evaluate.samples = {folder_ + "/v.safetensors"}, evaluate.all_samples = true;
  const Evaluation evaluation = evaluate_model(evaluate, context_);
  EXPECT_DOUBLE_EQ(evaluation.accuracy.overall, held_out["accuracy"].get<double>());
  EXPECT_DOUBLE_EQ(evaluation.accuracy.macro_f, held_out["f_score"].get<double>());
  EXPECT_THAT(model_info_text(command_.request.output), HasSubstr("16 of them have classes that the model does not know"));
}

}  // namespace
}  // namespace millesime
