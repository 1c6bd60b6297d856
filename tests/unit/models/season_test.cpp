#include "models/base/season.h"

#include <cmath>
#include <map>
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
  EXPECT_NEAR(best_power({{said}}, 2, target), 1.0 / 3, 0.02);
  EXPECT_NEAR(best_power({{said, 0.2}, {said, 0.8}}, 2, target), 1.0 / 3, 0.02) << "of two that say the same";
  EXPECT_EQ(best_power({}, 2, {}), 1);
}

TEST(Season, AMeanOfNetworksThatDisagreeIsToBeSurer) {
  // Both are right in 70 % of their answers and say so; where they disagree the mean says that nothing is known, rightly; where they agree
  // it says 0.7, and they are right more often (49 of 58 times, as their errors are independent).
  std::mt19937 random(1);
  std::vector<float> one, other;
  std::vector<int> target;
  for (int i = 0; i < 20000; ++i) {
    target.push_back(static_cast<int>(random() % 2));
    for (auto* said : {&one, &other}) {
      const bool says = (random() % 10 < 7) == (target.back() == 0);  // class 0
      said->insert(said->end(), {says ? 0.7f : 0.3f, says ? 0.3f : 0.7f});
    }
  }
  const double power = best_power({{one, 0.5}, {other, 0.5}}, 2, target);
  const double sure = std::pow(0.7, power) / (std::pow(0.7, power) + std::pow(0.3, power));
  EXPECT_NEAR(sure, 49.0 / 58, 0.02);
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
  std::vector<int> middles;
  std::vector<std::pair<float, float>> cuts;
  const auto look = [&] {
    const SeasonPlan plan = plan_season(input, 0.7);
    middles.clear(), cuts.clear();
    for (const SeasonPart& part : plan.parts) {
      middles.push_back(part.middle), cuts.emplace_back(part.cut.first, part.cut.last);
      EXPECT_EQ(part.cut.share, 0.7f);
    }
    return plan.known;
  };
  EXPECT_EQ(look(), 201);  // the last date is the 201st day
  EXPECT_EQ(middles, (std::vector<int>{100, 110, 120, 130, 140, 150, 160, 170, 180, 190}));
  EXPECT_EQ(cuts[0], std::pair(101.0f, 110.0f));
  EXPECT_EQ(cuts[1], std::pair(101.0f, 120.0f));
  EXPECT_EQ(cuts[6], std::pair(150.0f, 170.0f));
  EXPECT_EQ(cuts[9], std::pair(180.0f, 200.0f));
  // By thermal time the days of the year are those of `calendar`; what is hidden lies after the positions of these days.
  input.series[0].calendar = {100, 20, 200, 100, 300, 200}, input.series[0].days = {10, 0, 130, 30, 500, 110};
  EXPECT_EQ(look(), 201);
  EXPECT_EQ(middles.size(), 10u);
  EXPECT_EQ(cuts[6], std::pair(70.0f, 90.0f));
  input.series[0].valid.assign(6, 0);
  look();
  EXPECT_TRUE(middles.empty());
}

FloatTensor weights(float value) { return FloatTensor{{1}, {value}}; }

// Days 100 and 140 with the weights 1 and 2, the whole season with 9 from day 200 on.
ModelFile any_day_model() {
  ModelFile whole, part;
  whole.path = "any-day.safetensors";
  whole.spec.sources.emplace_back();
  whole.spec.temperature = 2;
  whole.tensors = {{"head.bias", weights(9)}};
  part.spec.metrics["epoch"] = 7;
  part.tensors = {{"head.bias", weights(1)}, {"season/0/head.bias", weights(5)}};
  add_season_part(whole, {100, {}}, part);
  part.tensors = {{"head.bias", weights(2)}};
  add_season_part(whole, {140, {}}, part);
  whole.spec.metrics["season"]["known"] = 200;
  return whole;
}

// The weight of each network, by its number.
std::map<float, double> served(ModelFile model, int day) {
  serve_day(model, day);
  std::map<float, double> networks;
  if (model.members.empty()) model.members.push_back(model);
  for (const ModelFile& network : model.members) {
    EXPECT_EQ(network.tensors.size(), 1u);
    networks[network.tensors.at("head.bias").values.front()] = std::round(1e4 * network.spec.weight) / 1e4;
  }
  return networks;
}

TEST(Season, ADayIsTheMeanOfTheNetworksNearIt) {
  const ModelFile whole = any_day_model();
  EXPECT_EQ(whole.tensors.size(), 3u) << "of a part alone the weights that it uses";
  EXPECT_EQ(whole.spec.metrics["season"]["parts"][1], (nlohmann::json{{"middle", 140}, {"epoch", 7}}));
  using Networks = std::map<float, double>;
  EXPECT_EQ(served(whole, 20), (Networks{{1, 1}}));
  EXPECT_EQ(served(whole, 100), (Networks{{1, 0.75}, {2, 0.25}}));
  EXPECT_EQ(served(whole, 110), (Networks{{1, 0.625}, {2, 0.375}}));
  EXPECT_EQ(served(whole, 150), (Networks{{1, 0.1429}, {2, 0.7143}, {9, 0.1429}}));
  EXPECT_EQ(served(whole, 185), (Networks{{2, 0.1111}, {9, 0.8889}})) << "parts fade out";
  EXPECT_EQ(served(whole, 199).at(9), 0.9996) << "so that nothing jumps";
  EXPECT_EQ(served(whole, 200), (Networks{{9, 1}})) << "the whole season";
  EXPECT_EQ(served(whole, 366), (Networks{{9, 1}}));
}

TEST(Season, AMemberOfAMeanBecomesSeveral) {
  ModelFile ensemble;
  ensemble.members = {any_day_model(), ModelFile()};
  ensemble.members[0].spec.weight = 1.5, ensemble.members[1].spec.weight = 0.5;
  ensemble.members[1].tensors = {{"head.bias", weights(3)}};
  EXPECT_EQ(served(ensemble, 130), (std::map<float, double>{{1, 0.5625}, {2, 0.9375}, {3, 0.5}}));
}

TEST(Season, MissingWeightsAreSaid) {
  ModelFile whole = any_day_model();
  whole.tensors.erase("season/1/head.bias");
  EXPECT_EQ(served(whole, 60).begin()->first, 1);
  EXPECT_THAT(testing::message_of([&] { serve_day(whole, 120); }),
              ::testing::AllOf(::testing::HasSubstr("any-day.safetensors"), ::testing::HasSubstr("season/1/head.bias")));
}

TEST(Season, FilesOfEarlierVersionsHaveOneNetworkADay) {
  ModelFile whole = any_day_model();
  whole.spec.metrics["season"] = {{"parts", {{{"until", 105}}, {{"until", 165}}}}};
  using Networks = std::map<float, double>;
  EXPECT_EQ(served(whole, 20), (Networks{{1, 1}}));
  EXPECT_EQ(served(whole, 105), (Networks{{1, 1}}));
  EXPECT_EQ(served(whole, 106), (Networks{{2, 1}}));
  EXPECT_EQ(served(whole, 166), (Networks{{9, 1}})) << "the whole season";
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
