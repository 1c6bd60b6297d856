// Properties of every architecture of the registry.

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/arch/random_forest.h"
#include "models/base/classifier.h"
#include "models/base/model_file.h"
#include "models/base/training.h"
#include "models/registry.h"
#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "tests/support/message_of.h"
#include "tests/support/sanitized.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/models/small_models.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::quick_recipe;
using testing::small_input;
using testing::small_spec;

ModelFile train(const ModelSpec& spec, const ModelInput& learn, const Recipe& recipe, const ModelInput& held_out = {}) {
  if (!architecture(spec.architecture).network) return forest_file(spec, train_forest(spec, learn, recipe));
  return train_network(spec, learn, held_out, recipe, testing::plain_run());
}

std::vector<float> logits_of(const ModelFile& file, const ModelInput& input, int threads = 1) {
  std::vector<float> out(static_cast<std::size_t>(input.size()) * file.spec.classes.size());
  load_classifier(file, Device{}, threads)->logits(Device{}, input.batch(0, input.size()), out.data());
  return out;
}

bool is_network(const std::string& name) { return architecture(name).network; }

class EveryArchitecture : public ::testing::TestWithParam<std::string> {};

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const auto& kind : architectures()) all.push_back(kind.name);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryArchitecture, ::testing::ValuesIn(names()), [](const auto& test) { return test.param; });

TEST_P(EveryArchitecture, SavedAndLoadedItIsTheSameAndTheSameContentIsTheSameBytes) {
  const ModelSpec spec = small_spec(GetParam(), 3, 8, 2);
  const ModelInput input = small_input(spec, 40);
  const ModelFile trained = train(spec, input, quick_recipe());
  const std::string folder = testing::temp_dir();
  trained.write(folder + "/a.safetensors");
  const ModelFile read = ModelFile::read(folder + "/a.safetensors");
  read.write(folder + "/b.safetensors");
  EXPECT_EQ(read_text(folder + "/a.safetensors"), read_text(folder + "/b.safetensors"));
  EXPECT_EQ(read.parameters(), trained.parameters());
  if (is_network(GetParam())) {
    EXPECT_EQ(logits_of(read, input), logits_of(trained, input));
  } else {
    EXPECT_EQ(read_forest(read).threshold, read_forest(trained).threshold);
    EXPECT_EQ(read_forest(read).left, read_forest(trained).left);
  }
}

TEST_P(EveryArchitecture, TheSeedDecidesTheWeights) {
  const ModelSpec spec = small_spec(GetParam());
  const ModelInput input = small_input(spec, 48);
  Recipe recipe = quick_recipe();
  recipe.random_seed = 3;
  const auto numbers = [&] {
    const ModelFile file = train(spec, input, recipe);
    std::vector<float> all;
    for (const auto& [name, tensor] : file.tensors) all.insert(all.end(), tensor.values.begin(), tensor.values.end());
    return all;
  };
  const auto first = numbers();
  EXPECT_EQ(numbers(), first);
  recipe.random_seed = 4;
  EXPECT_NE(numbers(), first);
}

TEST_P(EveryArchitecture, LearnsSixtyFourSamplesByHeart) {
  if (testing::kSanitized) GTEST_SKIP() << testing::kJudgesLearning;
  const ModelSpec spec = small_spec(GetParam(), 4);
  const ModelInput input = small_input(spec, 64);
  Recipe recipe;
  recipe.epochs = 40, recipe.batch = 16, recipe.date_dropout = 0, recipe.noise = 0, recipe.shift_days = 0, recipe.average_decay = 0.9,
  recipe.learning_rate = 0.005;
  recipe.min_leaf = 2, recipe.trees = 50;
  const ModelFile file = train(spec, input, recipe);
  if (!is_network(GetParam())) GTEST_SKIP() << "the votes of a forest are counted by the kernel: see unit/models/random_forest";
  const auto logits = logits_of(file, input);
  int right = 0;
  for (std::size_t i = 0; i < 64; ++i) {
    const float* row = logits.data() + i * 4;
    right += static_cast<int>(std::max_element(row, row + 4) - row) == input.target[i];
  }
  EXPECT_GE(right, 63);
}

TEST_P(EveryArchitecture, NeitherBatchNorThreadsNorNeighboursHaveInfluence) {
  if (!is_network(GetParam())) GTEST_SKIP() << "not a network";
  const ModelSpec spec = small_spec(GetParam(), 3, 8, 1);
  const ModelInput input = small_input(spec, 700);
  const ModelFile file = train(spec, input.subset({0, 1, 2, 3, 4, 5, 6, 7}), quick_recipe());
  const auto whole = logits_of(file, input);
  EXPECT_EQ(logits_of(file, input, 3), whole);
  for (const std::int64_t sample : {0, 255, 256, 511, 699}) {
    const auto alone = logits_of(file, input.subset({sample}));
    EXPECT_EQ(alone, std::vector<float>(whole.begin() + sample * 3, whole.begin() + sample * 3 + 3)) << "sample " << sample;
  }
  std::vector<std::int64_t> reversed;
  for (std::int64_t i = 699; i >= 0; --i) reversed.push_back(i);
  const auto backwards = logits_of(file, input.subset(reversed));
  for (std::size_t i = 0; i < 700; ++i)
    for (std::size_t k = 0; k < 3; ++k) ASSERT_EQ(backwards[(699 - i) * 3 + k], whole[i * 3 + k]) << "sample " << i;
}

TEST_P(EveryArchitecture, ValuesUnderInvalidDatesHaveNoInfluence) {
  const ModelSpec spec = small_spec(GetParam());
  if (spec.input != InputKind::raw) GTEST_SKIP() << "regular input has no invalid dates";
  ModelInput input = small_input(spec, 50);
  for (int d = 0; d < 8; ++d) input.series[0].valid[static_cast<std::size_t>(7 * 8 + d)] = 0;  // a sample without any observation
  const ModelFile file = train(spec, small_input(spec, 32), quick_recipe());
  const auto before = logits_of(file, input);
  auto& series = input.series[0];
  for (std::size_t d = 0; d < series.valid.size(); ++d)
    if (!series.valid[d])
      for (std::size_t f = 0; f < 3; ++f) series.values[d * 3 + f] = d % 2 ? 1e30f : std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(logits_of(file, input), before);
  for (const float value : before) EXPECT_TRUE(std::isfinite(value));
}

TEST_P(EveryArchitecture, SaysWhatIsWrongWithAFileThatDoesNotFitItsSpec) {
  const ModelSpec spec = small_spec(GetParam());
  ModelFile file = train(spec, small_input(spec, 32), quick_recipe());
  file.path = "m.safetensors";
  const auto load = [](const ModelFile& model) {
    return message_of([&] {
      if (is_network(model.spec.architecture))
        load_classifier(model, Device{});
      else
        read_forest(model);
    });
  };
  EXPECT_EQ(load(file), "no error");
  ModelFile lacking = file;
  const std::string name = lacking.tensors.begin()->first;
  lacking.tensors.erase(name);
  EXPECT_THAT(load(lacking), AllOf(HasSubstr("m.safetensors"), HasSubstr(name), HasSubstr("missing")));
  ModelFile shorter = file;
  shorter.tensors.begin()->second.values.pop_back();
  shorter.tensors.begin()->second.shape = {static_cast<std::int64_t>(shorter.tensors.begin()->second.values.size())};
  EXPECT_THAT(load(shorter), HasSubstr("m.safetensors"));
  if (!is_network(GetParam())) return;
  ModelFile extra = file;
  extra.tensors["more"] = {{1}, {0}};
  EXPECT_THAT(load(extra), HasSubstr("holds"));
  for (const auto& [key, value] : spec.parameters.items()) {
    if (!value.is_number_integer()) continue;
    ModelFile huge = file;
    huge.spec.parameters[key] = 1000000000;
    EXPECT_THAT(load(huge), AllOf(HasSubstr("m.safetensors"), HasSubstr(key)));
    huge.spec.parameters[key] = -1;
    EXPECT_THAT(load(huge), HasSubstr(key));
  }
}

TEST_P(EveryArchitecture, OneClassIsNothingToLearn) {
  const ModelSpec spec = small_spec(GetParam(), 1);
  EXPECT_THAT(message_of([&] { train(spec, small_input(spec, 8), quick_recipe()); }), HasSubstr("at least two classes"));
}

// Sentinel-2 for OSO: 10 bands, 23 classes, 30 dates. BatchNorm stores four numbers a channel.
TEST(Architectures, HaveTheSizeThatTheirLayersAddUpTo) {
  const auto numbers = [](const std::string& name) {
    ModelSpec spec = small_spec(name, 23, 30);
    spec.sources.front().bands.assign(10, "B");
    spec.sources.front().mean.assign(10, 0);
    spec.sources.front().deviation.assign(10, 1);
    Recipe recipe = quick_recipe();
    recipe.epochs = 1;
    return train(spec, small_input(spec, 46, 30), recipe).parameters();
  };
  const int convolutions = (10 * 64 * 5 + 64) + 2 * (64 * 64 * 5 + 64) + 3 * 4 * 64;
  EXPECT_EQ(numbers("temporal_cnn"), convolutions + (30 * 64 * 256 + 256) + 4 * 256 + (256 * 23 + 23));
  const int encoder = (10 * 32 + 32) + (32 * 256 + 256) + 16 * 8 + 16 * 8 * 256 + (256 * 128 + 128) + 4 * 128 + 2 * 128;
  EXPECT_EQ(numbers("ltae"), encoder + (128 * 64 + 64) + 4 * 64 + (64 * 23 + 23));
  const auto inception = [](int channels) { return channels * 32 + 32 * 32 * (39 + 19 + 9) + channels * 32 + 4 * 128; };
  const int shortcuts = (10 * 128 + 4 * 128) + (128 * 128 + 4 * 128);
  EXPECT_EQ(numbers("inception_time"), inception(10) + 5 * inception(128) + shortcuts + (128 * 23 + 23));
  const int layer = 2 * 2 * 64 + (64 * 192 + 192) + (64 * 64 + 64) + (64 * 128 + 128) + (128 * 64 + 64);
  EXPECT_EQ(numbers("transformer"), (10 * 64 + 64) + 3 * layer + 2 * 64 + (64 * 23 + 23));
  EXPECT_EQ(numbers("mlp"), (300 * 256 + 256) + 2 * (256 * 256 + 256) + 3 * 4 * 256 + (256 * 23 + 23));
}

// Logits of small networks whose weights are a formula, against a computation in numpy, step by step as in the papers.
struct Golden {
  std::string architecture;
  nlohmann::json parameters;
  std::vector<float> logits;  // of two pixels, three classes
};

class GoldenLogits : public ::testing::TestWithParam<Golden> {};
INSTANTIATE_TEST_SUITE_P(
    Papers, GoldenLogits,
    ::testing::Values(
        Golden{"ltae",
               {{"spectral", 3}, {"d_model", 8}, {"n_head", 2}, {"d_k", 2}, {"mlp", 4}, {"hidden", 4}, {"dropout", 0.2}, {"norm", "none"}},
               {0.082228f, -0.053019f, 0.301117f, 0.079908f, -0.033152f, 0.291169f}},
        Golden{"temporal_cnn",
               {{"filters", 3}, {"kernel", 3}, {"dense", 4}, {"dropout", 0.5}},
               {0.86911f, 0.57454f, 0.212351f, 0.835578f, 0.575305f, 0.205775f}},
        Golden{"inception_time",
               {{"depth", 3}, {"filters", 2}, {"kernel", 8}},
               {0.938151f, 2.057418f, 2.304613f, 1.001584f, 2.141467f, 2.337743f}},
        Golden{"transformer",
               {{"d_model", 4}, {"n_head", 2}, {"layers", 1}, {"feed_forward", 3}, {"dropout", 0.1}},
               {-0.486205f, 0.116532f, -0.057351f, -0.53008f, 0.176035f, 0.027572f}},
        Golden{"mlp", {{"layers", 2}, {"width", 4}, {"dropout", 0.3}}, {0.992824f, 0.384493f, 1.242669f, 1.00567f, 0.396238f, 1.229281f}}),
    [](const auto& test) { return test.param.architecture; });

TEST_P(GoldenLogits, AreThoseOfThePaper) {
  ModelSpec spec = small_spec(GetParam().architecture, 3, 4);
  spec.parameters = GetParam().parameters;
  spec.sources = {{"s", {"B4", "B8"}, {}, {0, 0}, {1, 1}}};
  ModelInput input = small_input(spec, 16, 4);
  ModelFile file = train(spec, input, quick_recipe());
  int k = 0;
  for (auto& [name, tensor] : file.tensors) {
    for (std::size_t i = 0; i < tensor.values.size(); ++i)
      tensor.values[i] = name.ends_with("running_var") ? 1.0f + 0.1f * static_cast<float>(i % 3)
                                                       : static_cast<float>(0.5 * std::sin(0.7 * k + 0.9 * static_cast<double>(i)) + 0.2);
    ++k;
  }
  input = input.subset({0, 1});
  auto& series = input.series.front();
  const bool raw = spec.input == InputKind::raw;
  series.valid = raw ? std::vector<std::uint8_t>{1, 1, 0, 1, 1, 0, 1, 1} : std::vector<std::uint8_t>(8, 1);
  for (int p = 0; p < 2; ++p)
    for (int d = 0; d < 4; ++d)
      for (int f = 0; f < 2; ++f)
        series.values[static_cast<std::size_t>((p * 4 + d) * 2 + f)] = static_cast<float>(std::cos(1.1 * d + 2 * p + 0.8 * f));
  const auto logits = logits_of(file, input);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(logits[i], GetParam().logits[i], 1e-4) << i;
}

TEST(Training, KeepsTheBestEpochAndCalibratesOnHeldOutGroups) {
  const ModelSpec spec = small_spec("ltae");
  Recipe recipe = quick_recipe();
  recipe.epochs = 12;
  std::vector<EpochReport> reports;
  TrainingRun run = testing::plain_run();
  run.on_epoch = [&](const EpochReport& r) { reports.push_back(r); };
  const ModelFile file = train_network(spec, small_input(spec, 90, 8, 1), small_input(spec, 60, 8, 2), recipe, run);
  ASSERT_EQ(reports.size(), 12u);
  const auto& metrics = file.spec.metrics;
  double best = 0;
  int latest = 0;
  for (const auto& r : reports) best = std::max(best, r.f_score);
  for (const auto& r : reports)
    if (r.f_score >= best - std::sqrt(r.accuracy * (1 - r.accuracy) / 60)) latest = r.epoch;
  EXPECT_EQ(metrics["epoch"], latest);
  EXPECT_DOUBLE_EQ(metrics["held_out"]["f_score"].get<double>(), reports[static_cast<std::size_t>(latest - 1)].f_score);
  EXPECT_NE(file.spec.temperature, 1);
  EXPECT_EQ(metrics["curve"].size(), 12u);
  // Temperature is applied to the logits.
  ModelFile plain = file;
  plain.spec.temperature = 1;
  const ModelInput input = small_input(spec, 5);
  const auto scaled = logits_of(file, input), as_is = logits_of(plain, input);
  for (std::size_t i = 0; i < scaled.size(); ++i) EXPECT_NEAR(scaled[i] * file.spec.temperature, as_is[i], 1e-5);
}

TEST(Training, FewSamplesLearnAgainWithTheHeldOutOnes) {
  const ModelSpec spec = small_spec("ltae");
  const ModelInput input = small_input(spec, 90);
  Recipe recipe = quick_recipe();
  recipe.epochs = 6, recipe.validation_ratio = 0.2;
  const auto train_with = [&](int refit_polygons, std::vector<EpochReport>& reports) {
    recipe.refit_polygons = refit_polygons;
    TrainingRun run = testing::plain_run();
    run.on_epoch = [&](const EpochReport& r) { reports.push_back(r); };
    return learn_again(testing::train_on_a_part(spec, input, recipe, run), input, recipe, run);
  };
  std::vector<EpochReport> once, twice;
  const ModelFile first = train_with(89, once), second = train_with(90, twice);
  EXPECT_EQ(once.size(), 6u);
  const auto epoch = first.spec.metrics["epoch"].get<std::size_t>();
  EXPECT_EQ(twice.size(), 6 + epoch);
  EXPECT_EQ(first.spec.provenance.n_samples, 72);
  EXPECT_EQ(second.spec.provenance.n_samples, 90);
  EXPECT_EQ(second.spec.provenance.n_held_out, 18);
  EXPECT_EQ(second.spec.metrics, first.spec.metrics);  // judged before it had learned from them
  EXPECT_EQ(second.spec.temperature, first.spec.temperature);
  EXPECT_NE(second.tensors.at("head.weight").values, first.tensors.at("head.weight").values);
}

TEST(Training, PolygonsNotSamplesDecideWhoLearnsAgain) {
  const ModelSpec spec = small_spec("ltae");
  ModelInput input = small_input(spec, 90);
  for (std::size_t i = 0; i < 90; ++i) input.group[i] = static_cast<std::int64_t>(i % 30);  // 30 polygons, each of one class
  Recipe recipe = quick_recipe();
  recipe.epochs = 2, recipe.validation_ratio = 0.2;
  const auto samples_learned_with = [&](int refit_polygons) {
    recipe.refit_polygons = refit_polygons;
    const TrainingRun run = testing::plain_run();
    return learn_again(testing::train_on_a_part(spec, input, recipe, run), input, recipe, run).spec.provenance.n_samples;
  };
  EXPECT_LT(samples_learned_with(29), 90);
  EXPECT_EQ(samples_learned_with(30), 90);
}

TEST(Training, TheRobustLossLooksThroughWrongLabels) {
  if (testing::kSanitized) GTEST_SKIP() << testing::kJudgesLearning;
  const ModelSpec spec = small_spec("ltae");
  ModelInput input = small_input(spec, 240);
  const std::vector<int> truth = input.target;
  for (std::size_t i = 0; i < 240; i += 5) input.target[i] = (truth[i] + 1 + static_cast<int>(i) % 2) % 3;  // a fifth is wrong
  Recipe recipe;
  recipe.epochs = 60, recipe.batch = 32;
  const auto errors = [&](double robust) {
    recipe.robust = robust;
    const auto logits = logits_of(train_network(spec, input, {}, recipe, testing::plain_run()), input);
    int wrong = 0;
    for (std::size_t i = 0; i < 240; ++i) {
      const float* row = logits.data() + i * 3;
      wrong += static_cast<int>(std::max_element(row, row + 3) - row) != truth[i];
    }
    return wrong;
  };
  EXPECT_LT(2 * errors(0.7), errors(0));
}

// Labels that the series do not tell: what is learned is how frequent they are, and with an adjustment of 1 nothing.
TEST(Training, LogitAdjustmentForgetsHowFrequentClassesAre) {
  const ModelSpec spec = small_spec("ltae");
  ModelInput input = small_input(spec, 300);
  for (std::size_t i = 0; i < 300; ++i) input.target[i] = (i * 7919) % 100 < 80 ? 0 : (i * 7919) % 100 < 95 ? 1 : 2;
  Recipe recipe;
  recipe.epochs = 12, recipe.batch = 32, recipe.learning_rate = 0.002;
  const auto mean_probability = [&](double tau, std::size_t of) {
    recipe.logit_adjustment = tau;
    const auto logits = logits_of(train_network(spec, input, {}, recipe, testing::plain_run()), input);
    double sum = 0;
    for (std::size_t i = 0; i < 300; ++i) {
      const float* row = logits.data() + i * 3;
      sum += std::exp(row[of]) / (std::exp(row[0]) + std::exp(row[1]) + std::exp(row[2]));
    }
    return sum / 300;
  };
  EXPECT_LT(mean_probability(0, 2), 0.15);
  EXPECT_GT(mean_probability(0, 0), 0.6);
  EXPECT_NEAR(mean_probability(1, 2), 1.0 / 3, 0.15);
  EXPECT_NEAR(mean_probability(1, 0), 1.0 / 3, 0.15);
}

TEST(Training, RecipesComeFromTheModelsFileUnlessSomebodySetThem) {
  const std::string folder = testing::temp_dir();
  write_text(folder + "/models/ltae.toml", "[train]\nepochs = 7\nbatch = 33\n");
  setenv("MILLESIME_CONFIGS", folder.c_str(), 1);
  Recipe recipe;
  Options options;
  recipe.declare(options);
  options.set("train.batch=12");
  apply_recipe(options, "ltae");
  apply_recipe(options, "no_such_model");
  unsetenv("MILLESIME_CONFIGS");
  EXPECT_EQ(recipe.epochs, 7);
  EXPECT_EQ(recipe.batch, 12);
}

}  // namespace
}  // namespace millesime
