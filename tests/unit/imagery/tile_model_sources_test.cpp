// A trained L-TAE of several sources, applied to a window of images and to samples.

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "kernels/ops/prepare.h"
#include "models/base/training.h"
#include "pipeline/imagery/tile_model.h"
#include "tests/support/silent_progress.h"
#include "tests/unit/models/small_models.h"

namespace millesime {
namespace {

constexpr int kRowPixels = 30, kRowDates = 8;

// One row of pixels in which every third observation is masked; where `dark` says so, no date is valid.
template <class Dark>
Series row_of_pixels(const std::vector<std::string>& bands, int days_later, const Dark& dark) {
  Series series;
  series.window = Window{0, 0, kRowPixels, 1};
  series.bands = bands;
  BandGroup group{.bands = {}, .cols = kRowPixels, .rows = 1, .samples = {}};
  MaskRule rule{};
  rule[1] = 1;
  series.mask_rules = {rule};
  for (int d = 0; d < kRowDates; ++d) {
    series.dates.push_back(Date::from_ymd(2021, 1, 1) + 40 * d + days_later);
    for (int p = 0; p < kRowPixels; ++p) series.masks.push_back((d + p) % 3 == 0 || dark(p));
  }
  for (std::size_t b = 0; b < bands.size(); ++b) group.bands.push_back(static_cast<int>(b));
  for (int i = 0; i < kRowDates * static_cast<int>(bands.size()) * kRowPixels; ++i)
    group.samples.push_back(static_cast<std::int16_t>((i * 11 + days_later) % 9 - 4));
  series.groups = {group};
  return series;
}

// Of three sources, as samples are classified and as windows are mapped: the second is not seen by some pixels, the third by none.
TEST(TileModelOfSeveralSources, ReadsImagesAsSamples) {
  testing::SilentProgress progress;
  Context context;
  context.progress = &progress;
  ModelSpec spec = testing::small_spec("ltae", 3, kRowDates, 1);
  spec.sources.front().mean = {0.5f, -1, 0}, spec.sources.front().deviation = {1.5f, 0.7f, 2};
  ModelInput input = testing::small_input(spec, 48, kRowDates);
  for (const char* name : {"ascending", "descending"}) {
    spec.sources.push_back({name, {"VV", "VH"}, {}, {0.5f, -0.5f}, {2, 3}});
    InputSeries radar{2, 2, std::vector<float>(48 * 4, 1.0f), std::vector<std::uint8_t>(48 * 2, 1), std::vector<float>(48 * 2, 100.0f)};
    for (std::size_t v = 0; v < radar.values.size(); ++v) radar.values[v] = static_cast<float>(v % 7);
    input.series.push_back(radar);
  }
  ModelFile model = train_network(spec, input, {}, testing::quick_recipe(), testing::plain_run());
  model.spec.temperature = 1.3;
  for (const char* learned : {"join.gate", "join.absent"}) {  // two epochs hardly move them
    float number = -0.9f;
    for (float& value : model.tensors.at(learned).values) value = number, number += number > 0.9f ? -1.8f : 0.13f;
  }

  const auto is_dark = [](int p) { return p % 4 == 1 || p > 20; };
  const Series images = row_of_pixels(spec.sources[0].bands, 0, [](int) { return false; }),
               ascending = row_of_pixels({"VV", "VH"}, 3, is_dark), dark = row_of_pixels({"VV", "VH"}, 9, [](int) { return true; });
  std::vector<float> statics;
  for (int p = 0; p < kRowPixels; ++p) statics.push_back(static_cast<float>(p % 7) * 0.3f - 1);

  // As samples.
  std::vector<std::vector<float>> values, days;
  std::vector<std::vector<std::uint8_t>> valid;
  Batch batch;
  batch.pixels = kRowPixels, batch.statics = statics.data();
  values.reserve(3), days.reserve(3), valid.reserve(3);
  for (const Series* series : {&images, &ascending, &dark}) {
    const HostSeries host(*series);
    const SourceSpec& source = spec.sources[values.size()];
    std::vector<float> inverse;
    for (const float deviation : source.deviation) inverse.push_back(1 / deviation);
    auto& own = values.emplace_back(kRowPixels * kRowDates * source.bands.size());
    valid.emplace_back(kRowPixels * kRowDates), days.emplace_back();
    for (const Date date : series->dates) days.back().push_back(static_cast<float>(date - Date::from_ymd(2021, 1, 1)));
    PrepareRawArgs raw{.series = host.view(), .resampling = Resampling::nearest, .mean = source.mean.data(), .inverse_std = inverse.data()};
    raw.values = own.data(), raw.valid = valid.back().data();
    prepare_raw(Device{}, raw);
    batch.series.push_back(
        {.dates = kRowDates, .features = source.features(), .values = own.data(), .valid = raw.valid, .days = days.back().data()});
  }
  const Stream stream(context.device);
  ModelRunner runner(model, context.device, 1, 16);
  const float* const read = runner.run(stream, batch);
  const std::vector<float> of_samples(read, read + kRowPixels * 3);

  TileInput tile{
      .bands = spec.sources[0].bands, .static_names = {"static0"}, .year = 2021, .dates = images.dates, .resampling = Resampling::nearest};
  const auto mapped = [&](const std::vector<const Series*>& seen) {
    tile.others.clear(), tile.absent.clear();
    std::vector<DeviceSeries> others;
    for (const Series* series : seen) {
      const std::string& name = spec.sources[series == &ascending ? 1 : 2].name;
      tile.others.push_back({name, {"VV", "VH"}, series->dates, Resampling::nearest}), others.emplace_back(stream, *series);
    }
    for (std::size_t s = 1; s < 3; ++s)
      if (std::ranges::find(tile.others, spec.sources[s].name, &TileInput::Source::name) == tile.others.end())
        tile.absent.push_back(spec.sources[s].name);
    TileModel on(model, tile, 16, context);
    const auto scores = on.run(stream, DeviceSeries(stream, images), images.dates, statics, others);
    return std::vector<float>(scores.probabilities, scores.probabilities + kRowPixels * 3);
  };
  const std::vector<float> all = mapped({&ascending, &dark});
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_NEAR(all[i], of_samples[i], 1e-5) << i;
  EXPECT_EQ(mapped({&dark, &ascending}), all) << "the order in which they are read";
  EXPECT_EQ(mapped({&ascending}), all) << "a source that nothing sees is one that the tile lacks";
  const std::vector<float> alone = mapped({});
  int other = 0;
  for (std::size_t p = 0; p < kRowPixels; ++p)
    for (std::size_t c = 0; c < 3; ++c) {
      if (is_dark(static_cast<int>(p)))
        EXPECT_EQ(alone[p * 3 + c], all[p * 3 + c]) << p;
      else
        other += std::abs(alone[p * 3 + c] - all[p * 3 + c]) > 1e-3f;
    }
  EXPECT_GT(other, 10);
}

}  // namespace
}  // namespace millesime
