// The maps of several years beside each other.

#include "pipeline/stages/years.h"

#include <cmath>
#include <filesystem>
#include <iterator>
#include <regex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/results.h"
#include "pipeline/io/raster_file.h"
#include "tests/support/message_of.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;

class Years : public ::testing::Test {
 protected:
  Years() {
    context.progress = &progress;
    context.memory_bytes = 1;  // windows of one block
  }
  void add(const std::string& name, const std::vector<std::uint8_t>& codes, double left = 500000, int cols = 4) {
    LabelMap map({"EPSG:2154", left, 6500000, 10, 10, cols, static_cast<int>(codes.size()) / cols});
    map.samples = codes;
    command.maps.push_back(folder + "/" + name);
    std::filesystem::create_directories(std::filesystem::path(command.maps.back()).parent_path());
    write_raster(command.maps.back(), map, {});
  }
  // Built-up 1, crops 5 and 6, forests 16 and 17, water 23.
  void add_three_years() {
    add("OCS_2018.tif", {1, 1, 6, 16, 16, 17, 0, 23});
    add("OCS_2019.tif", {1, 6, 6, 16, 17, 17, 5, 23});
    add("OCS_2020.tif", {1, 6, 16, 16, 17, 0, 5, 23});
  }
  std::string refusal() {
    return message_of([&] { years_data(command, context); });
  }
  std::size_t group(const YearsData& data, int code) const {
    return static_cast<std::size_t>(std::ranges::find(data.groups, code, &LandClass::code) - data.groups.begin());
  }

  testing::SilentProgress progress;
  Context context;
  std::string folder = testing::temp_dir();
  YearsCommand command;
};

TEST_F(Years, FlowsAreThoseOfPixelsThatEveryYearMaps) {
  add_three_years();
  const YearsData data = years_data(command, context);
  const double pixel = data.mapped_in_all / 6;
  EXPECT_NEAR(pixel, 0.01, 0.01 * 2e-3);  // ha of Lambert-93 at 45.5° N
  const auto flow = [&](std::size_t step, int from, int to) { return data.flow[step][group(data, from)][group(data, to)] / pixel; };
  EXPECT_NEAR(flow(0, 100, 110), 1, 1e-6);
  EXPECT_NEAR(flow(0, 130, 130), 2, 1e-6) << "broad-leaved to coniferous stays in its group";
  EXPECT_NEAR(flow(1, 110, 130), 1, 1e-6);
  EXPECT_EQ(flow(1, 100, 110), 0);
  EXPECT_NEAR(data.moved(0) / data.mapped_in_all, 1.0 / 6, 1e-6);
  EXPECT_NEAR(data.moved(1) / data.mapped_in_all, 1.0 / 6, 1e-6);
  EXPECT_NEAR(data.years[1].mapped[5] / pixel, 2, 1e-6) << "areas are of all pixels of a year: straw cereals, two";
  EXPECT_FALSE(data.years[0].has_intervals());
  EXPECT_THAT(to_text(data), HasSubstr("2018 to 2019: 16.7 % in another group of classes\n"));
}

TEST_F(Years, ThePageHasChartsAndTheirTablesInBothLanguages) {
  add_three_years();
  command.output = folder + "/years.html";
  for (const char* language : {"en", "fr"}) {
    command.language = language;
    write_years(command, years_data(command, context));
    const std::string html = read_text(command.output);
    const bool french = command.language == "fr";
    EXPECT_THAT(
        html, AllOf(HasSubstr(french ? "lang=\"fr\"" : "lang=\"en\""), HasSubstr("2018–2020"), Not(HasSubstr("nan")),
                    HasSubstr(french ? "Urbain</th><td>Cultures annuelles</td>" : "Built-up areas</th><td>Annual crops</td>"),
                    HasSubstr(french ? "16,7\u202f%" : "16.7\u202f%"), HasSubstr(french ? "Les flux en tableau" : "The flows as a table")));
    // Five bands a step; a pixel of six is a sixth of the height that eight groups and their gaps leave.
    const std::regex band("stroke-width=\"61.83\" stroke-opacity=\"0.75\"><title>2018–2019");
    EXPECT_EQ(std::distance(std::sregex_iterator(html.begin(), html.end(), band), {}), 1);
    const std::regex bands("<path d=\"M");
    EXPECT_EQ(std::distance(std::sregex_iterator(html.begin(), html.end(), bands), {}), 10);
  }
}

TEST_F(Years, StepsOfSeveralYearsAreNoneOfOne) {
  add_three_years();
  const auto page = [&](const std::vector<std::string>& years) {
    command.years = years, command.output = folder + "/years.html";
    write_years(command, years_data(command, context));
    return read_text(command.output);
  };
  EXPECT_THAT(page({}), HasSubstr("in another group than the year before, on average"));
  EXPECT_THAT(page({"2010", "2015", "2020"}), HasSubstr("in another group than 5 years before, on average"));
  EXPECT_THAT(page({"2017", "2021", "2022"}), AllOf(HasSubstr("in another group in 2022 than in 2021"), HasSubstr("2017–2021 (4 years): "),
                                                    Not(HasSubstr("year before")), Not(HasSubstr("on average"))));
  command.maps.pop_back();
  EXPECT_THAT(page({"2017", "2021"}), AllOf(HasSubstr("in another group in 2021 than in 2017"), Not(HasSubstr("year before"))));
}

// No point of the sample is wrong: the interval of the file is that of the page, and not ± 0.
TEST_F(Years, AnAreaWithoutSpreadHasItsInterval) {
  add_three_years();
  command.maps.pop_back();
  const YearsData before = years_data(command, context);
  const std::size_t seen = static_cast<std::size_t>(std::ranges::find_if(before.years[0].mapped, [](double ha) { return ha > 0; }) -
                                                    before.years[0].mapped.begin());
  AccuracyReport report;
  report.areas = AreaAccuracy{.overall = {1, 0, 0.9, 1}, .classes = {}, .unsampled = {}, .covered_share = 1};
  report.areas->classes.push_back({before.nomenclature.classes[seen].code, 1234, {1234, 0, 1111, 1345}, {1, 0, 0.9, 1}, {1, 0, 0.9, 1}});
  write_text(folder + "/a.json", accuracy_json(report, Nomenclature::load(command.nomenclature)).dump());
  command.accuracy = {folder + "/a.json", "-"};
  const YearsData data = years_data(command, context);
  EXPECT_EQ(data.years[0].estimated[seen].low, 1111);
  EXPECT_EQ(data.years[0].estimated[seen].high, 1345);
  EXPECT_THAT(years_html(data), AllOf(HasSubstr("(1\u202f111 to 1\u202f345)"), Not(HasSubstr("±\u202f0<"))));
}

// A year of 17 classes beside one of 23: both as the 17, areas with intervals from each year's own matrix.
TEST_F(Years, SeventeenClassesStandBesideTwentyThree) {
  std::vector<std::uint8_t> first(100, 41), second(100, 1);
  std::fill(first.begin() + 60, first.end(), 12);   // winter crops
  std::fill(second.begin() + 50, second.end(), 5);  // rapeseed
  std::fill(second.begin() + 80, second.end(), 6);  // straw cereals: both are winter crops of the 17
  add("2017/OCS_2017.tif", first, 500000, 10);
  add("2018/OCS_2018.tif", second, 500000, 10);
  MapAccuracy of_2017;
  of_2017.name = "seed 0";
  MapAccuracy of_2018 = of_2017;
  of_2017.confusion.add(41, 41, 40), of_2017.confusion.add(12, 41, 10), of_2017.confusion.add(12, 12, 45), of_2017.confusion.add(41, 12, 5);
  of_2018.confusion.add(1, 1, 40), of_2018.confusion.add(5, 1, 6), of_2018.confusion.add(6, 1, 4);
  of_2018.confusion.add(6, 5, 30), of_2018.confusion.add(5, 6, 15), of_2018.confusion.add(1, 6, 5);
  write_text(folder + "/a.json", accuracy_json({"x", {of_2017}, std::nullopt}, Nomenclature::load("oso17")).dump());
  write_text(folder + "/2018/accuracy.json", accuracy_json({"x", {of_2018}, std::nullopt}, Nomenclature::load("oso23")).dump());
  command.accuracy = {folder + "/a.json", folder + "/2018/accuracy.json"};
  const YearsData data = years_data(command, context);
  EXPECT_EQ(data.nomenclature.name, "oso17");
  EXPECT_EQ(data.years[1].nomenclature, "oso23");
  const auto built = static_cast<std::size_t>(*data.nomenclature.index_of_code(41)),
             winter = static_cast<std::size_t>(*data.nomenclature.index_of_code(12));
  const double pixel = data.mapped_in_all / 100;
  EXPECT_NEAR(data.years[1].mapped[winter] / pixel, 50, 1e-3);
  // Olofsson et al. 2014, equations 9 to 11: weights 0.6 and 0.4, then 0.5 and 0.5; 50 sample pixels of each stratum.
  const auto by_hand = [](double w, double p, double q) {
    return std::pair(w * p + (1 - w) * q, std::sqrt(w * w * p * (1 - p) / 49 + (1 - w) * (1 - w) * q * (1 - q) / 49));
  };
  const auto expected_2017 = by_hand(0.6, 0.8, 0.1), expected_2018 = by_hand(0.5, 0.8, 0.1);
  EXPECT_NEAR(data.years[0].estimated[built].value / pixel, 100 * expected_2017.first, 1e-3);
  EXPECT_NEAR(data.years[0].estimated[built].standard_error / pixel, 100 * expected_2017.second, 1e-3);
  EXPECT_NEAR(data.years[1].estimated[built].value / pixel, 100 * expected_2018.first, 1e-3);
  EXPECT_NEAR(data.years[1].estimated[built].standard_error / pixel, 100 * expected_2018.second, 1e-3);
  EXPECT_NEAR(data.flow[0][group(data, 100)][group(data, 110)] / pixel, 10, 1e-3);
  EXPECT_THAT(years_html(data), AllOf(HasSubstr("OCS_2018.tif; its classes are those of oso23, compared as those of oso17"),
                                      HasSubstr("2017, estimate"), HasSubstr("class=\"interval\"")));

  // The one beside a map is found; of its own classes it has the areas.
  command.accuracy.clear();
  EXPECT_TRUE(years_data(command, context).years[1].has_intervals());
  EXPECT_FALSE(years_data(command, context).years[0].has_intervals());
  command.accuracy = {"-", "-"};
  EXPECT_FALSE(years_data(command, context).years[1].has_intervals());
}

TEST_F(Years, BadInputIsSaid) {
  add("OCS_2018.tif", {1, 1, 6, 16, 16, 17, 0, 23});
  EXPECT_THAT(refusal(), AllOf(HasSubstr("expected the maps of two or more years, got 1"), HasSubstr("millesime publish")));
  add("OCS_2017.tif", {1, 6, 6, 16, 17, 17, 5, 23});
  EXPECT_THAT(refusal(), HasSubstr("in the order of their years, each year once, got 2018 before 2017"));
  command.years = {"2018", "2019"};
  EXPECT_EQ(refusal(), "no error");
  command.accuracy = {"a.json"};
  EXPECT_THAT(refusal(), HasSubstr("--accuracy: expected 2, one a map, got 1"));
  command.accuracy.clear();
  command.maps.pop_back();
  add("b_2019.tif", {0, 0, 0, 0, 0, 0, 5, 0});
  EXPECT_THAT(refusal(), HasSubstr("no pixel has a class in every year"));
  command.maps.pop_back();
  add("c_2019.tif", {1, 99, 1, 1, 1, 1, 1, 1});
  EXPECT_THAT(refusal(), AllOf(HasSubstr("c_2019.tif: holds the class 99"), HasSubstr("oso23")));
  command.maps.pop_back();
  add("d_2019.tif", {1, 1, 1, 1, 1, 1, 1, 1}, 500010);
  EXPECT_THAT(refusal(), HasSubstr("d_2019.tif"));
}

}  // namespace
}  // namespace millesime
