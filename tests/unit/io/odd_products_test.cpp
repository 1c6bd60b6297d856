// Series of a user's own sensor in which some images are not as the others, or not as the sensor file says.

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "tests/support/image_file.h"
#include "tests/support/netcdf_file.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/io/census_pixels.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::temp_dir;
using testing::write_image;

// Images <root>/data/2021051N.tif of one band.
struct Images {
  std::string keys = "unit = \"reflectance\"\n", root = temp_dir();

  std::string sensor() const {
    write_text(root + "/own.toml", "title = \"own\"\nplatform = \"own\"\nlayout = \"raster_series\"\nfile = \"{date}.tif\"\n" + keys +
                                       "[[band]]\nname = \"red\"\ncommon = \"red\"\n");
    return root + "/own.toml";
  }
  std::string file(int day) const { return root + "/data/2021051" + std::to_string(day) + ".tif"; }
  SourceCensus census() const { return census_of(sensor(), root + "/data", "all"); }
  std::string listing() const { return make_sensor(sensor())->listing({"", root + "/data", "all", "", {}, kFirst, kLast}); }
};

Grid grid_at(double x0, double pixel, int size) { return {"EPSG:32631", x0, 4900020, pixel, pixel, size, size}; }

TEST(OddProducts, TheGridOfATileIsThatOfMostProducts) {
  const Grid usual = grid_at(300000, 10, 24);
  for (const int odd_day : {0, 4})
    for (const Grid& odd : {grid_at(300005, 10, 12), grid_at(300000, 20, 12)}) {
      SCOPED_TRACE(join_text(odd_day, " ", to_text(odd)));
      const Images images;
      for (int day = 0; day < 5; ++day)
        write_image(images.file(day), {.grid = day == odd_day ? odd : usual, .number = [](int, int col, int) { return 100 + col; }});
      const SourceCensus census = images.census();
      EXPECT_EQ(census.grid, usual);
      EXPECT_EQ(census.grids.at("red"), usual);
      EXPECT_THAT(census.notes, ElementsAre(AllOf(HasSubstr("1 product lies on other pixels than most (EPSG:32631, 10 x 10 from 300000, "),
                                                  HasSubstr("2021051" + std::to_string(odd_day)))));
      EXPECT_EQ(see(census, 7, 0, odd_day == 0 ? 1 : 0).value, 107) << "read as it is stored";
    }
  // As many of each: the finest pixels, then the largest extent.
  const Images images;
  write_image(images.file(1), {.grid = grid_at(300000, 20, 12)});
  write_image(images.file(2), {.grid = grid_at(300005, 10, 12)});
  write_image(images.file(3), {.grid = usual});
  EXPECT_EQ(images.census().grid, usual);
}

TEST(OddProducts, ProductsOnTheSamePixelsAreToldNothing) {
  const Images images;
  write_image(images.file(1), {.grid = grid_at(300040, 10, 12)});
  write_image(images.file(2), {.grid = grid_at(300000, 10, 12)});
  const SourceCensus census = images.census();
  EXPECT_THAT(census.notes, IsEmpty());
  EXPECT_EQ(census.grid.x0, 300000);
  EXPECT_EQ(census.grid.cols, 16);
}

TEST(OddProducts, WhatLiesBesideAnImageIsPartOfIt) {
  const Images images;
  for (const int day : {1, 2}) write_image(images.file(day), {.number = [](int, int, int) { return 1300; }});
  const auto files = [&] {
    std::vector<std::string> names;
    for (const SourceFile& file : images.census().files) names.push_back(std::filesystem::path(file.path).filename().string());
    return names;
  };
  const std::string before = images.listing();
  EXPECT_THAT(files(), ElementsAre("20210511.tif", "20210512.tif"));
  write_text(images.file(1) + ".ovr", "overviews");
  EXPECT_EQ(images.listing(), before);
  const auto tell = [&](const std::string& of_band) {
    write_text(images.root + "/data/20210512.tif.aux.xml",
               "<PAMDataset><PAMRasterBand band=\"1\">" + of_band + "</PAMRasterBand></PAMDataset>");
  };
  tell("<Metadata><MDI key=\"STATISTICS_MEAN\">1300</MDI></Metadata>");
  EXPECT_EQ(images.listing(), before) << "a viewer left it";
  tell("<NoDataValue>7</NoDataValue>");
  const std::string with_metadata = images.listing();
  EXPECT_NE(with_metadata, before);
  EXPECT_THAT(files(), ElementsAre("20210511.tif", "20210512.tif", "20210512.tif.aux.xml"));
  const SourceCensus census = images.census();
  tell("<NoDataValue>8</NoDataValue>");
  EXPECT_NE(images.listing(), with_metadata);
  EXPECT_THROW(require_unchanged(census), std::exception);
}

TEST(OddProducts, FractionsThatWouldBeRoundedAwayAreRefused) {
  const auto refusal = [](const std::string& keys, const std::string& type, double step) {
    const Images images{.keys = keys};
    write_image(images.file(1), {.type = type, .number = [=](int, int col, int row) { return step * (1 + col + row); }});
    const SourceCensus census = images.census();
    return census.damaged.empty() ? std::string() : census.damaged[0].message;
  };
  const std::string reflectance = "unit = \"reflectance\"\nscale = ", number = "unit = \"number\"\nscale = ";
  EXPECT_THAT(refusal(reflectance + "0.0001\nnodata = 0\n", "Float32", 0.01),
              AllOf(HasSubstr("20210511.tif: expected reflectance x 10000 that int16 holds, got floating-point numbers from 0.01 to 0.23"),
                    HasSubstr("set scale = 1 where the file holds 0..1")));
  EXPECT_EQ(refusal(reflectance + "1\n", "Float32", 0.01), "");
  EXPECT_EQ(refusal(reflectance + "0.0001\n", "Float32", 100), "");
  EXPECT_EQ(refusal(reflectance + "0.00001\n", "UInt16", 3), "") << "dark, and stored as whole numbers";
  EXPECT_THAT(refusal(number + "1\n", "Float32", 0.01), HasSubstr("set a scale that makes them large"));
  EXPECT_EQ(refusal(number + "10000\n", "Float32", 0.01), "");
  EXPECT_THAT(refusal(number + "1\n", "Float32", 5000), HasSubstr("all above 32767 would become 32767"));
  EXPECT_EQ(refusal(number + "0.1\n", "Float32", 5000), "");
  EXPECT_EQ(refusal(number + "1\n", "Byte", 1), "");
}

TEST(OddProducts, TimesOfNetcdfAreThoseOfTheirCalendar) {
  const std::string root = temp_dir();
  write_text(root + "/rain.toml",
             "title = \"rain\"\nplatform = \"weather\"\nlayout = \"raster_series\"\nfile = \"rain.nc\"\ndates = \"time\"\nunit = "
             "\"millimetre\"\nencoding = \"file\"\n[[band]]\nname = \"rr\"\ncommon = \"precipitation\"\nvariable = \"rr\"\n");
  const double since_1 = 737920;  // days from 0001-01-01 to 2021-05-11 in today's calendar; of the mixed one two more
  for (const auto& [units, calendar, time] : {std::tuple("days since 0001-01-01 00:00", "standard", since_1 + 2),
                                              {"days since 0001-01-01 00:00", "gregorian", since_1 + 2},
                                              {"days since 0001-01-01 00:00", "proleptic_gregorian", since_1},
                                              {"days since 1582-10-15", "standard", 160185.0},
                                              {"days since 1970-01-01", "standard", 18758 - 1e-9},
                                              {"hours since 1900-01-01 00:00", "gregorian", 24.0 * 44325 - 1e-8}}) {
    SCOPED_TRACE(join_text(units, " ", calendar));
    testing::write_netcdf(root + "/rain.nc", {.variable = "rr",
                                              .time_units = units,
                                              .calendar = calendar,
                                              .times = {time, time + (units[0] == 'h' ? 24 : 1)},
                                              .latitudes = {44.25, 44.15},
                                              .longitudes = {0.05, 0.15},
                                              .number = [](int, int, int) { return 1; }});
    EXPECT_THAT(days(census_of(root + "/rain.toml", root, "all")), ElementsAre("2021-05-11", "2021-05-12"));
  }
}

}  // namespace
}  // namespace millesime
