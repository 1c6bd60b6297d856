// A trained model applied to a window of images.

#include "pipeline/imagery/tile_model.h"

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/ops/ltae.h"
#include "kernels/ops/prepare.h"
#include "models/arch/ltae.h"
#include "models/arch/random_forest.h"
#include "models/base/classifier.h"
#include "models/base/ensemble.h"
#include "models/base/training.h"
#include "pipeline/core/error.h"
#include "tests/support/message_of.h"
#include "tests/support/silent_progress.h"
#include "tests/unit/models/small_models.h"

namespace millesime {
namespace {

using ::testing::HasSubstr;
using testing::quick_recipe;
using testing::small_input;
using testing::small_spec;

constexpr int kPixels = 30, kDates = 8;

// A window of one row in which every third observation is masked.
Series window() {
  Series series;
  series.window = Window{0, 0, kPixels, 1};
  series.bands = {"B3", "B4", "B8"};
  BandGroup group{.bands = {0, 1, 2}, .cols = kPixels, .rows = 1, .samples = {}};
  MaskRule rule{};
  rule[1] = 1;
  series.mask_rules = {rule};
  for (int d = 0; d < kDates; ++d) {
    series.dates.push_back(Date::from_ymd(2021, 1, 1) + 40 * d);
    for (int p = 0; p < kPixels; ++p) series.masks.push_back((d + p) % 3 == 0);
    for (int b = 0; b < 3; ++b)
      for (int p = 0; p < kPixels; ++p) group.samples.push_back(static_cast<std::int16_t>((d * 7 + b * 3 + p) % 5 - 2));
  }
  series.groups = {group};
  return series;
}

ModelFile trained(const std::string& name) {
  const ModelSpec spec = small_spec(name, 3, kDates);
  const ModelInput input = small_input(spec, 48, kDates);
  ModelFile model = name == "random_forest" ? forest_file(spec, train_forest(spec, input, quick_recipe()))
                                            : train_network(spec, input, {}, quick_recipe(), testing::plain_run());
  model.path = name;
  return model;
}

ModelFile of_seed(std::uint64_t seed) {
  const ModelSpec spec = small_spec("random_forest", 3, kDates);
  Recipe recipe = quick_recipe();
  recipe.random_seed = seed;
  return forest_file(spec, train_forest(spec, small_input(spec, 48, kDates), recipe));
}

class TileModelOfWindow : public ::testing::Test {
 protected:
  TileModelOfWindow() { context.progress = &progress; }
  std::vector<std::string> absent;
  bool may_lack_sources = false;
  TileModel on_tile(const ModelFile& model, Arithmetic precision = Arithmetic::float32,
                    std::shared_ptr<PreparedInputs> prepared = nullptr) {
    TileInput input;
    input.bands = {"B3", "B4", "B8"};
    input.year = 2021;
    input.resampling = Resampling::nearest;
    input.absent = absent, input.may_lack_sources = may_lack_sources;
    return TileModel(model, input, 16, context, precision, std::move(prepared));
  }
  std::vector<float> probabilities(const ModelFile& model) {
    TileModel on = on_tile(model);
    const Series series = window();
    const Stream stream(context.device);
    const auto scores = on.run(stream, DeviceSeries(stream, series), series.dates, {});
    for (int p = 0; p < kPixels; ++p) EXPECT_EQ(scores.count[p], p % 3 == 1 ? 6 : 5) << p;
    return {scores.probabilities, scores.probabilities + kPixels * 3};
  }
  testing::SilentProgress progress;
  Context context;
};

TEST_F(TileModelOfWindow, SixteenBitsGiveNearlyTheSameAndTheirCostIsMeasured) {
  const ModelFile model = trained("temporal_cnn");
  const std::vector<float> exact = probabilities(model);
  for (const int threads : {1, 2}) {
    context.threads = threads;
    TileModel reduced = on_tile(model, Arithmetic::bfloat16);
    const Series series = window();
    const Stream stream(context.device);
    const auto scores = reduced.run(stream, DeviceSeries(stream, series), series.dates, {});
    double largest = 0;
    for (std::size_t i = 0; i < exact.size(); ++i)
      largest = std::max(largest, std::abs(static_cast<double>(scores.probabilities[i] - exact[i])));
    EXPECT_GT(largest, 0);  // it is computed with fewer bits
    EXPECT_LT(largest, 0.05);
    const PrecisionCost cost = reduced.precision_cost();
    EXPECT_EQ(cost.pixels, 2);  // one of each batch
    EXPECT_EQ(cost.same_label, 2);
    EXPECT_GT(cost.difference, 0);
    EXPECT_THAT(cost.to_text(), HasSubstr("of 2 pixels that were compared"));
  }
  EXPECT_EQ(on_tile(model).precision_cost().pixels, 0);
  EXPECT_EQ(progress.notes.size(), 0u);
  for (const std::string other : {"random_forest", "mlp"}) {
    EXPECT_EQ(on_tile(trained(other), Arithmetic::bfloat16).precision_cost().pixels, 0);
    EXPECT_THAT(progress.notes, ::testing::ElementsAre(HasSubstr(other + " is mapped in float32")));
    progress.notes.clear();
  }
}

TEST_F(TileModelOfWindow, SixteenBitsOfTheKernelOfImagesAreComparedToo) {
  const ModelFile model = trained("ltae");
  const std::vector<float> exact = probabilities(model);
  TileModel reduced = on_tile(model, Arithmetic::bfloat16);
  EXPECT_EQ(progress.notes.size(), has_products_of_pairs() ? 0u : 1u);
  const Series series = window();
  const Stream stream(context.device);
  for (int windows = 1; windows <= 3; ++windows) {
    const auto scores = reduced.run(stream, DeviceSeries(stream, series), series.dates, {});
    for (std::size_t i = 0; i < exact.size(); ++i) ASSERT_NEAR(scores.probabilities[i], exact[i], 0.05) << i;
    const PrecisionCost cost = reduced.precision_cost();
    EXPECT_EQ(cost.pixels, windows * kPixels) << "a row of each window";
    EXPECT_GE(cost.same_label, cost.pixels - 1);
    EXPECT_GT(cost.difference, 0);
  }
  EXPECT_EQ(on_tile(model).precision_cost().pixels, 0);
}

TEST_F(TileModelOfWindow, ASourceThatATileLacksIsHiddenAndOneThatNobodyHasIsAnError) {
  ModelSpec spec = small_spec("ltae", 3, kDates);
  ModelInput input = small_input(spec, 48, kDates);
  spec.sources.push_back({"sentinel1", {"VV", "VH"}, {}, {0, 0}, {1, 1}});
  InputSeries radar{2, 2, std::vector<float>(48 * 4, 1.0f), std::vector<std::uint8_t>(48 * 2, 1), std::vector<float>(48 * 2, 100.0f)};
  for (std::size_t v = 0; v < radar.values.size(); ++v) radar.values[v] = static_cast<float>(v % 7);
  input.series.push_back(radar);
  ModelFile model = train_network(spec, input, {}, quick_recipe(), testing::plain_run());
  model.path = "two.safetensors";
  EXPECT_THAT(testing::message_of([&] { on_tile(model); }),
              ::testing::AllOf(HasSubstr("two.safetensors: the model also reads sentinel1 (VV, VH), which the configuration does not have"),
                               HasSubstr("classify.missing_sources = true")));
  absent = {"sentinel1"};
  const auto mapped = probabilities(model);
  EXPECT_THAT(progress.notes, ::testing::IsEmpty());
  absent = {}, may_lack_sources = true;
  EXPECT_EQ(probabilities(model), mapped);
  EXPECT_THAT(progress.notes,
              ::testing::Contains(HasSubstr("sentinel1 (VV, VH), which the configuration does not have: it is mapped without")));
  for (std::size_t p = 0; p < kPixels; ++p) EXPECT_NEAR(mapped[p * 3] + mapped[p * 3 + 1] + mapped[p * 3 + 2], 1, 1e-5);
}

// Every pixel has its own temperature, and so its own positions: those that the network gets for samples.
TEST_F(TileModelOfWindow, ThermalTimePlacesTheAcquisitionsOfEachPixel) {
  ModelSpec spec = small_spec("ltae", 3, kDates);
  spec.thermal = ThermalTime{"temperature", 0, 10};
  ModelFile model = train_network(spec, small_input(spec, 48, kDates), {}, quick_recipe(), testing::plain_run());
  model.path = "thermal.safetensors";
  const Series images = window();
  const Date new_year = Date::from_ymd(2021, 1, 1);
  Series weather;
  weather.window = images.window, weather.bands = {"temperature"}, weather.mask_rules = images.mask_rules;
  BandGroup group{.bands = {0}, .cols = kPixels, .rows = 1, .samples = {}};
  TileInput input{.bands = {"B3", "B4", "B8"}, .static_names = {}, .year = 2021, .dates = images.dates, .resampling = Resampling::nearest};
  for (int d = 0; new_year + d < images.dates.back(); ++d) {
    weather.dates.push_back(new_year + d);
    for (int p = 0; p < kPixels; ++p) group.samples.push_back(static_cast<std::int16_t>(100 * p)), weather.masks.push_back(0);
  }
  weather.groups = {group};
  input.others = {{"temperature", {"temperature"}, weather.dates, Resampling::nearest}};
  const Stream stream(context.device);
  const auto mapped = [&] {
    TileModel on(model, input, 16, context);
    std::vector<DeviceSeries> others;
    others.emplace_back(stream, weather);
    const auto scores = on.run(stream, DeviceSeries(stream, images), images.dates, {}, others);
    return std::vector<float>(scores.probabilities, scores.probabilities + kPixels * 3);
  };
  const std::vector<float> found = mapped();

  std::vector<float> values(kPixels * kDates * 3), days, logits(kPixels * 3);
  std::vector<std::uint8_t> valid(kPixels * kDates);
  for (int p = 0; p < kPixels; ++p)
    for (int d = 0; d < kDates; ++d) days.push_back(static_cast<float>(40 * d * p) / 10);  // p degrees a day
  const HostSeries host(images);
  PrepareRawArgs raw{.series = host.view(), .resampling = Resampling::nearest};
  raw.values = values.data(), raw.valid = valid.data();
  prepare_raw(Device{}, raw);
  Batch batch;
  batch.pixels = kPixels;
  batch.series = {
      {.dates = kDates, .features = 3, .values = values.data(), .valid = valid.data(), .days = days.data(), .days_per_pixel = true}};
  load_classifier(model, Device{})->logits(Device{}, batch, logits.data());
  for (std::size_t p = 0; p < kPixels; ++p) {
    double sum = 0;
    for (std::size_t c = 0; c < 3; ++c) sum += std::exp(static_cast<double>(logits[p * 3 + c]));
    for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(found[p * 3 + c], std::exp(static_cast<double>(logits[p * 3 + c])) / sum, 1e-5) << p;
  }

  weather.masks[static_cast<std::size_t>(10 * kPixels + 4)] = 1;  // no temperature at one pixel on 11 January
  EXPECT_THAT(testing::message_of(mapped), HasSubstr("a pixel that is observed has no temperature of temperature on 2021-01-11"));
  input.others[0].dates.erase(input.others[0].dates.begin() + 5);
  EXPECT_THAT(testing::message_of(mapped),
              HasSubstr("thermal.safetensors: thermal time needs the temperature of temperature on every day"));
  input.others.clear();
  EXPECT_THAT(testing::message_of(mapped), HasSubstr("which the configuration does not have; add a [[source]] of daily temperature"));
  input.absent = {"temperature"};
  EXPECT_THAT(testing::message_of(mapped), HasSubstr("has no day over this tile"));
}

TEST_F(TileModelOfWindow, AnEnsembleIsTheMeanOfItsMembers) {
  const std::vector<ModelFile> members{trained("ltae"), trained("temporal_cnn"), trained("random_forest")};
  std::vector<std::vector<float>> each;
  for (const auto& member : members) each.push_back(probabilities(member));
  const auto together = probabilities(make_ensemble(members));
  for (std::size_t i = 0; i < together.size(); ++i) EXPECT_NEAR(together[i], (each[0][i] + each[1][i] + each[2][i]) / 3, 1e-6) << i;
}

// Of regions and seeds: what agrees is prepared once a window, and every model computes what it computes alone.
TEST_F(TileModelOfWindow, ModelsShareTheInputTheyAgreeOn) {
  const ModelFile forest = trained("random_forest"), same_network = trained("temporal_cnn");
  ModelFile smoothed = forest, network = same_network;
  smoothed.spec.gap_fill.method = "moving-average";
  network.spec.sources.front().mean.front() += 1;
  const std::vector<ModelFile> models{forest, of_seed(2), smoothed, network, same_network};
  const auto prepared = std::make_shared<PreparedInputs>(context.device);
  std::vector<std::vector<float>> alone;
  std::vector<TileModel> together;
  for (const ModelFile& model : models)
    alone.push_back(probabilities(model)), together.push_back(on_tile(model, Arithmetic::float32, prepared));
  const Stream stream(context.device);
  Series series = window();
  for (int turn = 1; turn <= 3; ++turn) {
    prepared->next_window();
    for (std::size_t m = 0; m < together.size(); ++m) {
      const auto scores = together[m].run(stream, DeviceSeries(stream, series), series.dates, {});
      if (turn == 2) continue;  // of another window
      EXPECT_EQ(std::vector<float>(scores.probabilities, scores.probabilities + kPixels * 3), alone[m]) << m << ", window " << turn;
    }
    EXPECT_EQ(prepared->times_prepared(), turn * 4) << "both forests of linear gap filling are one";
    for (std::int16_t& number : series.groups.front().samples) number = static_cast<std::int16_t>(-number);
  }
}

TEST_F(TileModelOfWindow, ProbabilitiesAreSharpenedWhoeverComputesTheLogits) {
  for (const char* norm : {"none", "group"}) {  // by the kernel, by the network
    ModelSpec spec = small_spec("ltae", 3, kDates);
    spec.parameters["norm"] = norm;
    ModelFile model = train_network(spec, small_input(spec, 48, kDates), {}, quick_recipe(), testing::plain_run());
    const auto plain = probabilities(model);
    model.spec.sharpening = 0.5;
    const auto sharp = probabilities(model);
    for (std::size_t p = 0; p < kPixels * 3; p += 3) {
      double highest = 0, sum = 0, expected[3];
      for (std::size_t c = 0; c < 3; ++c) highest = std::max(highest, static_cast<double>(plain[p + c]));
      for (std::size_t c = 0; c < 3; ++c) {
        const double below = std::log(highest / static_cast<double>(plain[p + c]));
        sum += expected[c] = std::exp(-below - 0.5 * below * below);
      }
      for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(sharp[p + c], expected[c] / sum, 1e-5) << norm << ", pixel " << p / 3;
    }
  }
}

TEST_F(TileModelOfWindow, VotesOfACalibratedForestAreSharpened) {
  ModelFile model = trained("random_forest");
  const auto shares = probabilities(model);
  model.spec.temperature = 0.5, model.spec.sharpening = 0.1;
  const auto calibrated = probabilities(model);
  const double trees = quick_recipe().trees;
  int changed = 0;
  for (std::size_t p = 0; p < kPixels * 3; p += 3) {
    double sum = 0, expected[3];
    const double highest =
        *std::max_element(shares.begin() + static_cast<std::ptrdiff_t>(p), shares.begin() + static_cast<std::ptrdiff_t>(p) + 3);
    for (std::size_t c = 0; c < 3; ++c) {
      const double below = 2 * std::log((highest * trees + 0.5) / (static_cast<double>(shares[p + c]) * trees + 0.5));
      sum += expected[c] = std::exp(-below - 0.1 * below * below);
    }
    for (std::size_t c = 0; c < 3; ++c) {
      EXPECT_NEAR(calibrated[p + c], expected[c] / sum, 1e-5) << "pixel " << p / 3;
      changed += std::abs(calibrated[p + c] - shares[p + c]) > 0.01f;
    }
  }
  EXPECT_GT(changed, 0);
}

TEST_F(TileModelOfWindow, BandsThatTheImagesAreNotReadWithAreAnError) {
  ModelFile model = trained("ltae");
  model.spec.sources.front().bands[2] = "B8A";
  try {
    on_tile(model);
    FAIL() << "no error";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("B3, B4, B8A"));
  }
}

// The kernel of L-TAE compared with the trained network, on a window with masks and static inputs.
void expect_logits_of_network(const ModelFile& model) {
  const Series series = window();
  const HostSeries host(series);
  const SourceSpec& source = model.spec.sources.front();
  std::vector<float> inverse, days, statics;
  for (const float deviation : source.deviation) inverse.push_back(1 / deviation);
  for (const Date date : series.dates) days.push_back(static_cast<float>(date - Date::from_ymd(2021, 1, 1)));
  const int n_statics = model.spec.n_statics();
  for (int i = 0; i < kPixels * n_statics; ++i) statics.push_back(static_cast<float>(i % 7) * 0.3f - 1);
  std::vector<float> planes(statics.size());  // as the kernel reads them
  for (int i = 0; i < kPixels * n_statics; ++i)
    planes[static_cast<std::size_t>(i % n_statics * kPixels + i / n_statics)] = statics[static_cast<std::size_t>(i)];

  std::vector<float> values(kPixels * kDates * 3), plain(kPixels * model.spec.classes.size()), folded(plain.size());
  std::vector<std::uint8_t> valid(kPixels * kDates);
  PrepareRawArgs raw{.series = host.view(), .resampling = Resampling::nearest, .mean = source.mean.data(), .inverse_std = inverse.data()};
  raw.values = values.data(), raw.valid = valid.data();
  prepare_raw(Device{}, raw);
  Batch batch;
  batch.pixels = kPixels, batch.statics = statics.empty() ? nullptr : statics.data();
  batch.series = {{.dates = kDates, .features = 3, .values = values.data(), .valid = valid.data(), .days = days.data()}};
  load_classifier(model, Device{})->logits(Device{}, batch, plain.data());

  const auto weights = ltae_weights(model);
  ASSERT_EQ(weights.size(), 1U);
  Ltae network(weights.front());
  network.set_dates(ltae_positions(days, weights.front().head_width));
  LtaeArgs args;
  args.weights = network.view(), args.dates = network.dates(), args.series = host.view(), args.resampling = Resampling::nearest;
  args.mean = source.mean.data(), args.inverse_std = inverse.data(), args.statics = planes.data(), args.logits = folded.data();
  ltae(Device{}, args);
  for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_NEAR(folded[i], plain[i], 1e-5) << i;
}

TEST(LtaeKernel, HasTheLogitsOfTheNetwork) {
  for (const int spectral : {32, 0})
    for (const int statics : {0, 2}) {
      SCOPED_TRACE(::testing::Message() << "spectral " << spectral << ", statics " << statics);
      ModelSpec spec = small_spec("ltae", 3, kDates, statics);
      spec.parameters["spectral"] = spectral;
      spec.sources.front().mean = {0.5f, -1, 0}, spec.sources.front().deviation = {1.5f, 0.7f, 2};
      ModelFile model = train_network(spec, small_input(spec, 48, kDates), {}, quick_recipe(), testing::plain_run());
      model.spec.temperature = 1.7;
      expect_logits_of_network(model);
    }
}

TEST(LtaeKernel, IsNotForOtherFormsOfTheNetwork) {
  ModelSpec spec = small_spec("ltae", 3, kDates);
  spec.parameters["norm"] = "group";
  EXPECT_TRUE(ltae_weights(train_network(spec, small_input(spec, 48, kDates), {}, quick_recipe(), testing::plain_run())).empty());
  EXPECT_TRUE(ltae_weights(trained("temporal_cnn")).empty());
}

}  // namespace
}  // namespace millesime
