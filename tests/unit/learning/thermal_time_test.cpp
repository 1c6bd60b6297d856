// Thermal time: positions by hand; a model of a cold year serves a warm one; temperatures that do not cover the year.

#include "pipeline/learning/thermal_time.h"

#include <cmath>
#include <filesystem>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/base/model_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/samples.h"
#include "pipeline/core/series.h"
#include "pipeline/learning/evaluation.h"
#include "pipeline/stages/train.h"
#include "tests/support/message_of.h"
#include "tests/support/sanitized.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

std::vector<Date> days_from(Date first, int n) {
  std::vector<Date> days;
  for (int d = 0; d < n; ++d) days.push_back(first + d);
  return days;
}

TEST(ThermalTime, SumsTheDegreesAboveTheBaseFromNewYearToTheDayBefore) {
  const Date new_year = Date::from_ymd(2021, 1, 1);
  const ThermalTime time{"temperature", 5, 2};
  const ThermalClock clock(time, new_year, days_from(new_year + -2, 6), {new_year + -1, new_year, new_year + 2, new_year + 4}, "x");
  const std::vector<float> degrees{9, 7, 4, 11, 6, 25};  // 30 December to 4 January
  std::vector<std::uint8_t> known(6, 1), valid(4, 1);
  std::vector<float> positions(4);
  EXPECT_FALSE(clock.place(degrees.data(), known.data(), valid.data(), positions.data()));
  EXPECT_THAT(positions, ElementsAre(-1, 0, 3, 13.5));  // -(7-5)/2, 0, (0+6)/2, (0+6+1+20)/2
  known[4] = 0;                                         // 3 January: only the last acquisition needs it
  EXPECT_EQ(clock.place(degrees.data(), known.data(), valid.data(), positions.data()), new_year + 2);
  valid[3] = 0;
  EXPECT_FALSE(clock.place(degrees.data(), known.data(), valid.data(), positions.data()));
  EXPECT_EQ(positions[2], 3);
}

TEST(ThermalTime, DaysThatLackAreNamed) {
  const Date new_year = Date::from_ymd(2021, 1, 1);
  std::vector<Date> measured = days_from(new_year, 100);
  measured.erase(measured.begin() + 40);
  const auto clock = [&](Date last) { ThermalClock({"weather"}, new_year, measured, {new_year + 3, last}, "T31TCJ"); };
  clock(new_year + 40);
  EXPECT_THAT(message_of([&] { clock(new_year + 60); }),
              AllOf(HasSubstr("T31TCJ: thermal time needs the temperature of weather on every day from 2021-01-01 to 2021-03-01"),
                    HasSubstr("there is none of 2021-02-10;")));
  EXPECT_THAT(message_of([&] { clock(new_year + 120); }),
              HasSubstr("2021-02-10, 2021-04-11, 2021-04-12, 2021-04-13, 2021-04-14 and 16 more"));
}

// Two crops whose green peaks are at 900 and at 1400 growing degree days, in a year of some mean temperature. 500 degrees are as many
// days in a year as a warm year is ahead of a cold one.
Samples year_of(int year, double mean, int n, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> noise(0, 1);
  Samples s;
  s.tile = "T31TCJ", s.reference = "reference.shp", s.year = year, s.region_names = {""};
  const Date new_year = Date::from_ymd(year, 1, 1);
  SampleSeries images{"sentinel2", {"B4", "B8"}, {1, 1}, {}, {}, {}}, weather{"temperature", {"temperature"}, {1}, {}, {}, {}};
  for (int d = 3; d < 330; d += 10) images.dates.push_back(new_year + d);
  weather.dates = days_from(new_year, 330);
  for (int i = 0; i < n; ++i) {
    const int label = 1 + i % 2;
    s.label.push_back(label), s.polygon.push_back(i / 2), s.region.push_back(0);
    s.x.push_back(i), s.y.push_back(0), s.col.push_back(i), s.row.push_back(0);
    s.split.push_back(static_cast<std::uint8_t>(Split::learn));
    const double here = mean + 0.5 * noise(random);
    std::vector<double> grown{0};
    for (int d = 0; d < 330; ++d) {
      const double degrees = here - 8 * std::cos((d - 20) * 0.0172);
      weather.values.push_back(static_cast<std::int16_t>(std::lround(degrees * 100))), weather.valid.push_back(1);
      grown.push_back(grown.back() + std::max(0.0, degrees));
    }
    for (const Date date : images.dates) {
      const bool seen = random() % 4 != 0;
      const double from_peak = (grown[static_cast<std::size_t>(date - new_year)] - (label == 1 ? 900 : 1400)) / 350;
      const double green = std::exp(-from_peak * from_peak);
      images.valid.push_back(seen);
      images.values.push_back(static_cast<std::int16_t>(seen ? 1200 - 900 * green + 60 * noise(random) : kNodata));
      images.values.push_back(static_cast<std::int16_t>(seen ? 1800 + 2500 * green + 120 * noise(random) : kNodata));
    }
  }
  s.series = {std::move(images), std::move(weather)};
  return s;
}

class OtherYear : public ::testing::Test {
 protected:
  OtherYear() {
    context.progress = &progress;
    write_samples(year_of(2020, 10, 240, 1), folder + "/cold.safetensors");
    write_samples(year_of(2021, 13.5, 240, 2), folder + "/warm.safetensors");
  }
  double accuracy_in_the_warm_year(const std::string& axis) {
    TrainCommand train;
    train.samples = {folder + "/cold.safetensors"};
    train.request.output = folder + "/" + axis + ".safetensors";
    train.request.model.name = "ltae", train.request.model.sources = {"sentinel2"};
    train.request.time.axis = axis;
    train.request.recipe.epochs = 30, train.request.recipe.refit_polygons = 0;
    train_model(train, context);
    EvaluateCommand evaluate;
    evaluate.model = train.request.output, evaluate.samples = {folder + "/warm.safetensors"}, evaluate.all_samples = true;
    return evaluate_model(evaluate, context).accuracy.overall;
  }
  std::string folder = testing::temp_dir();
  testing::SilentProgress progress;
  Context context;
};

TEST_F(OtherYear, AModelOfThermalTimeServesIt) {
  if (testing::kSanitized) GTEST_SKIP() << testing::kJudgesLearning;
  const double calendar = accuracy_in_the_warm_year("calendar"), thermal = accuracy_in_the_warm_year("thermal");
  EXPECT_LT(calendar, 0.8);
  EXPECT_GT(thermal, 0.95);
  const ModelSpec spec = ModelFile::read(folder + "/thermal.safetensors").spec;
  ASSERT_TRUE(spec.thermal);
  EXPECT_EQ(spec.thermal->source, "temperature");
  EXPECT_NEAR(spec.thermal->degrees_per_day, 10.8, 0.5) << "of a mean day of the cold year, of January to November";
  EXPECT_EQ(spec.to_json().at("format"), 4) << "an older program must not read it";
  EXPECT_THAT(model_info_text(folder + "/thermal.safetensors"), HasSubstr("placed by thermal time above 0 deg C, of temperature"));
}

// Days are relative to each sample's own year.
TEST_F(OtherYear, SamplesOfBothYearsMakeOneModelOfBoth) {
  if (testing::kSanitized) GTEST_SKIP() << testing::kJudgesLearning;
  TrainCommand train;
  train.samples = {folder + "/cold.safetensors", folder + "/warm.safetensors"};
  train.request.output = folder + "/both.safetensors";
  train.request.model.name = "ltae", train.request.model.sources = {"sentinel2"};
  train.request.recipe.epochs = 30, train.request.recipe.refit_polygons = 0;
  write_samples(year_of(2022, 13.5, 240, 3), folder + "/judge.safetensors");
  const auto accuracy = [&] {
    EvaluateCommand evaluate;
    evaluate.model = train.request.output, evaluate.samples = {folder + "/judge.safetensors"}, evaluate.all_samples = true;
    return evaluate_model(evaluate, context).accuracy.overall;
  };
  train_model(train, context);
  const double of_both = accuracy();
  EXPECT_EQ(ModelFile::read(train.request.output).spec.provenance.years, (std::vector<int>{2020, 2021}));
  EXPECT_THAT(model_info_text(train.request.output), HasSubstr("of 2020 and 2021"));
  train.samples = {folder + "/cold.safetensors"};
  train_model(train, context);
  EXPECT_GT(of_both, accuracy() + 0.15) << "the year of the judge is like the second one";

  train.request.init_from = folder + "/start.safetensors";  // the model of the cold year, and few samples of the warm one
  std::filesystem::copy_file(train.request.output, train.request.init_from);
  write_samples(year_of(2021, 13.5, 40, 4), folder + "/few.safetensors");
  train.samples = {folder + "/few.safetensors"};
  train_model(train, context);
  EXPECT_GT(accuracy(), 0.9);
}

// Dates of another year lie at the same days of the year.
TEST_F(OtherYear, TheRegularGridOfSeveralYearsIsThatOfOne) {
  TrainCommand train;
  train.samples = {folder + "/cold.safetensors", folder + "/warm.safetensors"};
  train.request.output = folder + "/forest.safetensors";
  train.request.model.name = "random_forest", train.request.model.sources = {"sentinel2"}, train.request.recipe.trees = 5;
  train_model(train, context);
  const ModelSpec spec = ModelFile::read(train.request.output).spec;
  EXPECT_EQ(spec.days.size(), 33u);
  EXPECT_EQ(spec.days.front(), 3);
  EXPECT_EQ(spec.days.back(), 323);
}

TEST_F(OtherYear, SamplesWithoutTemperatureAreAnError) {
  Samples bare = year_of(2020, 10, 40, 1);
  bare.series.pop_back();
  write_samples(bare, folder + "/cold.safetensors");
  EXPECT_THAT(
      message_of([&] { accuracy_in_the_warm_year("thermal"); }),
      AllOf(HasSubstr("cold.safetensors: thermal time needs a series of daily temperature named temperature"), HasSubstr("sentinel2")));
  Samples gap = year_of(2020, 10, 40, 1);
  for (std::size_t i = 0; i < 40; ++i) gap.series[1].valid.edit()[i * 330 + 31] = i == 7 ? 0 : 1;
  write_samples(gap, folder + "/cold.safetensors");
  EXPECT_THAT(message_of([&] { accuracy_in_the_warm_year("thermal"); }),
              HasSubstr("sample 8: no temperature of temperature on 2020-02-01"));
}

TEST_F(OtherYear, AModelOfRegularInputHasNoThermalTime) {
  TrainCommand train;
  train.samples = {folder + "/cold.safetensors"}, train.request.output = folder + "/m.safetensors";
  train.request.model.name = "random_forest", train.request.model.sources = {"sentinel2"}, train.request.time.axis = "thermal";
  EXPECT_THAT(message_of([&] { train_model(train, context); }),
              AllOf(HasSubstr("random_forest reads series on regular dates"), HasSubstr("ltae or transformer")));
}

}  // namespace
}  // namespace millesime
