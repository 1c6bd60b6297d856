// Training does not depend on interruptions or on the number of threads.

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/ops/training_batch.h"
#include "models/base/classifier.h"
#include "models/base/training.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/interruption.h"
#include "tests/support/sanitized.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/models/small_models.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::small_input;
using testing::small_spec;

struct Killed {};  // simulates a kill -9: nothing of the training is cleaned up

class Interruption : public ::testing::Test {
 protected:
  Interruption() {
    recipe.epochs = 6, recipe.batch = 16, recipe.validation_ratio = 0.2;
    run.checkpoint = folder + "/model.checkpoint", run.checkpoint_seconds = 0;
    run.on_note = [this](const std::string& text) { notes.push_back(text); };
    run.on_resume = [this](int epochs) { resumed.push_back(epochs); };
  }
  std::string train() {  // bytes of the model
    const ModelSpec spec = small_spec("ltae");
    const ModelInput input = small_input(spec, 90);
    learn_again(testing::train_on_a_part(spec, input, recipe, run), input, recipe, run).write(folder + "/model");
    return read_text(folder + "/model");
  }
  // Trains until `epochs` have been learned, of both networks together.
  void train_and_kill_after(int epochs) {
    int learned = 0;
    run.on_epoch = [&](const EpochReport&) {
      if (++learned > epochs) throw Killed();  // before the checkpoint of this epoch
    };
    EXPECT_THROW(train(), Killed);
    run.on_epoch = nullptr;
  }
  const std::string folder = testing::temp_dir();
  Recipe recipe;
  TrainingRun run = testing::plain_run();
  std::vector<std::string> notes;
  std::vector<int> resumed;
};

TEST_F(Interruption, TheTrainingGoesOnToTheSameBytes) {
  const std::string undisturbed = train();
  remove_checkpoint(run.checkpoint);
  EXPECT_FALSE(fs::exists(run.checkpoint));
  train_and_kill_after(2);
  train_and_kill_after(1);
  EXPECT_THAT(resumed, ::testing::ElementsAre(2));
  resumed.clear();
  EXPECT_EQ(train(), undisturbed);
  EXPECT_THAT(resumed, ::testing::ElementsAre(3));
  EXPECT_THAT(notes, IsEmpty());
}

int batches_left = 0;
void ask_to_end_after_some(const Stream& stream, const TrainingBatchArgs& args) {
  if (--batches_left == 0) request_interruption();
  training_batch(stream, args);
}

// In the middle of an epoch and before its judgement: the state is saved at once, whatever the time since the last checkpoint.
TEST_F(Interruption, OnRequestTheStateIsSavedBetweenTwoBatches) {
  const std::string undisturbed = train();
  remove_checkpoint(run.checkpoint);
  run.checkpoint_seconds = 1000;
  for (const int batches : {2, 4, 7, 9, 1}) {  // of 4 an epoch
    batches_left = batches;
    run.make_batch = ask_to_end_after_some;
    EXPECT_THROW(train(), Interrupted);
    EXPECT_TRUE(fs::exists(run.checkpoint));
    EXPECT_FALSE(fs::exists(folder + "/model.part"));
    forget_interruption();
  }
  run.make_batch = training_batch;
  EXPECT_EQ(train(), undisturbed);
  EXPECT_THAT(resumed, ::testing::ElementsAre(0, 1, 3, 5, 5));
}

TEST_F(Interruption, InTheSecondNetworkToo) {
  const std::string undisturbed = train();
  remove_checkpoint(run.checkpoint);
  train_and_kill_after(6 + 1);
  EXPECT_EQ(train(), undisturbed);
  EXPECT_THAT(resumed, ::testing::ElementsAre(6, 1));
  resumed.clear();
  EXPECT_EQ(train(), undisturbed);  // killed before the model was written
  EXPECT_EQ(resumed.size(), 2u);
}

TEST_F(Interruption, AStopBeforeTheLastEpochIsRememberedToo) {
  recipe.epochs = 30, recipe.patience = 2, recipe.refit_polygons = 0;
  const std::string undisturbed = train();
  EXPECT_EQ(train(), undisturbed);
  ASSERT_EQ(resumed.size(), 1u);
  EXPECT_LT(resumed.front(), 30);
}

TEST_F(Interruption, AnotherTrainingStartsAnew) {
  train_and_kill_after(3);
  recipe.noise = 0.03;
  const std::string other = train();
  EXPECT_THAT(resumed, IsEmpty());
  remove_checkpoint(run.checkpoint);
  EXPECT_EQ(train(), other);
}

TEST_F(Interruption, ADamagedCheckpointIsAWarningAndTheTrainingStartsAnew) {
  const std::string undisturbed = train();
  const std::string checkpoint = read_text(run.checkpoint);
  for (const std::size_t cut : {std::size_t{0}, std::size_t{5}, checkpoint.size() / 2, checkpoint.size() - 1}) {
    fs::remove(run.checkpoint + "2");
    write_text(run.checkpoint, checkpoint.substr(0, cut));
    notes.clear();
    EXPECT_EQ(train(), undisturbed) << cut;
    EXPECT_THAT(notes, Contains(::testing::AllOf(HasSubstr("starts again from the beginning"), HasSubstr(run.checkpoint)))) << cut;
  }
  std::string flipped = checkpoint;
  flipped[flipped.size() - 100] ^= 1;
  write_text(run.checkpoint, flipped);
  notes.clear();
  EXPECT_EQ(train(), undisturbed);
  EXPECT_THAT(notes, Contains(HasSubstr("starts again from the beginning")));
}

TEST_F(Interruption, WithoutRoomForACheckpointTheTrainingGoesOn) {
  run.checkpoint = "";
  const std::string undisturbed = train();
  write_text(folder + "/file", "");
  run.checkpoint = folder + "/file/checkpoint";  // a file is no folder
  EXPECT_EQ(train(), undisturbed);
  EXPECT_THAT(notes, Contains(HasSubstr("no checkpoint")));
}

class TrainingThreads : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Networks, TrainingThreads, ::testing::Values("ltae", "temporal_cnn", "inception_time", "transformer", "mlp"),
                         [](const auto& test) { return test.param; });

TEST_P(TrainingThreads, HaveNoInfluenceOnTheWeights) {
  if (testing::kSanitized && GetParam() == "transformer") GTEST_SKIP() << testing::kJudgesLearning;
  ModelSpec spec = small_spec(GetParam(), 3, 8, 1);
  if (GetParam() == "inception_time") spec.parameters["depth"] = 2, spec.parameters["filters"] = 4;  // else it takes long
  const ModelInput learn = small_input(spec, 800), held_out = small_input(spec, 1100, 8, 2);
  Recipe recipe;
  recipe.epochs = 2, recipe.batch = 400;  // three shards, and two blocks of held-out samples
  const auto trained_on = [&](int threads) {
    TrainingRun run = testing::plain_run();
    run.threads = threads;
    const std::string file = testing::temp_dir() + "/model";
    train_network(spec, learn, held_out, recipe, run).write(file);
    return read_text(file);
  };
  const std::string alone = trained_on(1);
  EXPECT_EQ(trained_on(2), alone);
  EXPECT_EQ(trained_on(5), alone);
}

// The figures of a model come from samples that had no say in its epoch, if there are groups enough; else the model says so.
TEST(HeldOut, GroupsThatChoseTheEpochDoNotJudgeIt) {
  ModelSpec spec = small_spec("mlp", 3, 8, 1);
  const ModelInput learn = small_input(spec, 96);
  ModelInput judges = small_input(spec, 90, 8, 2);
  Recipe recipe;
  recipe.epochs = 6, recipe.batch = 16;
  TrainingRun run = testing::plain_run();
  std::vector<double> crossed;
  run.on_crossed = [&](const std::vector<double>& logits) { crossed = logits; };
  for (std::size_t i = 0; i < 90; ++i) judges.group[i] = static_cast<std::int64_t>(i) / 3;  // 30 groups
  const ModelFile many = train_network(spec, learn, judges, recipe, run);
  EXPECT_EQ(many.spec.metrics["held_out"]["chose_epoch"], false);
  ASSERT_EQ(crossed.size(), 270u);
  std::int64_t right = 0;
  for (std::size_t i = 0; i < 90; ++i)
    right +=
        std::max_element(crossed.begin() + static_cast<std::ptrdiff_t>(3 * i), crossed.begin() + static_cast<std::ptrdiff_t>(3 * i + 3)) -
            crossed.begin() - static_cast<std::ptrdiff_t>(3 * i) ==
        judges.target[i];
  EXPECT_NEAR(many.spec.metrics["held_out"]["accuracy"].get<double>(), static_cast<double>(right) / 90, 1e-12);

  crossed.clear();
  for (std::size_t i = 0; i < 90; ++i) judges.group[i] = static_cast<std::int64_t>(i) / 6;  // 15 groups
  const ModelFile few = train_network(spec, learn, judges, recipe, run);
  EXPECT_EQ(few.spec.metrics["held_out"]["chose_epoch"], true);
  EXPECT_TRUE(crossed.empty());
  EXPECT_EQ(few.tensors.at("head.weight").values.size(), many.tensors.at("head.weight").values.size());
}

// Mixed precision is for GPUs; the CPU computes the same, slower.
TEST_P(TrainingThreads, WithMixedPrecisionTheNetworkLearnsAllTheSame) {
  if (testing::kSanitized) GTEST_SKIP() << testing::kJudgesLearning;
  ModelSpec spec = small_spec(GetParam(), 3, 8, 1);
  if (GetParam() == "inception_time") spec.parameters["depth"] = 2, spec.parameters["filters"] = 4;
  const ModelInput learn = small_input(spec, 96), judge = small_input(spec, 90, 8, 2);
  Recipe recipe;
  recipe.epochs = 12, recipe.batch = 16;
  const auto train = [&](Precision precision) {
    TrainingRun run = testing::plain_run();
    run.precision = precision;
    return train_network(spec, learn, judge, recipe, run);
  };
  const ModelFile exact = train(Precision::float32), mixed = train(Precision::bfloat16);
  const auto& head = mixed.tensors.at("head.weight").values;
  EXPECT_NE(head, exact.tensors.at("head.weight").values);
  for (const float weight : head) ASSERT_TRUE(std::isfinite(weight));
  const auto f_score = [](const ModelFile& file) { return file.spec.metrics["held_out"]["f_score"].get<double>(); };
  EXPECT_GE(f_score(mixed), f_score(exact) - 0.05);
  EXPECT_EQ(train(Precision::automatic).tensors.at("head.weight").values, exact.tensors.at("head.weight").values);
}

// Networks that read several series. The main one tells class 0 from the others, the second one class 1 from class 2; every fourth sample
// lacks the second, every fifth the first.
class SeveralSources : public ::testing::TestWithParam<std::string> {
 protected:
  SeveralSources() : spec(small_spec(GetParam())), input(small_input(spec, 240)) {
    spec.sources.push_back({"sentinel1", {"VV", "VH"}, {}, {0, 0}, {1, 1}});
    InputSeries second{5, 2, {}, {}, {}};
    auto& first = input.series.front();
    for (std::size_t i = 0; i < 240; ++i) {
      for (int d = 0; d < 5; ++d) {
        second.valid.push_back(i % 4 != 0);
        second.days.push_back(static_cast<float>(70 * d));
        for (int f = 0; f < 2; ++f)
          second.values.push_back(i % 4 == 0 ? 0 : std::sin(static_cast<float>(d + 2 * f)) * static_cast<float>(input.target[i]));
      }
      for (std::size_t d = 0; d < 8; ++d) {
        if (i % 4 != 0 && i % 5 == 0) first.valid[i * 8 + d] = 0;
        for (std::size_t f = 0; f < 3; ++f) {
          auto& value = first.values[(i * 8 + d) * 3 + f];
          value = !first.valid[i * 8 + d] ? 0.0f : input.target[i] == 0 ? 1.0f : -0.5f;
        }
      }
    }
    input.series.push_back(second);
    recipe.epochs = 40, recipe.batch = 16;
  }
  std::vector<float> logits(const ModelFile& file, const Batch& batch) {
    std::vector<float> out(static_cast<std::size_t>(batch.pixels) * 3);
    load_classifier(file, Device{})->logits(Device{}, batch, out.data());
    return out;
  }
  ModelSpec spec;
  ModelInput input;
  Recipe recipe;
};
INSTANTIATE_TEST_SUITE_P(Networks, SeveralSources, ::testing::Values("ltae", "transformer"), [](const auto& test) { return test.param; });

TEST_P(SeveralSources, EachTellsWhatTheOtherCannotAndSamplesThatLackOneStillGetAClass) {
  if (testing::kSanitized) GTEST_SKIP() << testing::kJudgesLearning;
  const auto out = logits(train_network(spec, input, {}, recipe, testing::plain_run()), input.batch(0, 240));
  int complete = 0, right = 0, lacking = 0, right_of_lacking = 0;
  for (std::size_t i = 0; i < 240; ++i) {
    const float* row = out.data() + i * 3;
    for (int k = 0; k < 3; ++k) ASSERT_TRUE(std::isfinite(row[k]));
    const int produced = static_cast<int>(std::max_element(row, row + 3) - row);
    if (i % 4 == 0) {  // what the main source alone can tell
      ++lacking, right_of_lacking += (produced == 0) == (input.target[i] == 0);
    } else {
      ++complete, right += produced == input.target[i];
    }
  }
  EXPECT_GE(right, complete * 95 / 100);
  EXPECT_GE(right_of_lacking, lacking * 95 / 100);
}

TEST_P(SeveralSources, ASourceThatIsNotThereIsLikeOneWithoutAnyValidDate) {
  recipe.epochs = 3;
  const ModelFile file = train_network(spec, input, {}, recipe, testing::plain_run());
  Batch without = input.batch(0, 240);
  without.series[1] = {.features = 2};
  ModelInput blind = input;
  std::ranges::fill(blind.series[1].valid, 0);
  EXPECT_EQ(logits(file, without), logits(file, blind.batch(0, 240)));
  EXPECT_NE(logits(file, without), logits(file, input.batch(0, 240)));
  std::vector<float> alone = logits(file, input.subset({17}).batch(0, 1)), all = logits(file, input.batch(0, 240));
  EXPECT_EQ(alone, std::vector<float>(all.begin() + 17 * 3, all.begin() + 18 * 3));  // neighbours have no influence
}

TEST_P(SeveralSources, AreLearnedInThreadsToTheSameBytesToo) {
  recipe.epochs = 2, recipe.batch = 240;
  TrainingRun two = testing::plain_run();
  two.threads = 2;
  EXPECT_EQ(train_network(spec, input, {}, recipe, testing::plain_run()).tensors.at("head.weight").values,
            train_network(spec, input, {}, recipe, two).tensors.at("head.weight").values);
}

TEST(Training, LearnsOnAGpuAsOnTheCpu) {
  if (cuda_devices() == 0) GTEST_SKIP() << "no CUDA device";
  ModelSpec spec = small_spec("ltae");
  spec.parameters["dropout"] = 0;  // its draws are the device's
  const ModelInput input = small_input(spec, 96);
  const auto losses = [&](Device device, Precision precision) {
    TrainingRun run = testing::plain_run();
    run.device = device, run.precision = precision;
    std::vector<double> all;
    run.on_epoch = [&](const EpochReport& report) { all.push_back(report.loss); };
    Recipe recipe = testing::quick_recipe();
    recipe.epochs = 3;
    train_network(spec, input, {}, recipe, run);
    return all;
  };
  const Device gpu{Device::Kind::cuda, 0};
  const auto expected = losses({}, Precision::float32), same = losses(gpu, Precision::float32), mixed = losses(gpu, Precision::automatic);
  for (std::size_t epoch = 0; epoch < expected.size(); ++epoch) {
    EXPECT_NEAR(same[epoch], expected[epoch], 1e-3);
    EXPECT_NEAR(mixed[epoch], expected[epoch], 0.05);
  }
}

}  // namespace
}  // namespace millesime
