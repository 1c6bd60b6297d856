// Training in bounded memory: samples that do not fit are read part after part, and nothing of the result changes.

#include <algorithm>
#include <atomic>
#include <numeric>

#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "models/arch/random_forest.h"
#include "models/base/sample_feed.h"
#include "models/base/training.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "tests/support/message_of.h"
#include "tests/support/sanitized.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/models/small_models.h"

namespace millesime {
namespace {

using testing::small_input;
using testing::small_spec;

// A table that counts how many samples are asked for at once.
struct Counted {
  explicit Counted(const ModelInput& input) : plain(input) {
    table = InputTable(plain.target, plain.group, plain.bytes_per_sample(), plain.complete(), "counted", [this](auto samples) {
      std::int64_t seen = most;
      while (seen < static_cast<std::int64_t>(samples.size()) &&
             !most.compare_exchange_weak(seen, static_cast<std::int64_t>(samples.size())))
        ;
      total += static_cast<std::int64_t>(samples.size());
      return plain.read(samples);
    });
  }
  InputTable plain, table;
  std::atomic<std::int64_t> most{0}, total{0};
};

class LittleMemory : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Networks, LittleMemory, ::testing::Values("ltae", "mlp"), [](const auto& test) { return test.param; });

TEST_P(LittleMemory, HasNoInfluenceOnTheWeights) {
  if (testing::kSanitized && GetParam() != "mlp") GTEST_SKIP() << testing::kJudgesLearning;
  const ModelSpec spec = small_spec(GetParam(), 3, 8, 1);
  const ModelInput learn = small_input(spec, 12000), held_out = small_input(spec, 5000, 8, 2);
  Recipe recipe;
  recipe.epochs = 2, recipe.batch = 200;
  const auto trained_in = [&](double share, std::int64_t expected) {
    Counted learners(learn), judges(held_out);
    TrainingRun run = testing::plain_run();
    run.threads = 2;
    run.memory_bytes = static_cast<std::int64_t>(share * static_cast<double>(learners.table.bytes() + judges.table.bytes()));
    const std::string file = testing::temp_dir() + "/model";
    train_network(spec, learners.table, judges.table, recipe, run).write(file);
    EXPECT_EQ(learners.total + judges.total, expected) << share;
    return read_text(file);
  };
  const std::string at_once = trained_in(1, 12000 + 5000);
  EXPECT_TRUE(trained_in(0.9, 2 * 12000 + 5000) == at_once);       // once an epoch
  EXPECT_TRUE(trained_in(0.62, 2 * 12000 + 3 * 5000) == at_once);  // judged after each epoch and at the end
}

TEST(LittleMemoryOf, TrainingIsRefusedWithWhatToSet) {
  const ModelSpec spec = small_spec("ltae", 3, 8, 1);
  const ModelInput learn = small_input(spec, 3000);
  Recipe recipe = testing::quick_recipe();
  TrainingRun run = testing::plain_run();
  run.memory_bytes = 100'000;
  EXPECT_NE(testing::message_of([&] { train_network(spec, learn, ModelInput(), recipe, run); }).find("use 1MiB more --memory"),
            std::string::npos);
  recipe.oversample = "smote";
  EXPECT_NE(testing::message_of([&] { train_held_out(spec, learn, ModelInput(), recipe, run); }).find("train.class_balance"),
            std::string::npos);
  const ModelSpec trees = small_spec("random_forest", 3, 8, 1);
  const ModelInput rows = small_input(trees, 3000);
  EXPECT_NE(testing::message_of([&] { train_forest(trees, rows, testing::quick_recipe(), 2, 100'000); }).find("train.select"),
            std::string::npos);
  EXPECT_NE(testing::message_of([&] { train_forest(trees, rows, testing::quick_recipe(), 2, 100'000); }).find("MiB more --memory"),
            std::string::npos);
}

// Every sample once; a batch is of many runs of the file, a pool of few of its parts.
TEST(EpochOrder, OfManySamplesIsShuffledInBlocks) {
  const std::int64_t n = kShuffledAtOnce + 1000;
  auto random = torch::make_generator<at::CPUGeneratorImpl>(7);
  const auto order = epoch_order(n, random);
  const std::vector<std::int64_t> rows(order.data_ptr<std::int64_t>(), order.data_ptr<std::int64_t>() + n);
  std::vector<std::int64_t> sorted = rows;
  std::ranges::sort(sorted);
  for (std::int64_t i = 0; i < n; ++i) ASSERT_EQ(sorted[static_cast<std::size_t>(i)], i);
  const auto runs_of = [&](std::int64_t first, std::int64_t count) {
    std::vector<std::int64_t> runs;
    for (std::int64_t i = first; i < first + count; ++i) runs.push_back(rows[static_cast<std::size_t>(i)] / kRun);
    std::ranges::sort(runs);
    return std::unique(runs.begin(), runs.end()) - runs.begin();
  };
  EXPECT_GT(runs_of(0, 512), 350);  // of 1024 runs, 512 draws: 403 expected
  EXPECT_LE(runs_of(0, kPool), kPool / kRun + 1);
  auto again = torch::make_generator<at::CPUGeneratorImpl>(7);
  EXPECT_TRUE(epoch_order(n, again).equal(order));
  EXPECT_FALSE(epoch_order(n, again).equal(order));
}

}  // namespace
}  // namespace millesime
