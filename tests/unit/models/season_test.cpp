#include "models/base/season.h"

#include <cmath>
#include <random>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/message_of.h"

namespace millesime {
namespace {

TEST(Season, PowerUndoesOverconfidence) {
  // Probabilities (0.7, 0.3) that are said to be (0.7, 0.3)^3, normalised: the power is a third.
  std::mt19937 random(1);
  std::vector<float> said;
  std::vector<int> target;
  const double a = std::pow(0.7, 3), b = std::pow(0.3, 3);
  for (int i = 0; i < 20000; ++i) {
    said.insert(said.end(), {static_cast<float>(a / (a + b)), static_cast<float>(b / (a + b))});
    target.push_back(random() % 10 < 7 ? 0 : 1);
  }
  EXPECT_NEAR(best_power(said, 2, target), 1.0 / 3, 0.02);
  EXPECT_EQ(best_power({}, 2, {}), 1);
}

TEST(Season, CalibrationIsThatOfTheDay) {
  ModelFile model;
  EXPECT_FALSE(knows_early_maps(model));
  model.spec.metrics["season"] = {{"cut", 0.7}, {"powers", {{60, 0.5}, {120, 1.0}, {366, 2.0}}}};
  EXPECT_TRUE(knows_early_maps(model));
  const auto temperature_on = [&](int day) {
    ModelFile of_day = model;
    serve_day(of_day, day);
    return of_day.spec.temperature;
  };
  EXPECT_DOUBLE_EQ(temperature_on(30), 2) << "before the first day, as on it";
  EXPECT_DOUBLE_EQ(temperature_on(60), 2);
  EXPECT_DOUBLE_EQ(temperature_on(90), 1 / 0.75);
  EXPECT_DOUBLE_EQ(temperature_on(120), 1);
  EXPECT_DOUBLE_EQ(temperature_on(243), 1 / 1.5);
  EXPECT_DOUBLE_EQ(temperature_on(366), 0.5);
}

TEST(Season, PartsAreThoseInWhichSomethingIsSeenAndSomethingIsNot) {
  ModelInput input;
  input.series.push_back({3, 1, {5, 6, 7, 8, 9, 10}, {1, 0, 1, 1, 0, 1}, {100, 20, 200, 100, 300, 200}});
  input.target = {0, 1}, input.group = {0, 1};
  std::vector<int> until;
  std::vector<std::pair<float, float>> cuts;
  const auto look = [&] {
    until.clear(), cuts.clear();
    for (const SeasonPart& part : season_parts(input, 0.7)) {
      until.push_back(part.until), cuts.emplace_back(part.cut.first, part.cut.last);
      EXPECT_EQ(part.cut.share, 0.7f);
      EXPECT_EQ(part.middle, part.until - 30);
    }
  };
  using Cuts = std::vector<std::pair<float, float>>;
  look();
  EXPECT_EQ(until, (std::vector<int>{105, 165, 225}));
  EXPECT_EQ(cuts, (Cuts{{30, 120}, {90, 180}, {150, 240}}));
  // By thermal time the days of the year are those of `calendar`; what is hidden lies after the positions of these days.
  input.series[0].calendar = {100, 20, 200, 100, 300, 200}, input.series[0].days = {10, 0, 130, 30, 500, 110};
  look();
  EXPECT_EQ(until, (std::vector<int>{105, 165, 225}));
  EXPECT_EQ(cuts, (Cuts{{20, 40}, {20, 100}, {70, 120}}));
  input.series[0].valid.assign(6, 0);
  look();
  EXPECT_TRUE(until.empty());
}

TEST(Season, ADayHasTheWeightsOfItsPart) {
  ModelFile whole, part, member;
  whole.path = "any-day.safetensors";
  const auto weights = [](float value) { return FloatTensor{{1}, {value}}; };
  whole.tensors = {{"head.bias", weights(9)}};
  part.spec.metrics["epoch"] = 7;
  part.tensors = {{"head.bias", weights(1)}, {"season/0/head.bias", weights(5)}};
  add_season_part(whole, {105, 75, {}}, part);
  part.tensors = {{"head.bias", weights(2)}};
  add_season_part(whole, {165, 135, {}}, part);
  EXPECT_EQ(whole.tensors.size(), 3u) << "of a part alone the weights that it uses";
  EXPECT_EQ(whole.spec.metrics["season"]["parts"][1], (nlohmann::json{{"until", 165}, {"epoch", 7}}));
  ModelFile ensemble;
  ensemble.members = {whole, member};
  const auto served = [](ModelFile model, int day) {
    serve_day(model, day);
    return (model.members.empty() ? model : model.members.front()).tensors.at("head.bias").values.front();
  };
  EXPECT_EQ(served(whole, 20), 1);
  EXPECT_EQ(served(whole, 105), 1);
  EXPECT_EQ(served(whole, 106), 2);
  EXPECT_EQ(served(whole, 166), 9) << "the whole season";
  EXPECT_EQ(served(ensemble, 120), 2);
  whole.tensors.erase("season/1/head.bias");
  EXPECT_EQ(served(whole, 105), 1);
  EXPECT_THAT(testing::message_of([&] { serve_day(whole, 120); }),
              ::testing::AllOf(::testing::HasSubstr("any-day.safetensors"), ::testing::HasSubstr("season/1/head.bias")));
}

TEST(Season, HidesWhatIsLater) {
  ModelInput input;
  input.series.push_back({3, 1, {5, 6, 7, 8, 9, 10}, {1, 1, 1, 1, 0, 1}, {0, 89, 90, 20, 30, 40}});
  input.target = {0, 1}, input.group = {0, 1};
  const ModelInput known = known_on(input, 90);  // day 90 of the year is 31 March: 89 days after 1 January
  EXPECT_EQ(known.series[0].valid, (std::vector<std::uint8_t>{1, 1, 0, 1, 0, 1}));
  EXPECT_EQ(known.series[0].values, (std::vector<float>{5, 6, 0, 8, 9, 10}));
  input.series[0].calendar = {0, 10, 20, 89, 90, 91};  // with thermal time the days of the year decide
  EXPECT_EQ(known_on(input, 90).series[0].valid, (std::vector<std::uint8_t>{1, 1, 1, 1, 0, 0}));
  EXPECT_EQ(known_on(input.subset({1}), 90).series[0].valid, (std::vector<std::uint8_t>{1, 0, 0}));
}

}  // namespace
}  // namespace millesime
