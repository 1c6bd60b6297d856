// TorchScript models of others: a program and its JSON file, on samples and on a window of images, if it is trusted.

#include <cmath>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/script.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/imagery/tile_model.h"
#include "pipeline/learning/evaluation.h"
#include "pipeline/stages/classify.h"
#include "tests/support/message_of.h"
#include "tests/support/silent_context.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

constexpr const char* kSidecar = R"({
  "sources": [{"name": "sentinel2", "bands": ["B4", "B8"], "mean": [1000, 1000], "deviation": [500, 500]}],
  "classes": [1, 2],
  "nomenclature": {"name": "two", "classes": [{"code": 1, "name": "low"}, {"code": 2, "name": "high"}]}
})";

// Class 2 where the mean of the valid values of the first band lies above that of the second.
constexpr const char* kProgram = R"(
def forward(self, values, valid, days):
    seen = valid.unsqueeze(-1).float()
    mean = (values * seen).sum(1) / seen.sum(1).clamp(min=1.0)
    return 4.0 * torch.stack([mean[:, 1] - mean[:, 0], mean[:, 0] - mean[:, 1]], 1)
)";

class ScriptModel : public ::testing::Test {
 protected:
  ScriptModel() {
    save(kProgram);
    write_text(folder + "/m.json", kSidecar);
    std::string table = "label,B4_20210101,B4_20210601,B8_20210101,B8_20210601\n";
    for (int i = 0; i < 300; ++i)  // more than one block
      table += i % 2 ? "2,1500,,900,\n" : "1,700,800,1200,1300\n";
    write_text(folder + "/s.csv", table);
    evaluate.model = model;
    evaluate.samples = {folder + "/s.csv"};
  }
  void save(const std::string& program) {
    torch::jit::Module module("m");
    module.define(program);
    module.save(model);
  }
  const std::string folder = testing::temp_dir(), model = folder + "/m.pt";
  EvaluateCommand evaluate;
  testing::SilentContext silent;
};

TEST_F(ScriptModel, DoesNotRunWithoutTrust) {
  const std::string why = message_of([&] { evaluate_model(evaluate, silent.context); });
  EXPECT_THAT(why, AllOf(HasSubstr("m.pt"), HasSubstr("program"), HasSubstr("--trust-model")));
  PredictCommand predict;
  predict.model = model, predict.samples = evaluate.samples, predict.output = folder + "/p.csv";
  EXPECT_EQ(message_of([&] { predict_samples(predict, silent.context); }), why);
  EXPECT_FALSE(std::filesystem::exists(predict.output));
  std::filesystem::create_directories(folder + "/T31TCJ");
  ClassifyCommand classify;
  classify.model = model, classify.tile = folder + "/T31TCJ", classify.output = folder + "/map";
  EXPECT_EQ(message_of([&] { classify_command(classify, silent.context); }), why);
}

TEST_F(ScriptModel, EvaluatesSamplesWithItsOwnNormalisation) {
  evaluate.trust_model = true;
  EXPECT_EQ(evaluate_model(evaluate, silent.context).accuracy.overall, 1);
  PredictCommand predict;
  predict.model = model, predict.samples = evaluate.samples, predict.output = folder + "/p.csv", predict.trust_model = true;
  EXPECT_EQ(predict_samples(predict, silent.context), 300);
  // The second sample: logits 4 x (1.2, -1.2) turned round, so p = 1 / (1 + exp(-9.6)).
  EXPECT_THAT(read_text(predict.output), HasSubstr("s.csv,1,2,2,0.9999,0.0001,0.9999\n"));
  EXPECT_THAT(model_info_text(model), AllOf(HasSubstr("torchscript"), HasSubstr("B4, B8"), HasSubstr("high")));
}

TEST_F(ScriptModel, MapsAWindow) {
  constexpr int kPixels = 6;
  Series series;
  series.window = Window{0, 0, kPixels, 1};
  series.bands = {"B4", "B8"};
  series.dates = {Date::from_ymd(2021, 1, 1)};
  series.masks.assign(kPixels, 0);
  series.masks[5] = 1;
  MaskRule rule{};
  rule[1] = 1;
  series.mask_rules = {rule};
  BandGroup group{.bands = {0, 1}, .cols = kPixels, .rows = 1, .samples = {}};
  for (int b = 0; b < 2; ++b)
    for (int p = 0; p < kPixels; ++p) group.samples.push_back(static_cast<std::int16_t>(b == 0 ? 500 + 300 * p : 1250));
  series.groups = {group};
  TileInput input;
  input.bands = series.bands, input.year = 2021, input.dates = series.dates, input.resampling = Resampling::nearest;
  TileModel on(ModelFile::read(model, Trust::programs), input, 4, silent.context);
  const Stream stream(silent.context.device);
  const auto scores = on.run(stream, DeviceSeries(stream, series), series.dates, {});
  for (int p = 0; p < 5; ++p) {
    const double logit = 4 * (500 + 300 * p - 1250) / 500.0;
    EXPECT_NEAR(scores.probabilities[p * 2 + 1], 1 / (1 + std::exp(-2 * logit)), 1e-5) << p;
  }
  EXPECT_EQ(scores.count[4], 1);
  EXPECT_EQ(scores.count[5], 0);
}

TEST_F(ScriptModel, SaysWhatIsWrongWithProgramOrSidecar) {
  evaluate.trust_model = true;
  const auto error = [&] { return message_of([&] { evaluate_model(evaluate, silent.context); }); };
  save("def forward(self, values, valid, days):\n    return values\n");
  EXPECT_THAT(error(), AllOf(HasSubstr("m.pt"), HasSubstr("expected logits [256, 2]"), HasSubstr("[256, 2, 2]")));
  save("def forward(self, values):\n    return values\n");
  EXPECT_THAT(error(), AllOf(HasSubstr("m.pt"), HasSubstr("failed")));
  write_text(model, "no program");
  EXPECT_THAT(error(), AllOf(HasSubstr("m.pt"), HasSubstr("cannot be loaded")));
  save(kProgram);
  write_text(folder + "/m.json", R"({"classes": [1, 2]})");
  EXPECT_THAT(error(), AllOf(HasSubstr("m.json"), HasSubstr("sources")));
  std::filesystem::remove(folder + "/m.json");
  EXPECT_THAT(error(), AllOf(HasSubstr("m.json"), HasSubstr("missing")));
}

}  // namespace
}  // namespace millesime
