// Series of rasters by a sensor file of a user's own: what the numbers, names and masks of any producer become.

#include <filesystem>
#include <limits>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/text.h"
#include "tests/support/image_file.h"
#include "tests/support/message_of.h"
#include "tests/support/netcdf_file.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/io/census_pixels.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::ImageFile;
using ::testing::IsEmpty;
using testing::temp_dir;
using testing::write_image;

const Grid kOwnGrid = ImageFile{}.grid;

// A sensor of one band, red, and its images in <root>/data.
struct Own {
  std::string keys, bands = "[[band]]\nname = \"red\"\ncommon = \"red\"\n";
  std::string root = temp_dir();

  std::string sensor() const {
    write_text(root + "/own.toml", "title = \"own\"\nplatform = \"own\"\nlayout = \"raster_series\"\n" + keys + bands);
    return root + "/own.toml";
  }
  SourceCensus census() const { return census_of(sensor(), root + "/data", "all"); }
};

TEST(OwnSeries, FillValuesAreFoundThatFloatsDoNotHoldExactly) {
  for (const std::string type : {"Float32", "Float64"})
    for (const auto& [written, stored] : {std::pair("1e20", 1e20), std::pair("9.96921e36", 9.969209968386869e36), std::pair("0.1", 0.1),
                                          std::pair("-3.4028235e38", -3.4028234663852886e38)}) {
      SCOPED_TRACE(type + " " + written);
      const Own own{std::string("file = \"{date}.tif\"\nunit = \"reflectance\"\nscale = 1\nnodata = ") + written + "\n"};
      write_image(own.root + "/data/20210511.tif",
                  {.grid = kOwnGrid, .type = type, .number = [number = stored](int, int col, int) { return col == 4 ? number : 0.25; }});
      const SourceCensus census = own.census();
      EXPECT_EQ(see(census, 4, 0).value, kNodata);
      EXPECT_EQ(see(census, 5, 0).value, 2500);
    }
}

TEST(OwnSeries, TheLimitsOfAFloatImageAreValid) {
  for (const std::string type : {"Float32", "Float64"}) {
    SCOPED_TRACE(type);
    const Own own{"file = \"{date}.tif\"\nunit = \"reflectance\"\nscale = 1\nvalid_range = [0.05, 1.2]\n"};
    const auto number = [](int, int col, int) { return col == 0 ? 0.05 : col == 1 ? 1.2 : col == 2 ? 1.21 : 0.04; };
    write_image(own.root + "/data/20210511.tif", {.grid = kOwnGrid, .type = type, .number = number});
    const SourceCensus census = own.census();
    EXPECT_EQ(see(census, 0, 0).value, 500);
    EXPECT_EQ(see(census, 1, 0).value, 12000);
    EXPECT_EQ(see(census, 2, 0).value, kNodata);
    EXPECT_EQ(see(census, 3, 0).value, kNodata);
  }
}

TEST(OwnSeries, AFillValueThatNothingDeclaresIsRefused) {
  const std::string keys = "file = \"{date}.tif\"\nunit = \"reflectance\"\nscale = 0.0001\n";
  for (const auto& [type, fill] : {std::pair<std::string, double>("UInt16", 65535), {"Float32", 1e20}, {"Int32", 2147483647}}) {
    SCOPED_TRACE(type);
    Own own{keys};
    write_image(own.root + "/data/20210511.tif",
                {.grid = kOwnGrid, .type = type, .number = [number = fill](int, int col, int) { return col == 4 ? number : 1300; }});
    const SourceCensus refused = own.census();
    ASSERT_EQ(refused.damaged.size(), 1U);
    EXPECT_THAT(refused.damaged[0].message, AllOf(HasSubstr("20210511.tif: expected numbers of the unit as int16, got "),
                                                  HasSubstr("more than int16 holds; if that is its no-data value, say so (nodata")));
    own.keys += "valid_range = [1, 60000]\n";
    const SourceCensus census = own.census();
    EXPECT_THAT(census.damaged, IsEmpty());
    EXPECT_EQ(see(census, 4, 0).value, kNodata);
  }
  // Bright numbers are none.
  const Own bright{keys};
  write_image(bright.root + "/data/20210511.tif", {.grid = kOwnGrid, .type = "UInt16", .number = [](int, int, int) { return 40000; }});
  EXPECT_EQ(see(bright.census(), 4, 0).value, 32767);
}

TEST(OwnSeries, NothingIsBelowTheNoDataValue) {
  const Own own{"file = \"{date}.tif\"\nunit = \"reflectance\"\n"};
  write_image(own.root + "/data/20210511.tif", {.grid = kOwnGrid, .number = [](int, int col, int) {
                                                  return col == 0 ? -32768 : col == 1 ? -10001 : col == 2 ? -9999 : 1300;
                                                }});
  const SourceCensus census = own.census();
  EXPECT_EQ(see(census, 0, 0).value, kNodata);
  EXPECT_FALSE(see(census, 0, 0).image);
  EXPECT_EQ(see(census, 1, 0).value, kNodata);
  EXPECT_EQ(see(census, 2, 0).value, -9999);
  EXPECT_THAT(census.notes, ElementsAre(HasSubstr("1 file of ")));
  EXPECT_EQ(see(census, 3, 0).value, 1300);
}

// It is read as a value, since it may be one: never without a word.
TEST(OwnSeries, AFillValueThatMayBeAValueIsTold) {
  Own own{"file = \"{date}.tif\"\nunit = \"reflectance\"\nscale = 0.0001\n"};
  const auto number = [](int, int col, int) { return col < 3 ? -9999 : 1300; };
  for (const char* date : {"20210511", "20210521"}) write_image(own.root + "/data/" + date + ".tif", {.grid = kOwnGrid, .number = number});
  const SourceCensus census = own.census();
  EXPECT_THAT(census.damaged, IsEmpty());
  const std::string share = fixed(100.0 * 3 / kOwnGrid.cols, 1);
  EXPECT_THAT(census.notes, ElementsAre(AllOf(HasSubstr("2 files of "), HasSubstr("with numbers -9999 that nothing declares as no data"),
                                              HasSubstr("up to " + share + " % of the pixels"), HasSubstr("set nodata = -9999 in"))));
  own.keys += "nodata = -9999\n";
  const SourceCensus declared = own.census();
  EXPECT_THAT(declared.notes, IsEmpty());
  EXPECT_EQ(see(declared, 0, 0).value, kNodata);
  // What a scale makes of -32768 is below every value of the unit, or it is not.
  for (const auto& [scale, told] : {std::pair("0.0001", false), {"0.00001", true}}) {
    std::filesystem::remove_all(own.root + "/data");
    const Own scaled{join_text("file = \"{date}.tif\"\nunit = \"reflectance\"\nscale = ", scale, "\n")};
    write_image(scaled.root + "/data/20210511.tif",
                {.grid = kOwnGrid, .number = [](int, int col, int) { return col == 1 ? -32768 : 900; }});
    EXPECT_EQ(!scaled.census().notes.empty(), told) << scale;
  }
}

TEST(OwnSeries, DescriptionsOfBandsSayTheirDatesInManyWays) {
  Own own{"file = \"stack_{tile}.tif\"\ntile = \"[a-z]+\"\ndates = \"bands\"\nunit = \"reflectance\"\n"};
  write_image(own.root + "/data/stack_all.tif", {.grid = kOwnGrid,
                                                 .bands = 9,
                                                 .number = [](int band, int col, int) { return col < band ? -10000 : 100 * (band + 1); },
                                                 .descriptions = {"2021-05-01", "2021-05-11T10:00:08", "20210521T105431", "NDVI_2021-06-01",
                                                                  "2021_06_11", "2021172", "cloud", "2021-07-01", "2021-07-01"}});
  const SourceCensus census = own.census();
  EXPECT_THAT(census.damaged, IsEmpty());
  EXPECT_THAT(days(census), ElementsAre("2021-05-01", "2021-05-11", "2021-05-21", "2021-06-01", "2021-06-11", "2021-06-21", "2021-07-01"));
  EXPECT_EQ(census.acquisitions[1].passes.front().time, "100008");
  EXPECT_EQ(see(census, 11, 0, 5).value, 600);
  ASSERT_EQ(census.acquisitions[6].passes.size(), 2U) << "two bands of a day are two passes";
  EXPECT_EQ(see(census, 7, 0, 6).value, 800);
  EXPECT_THAT(census.ignored, ElementsAre(HasSubstr("stack_all.tif: bands without a date: 7 (\"cloud\")")));

  write_image(own.root + "/data/stack_all.tif", {.grid = kOwnGrid, .descriptions = {"2021-13-41"}});
  const SourceCensus none = own.census();
  ASSERT_EQ(none.damaged.size(), 1U);
  EXPECT_THAT(none.damaged[0].message, HasSubstr("expected descriptions such as 2021-05-11, got band 1 (\"2021-13-41\")"));
}

// As Earth Engine names them: a date and a band each.
TEST(OwnSeries, AStackOfOtherYearsSaysWhich) {
  const Own own{"file = \"stack.tif\"\ndates = \"bands\"\nunit = \"reflectance\"\n"};
  write_image(own.root + "/data/stack.tif", {.grid = kOwnGrid, .bands = 3, .descriptions = {"2019-05-01", "2019-06-01", "2020-05-01"}});
  const SourceCensus census = own.census();
  EXPECT_TRUE(census.acquisitions.empty());
  EXPECT_EQ(years_of(census.outside_period), "2019 (2 products), 2020 (1 product)");
}

TEST(OwnSeries, DescriptionsOfBandsNameTheirBands) {
  Own own{"file = \"stack_{tile}.tif\"\ntile = \"[a-z]+\"\ndates = \"bands\"\nunit = \"reflectance\"\n",
          "[[band]]\nname = \"B4\"\ncommon = \"red\"\n[[band]]\nname = \"near\"\nfile = \"B08\"\ncommon = \"nir\"\n"};
  const auto write = [&](const std::vector<std::string>& descriptions) {
    write_image(own.root + "/data/stack_all.tif", {.grid = kOwnGrid,
                                                   .bands = static_cast<int>(descriptions.size()),
                                                   .number = [](int band, int, int) { return 100 * (band + 1); },
                                                   .descriptions = descriptions});
  };
  write({"20210501T105431_20210501T105428_T31TCJ_B2", "20210501T105431_20210501T105428_T31TCJ_B4",
         "20210501T105431_20210501T105428_T31TCJ_B8", "20210511T105431_20210511T105428_T31TCJ_B2",
         "20210511T105431_20210511T105428_T31TCJ_B4", "20210511T105431_20210511T105428_T31TCJ_B8"});
  const SourceCensus census = own.census();
  EXPECT_THAT(census.damaged, IsEmpty());
  EXPECT_THAT(days(census), ElementsAre("2021-05-01", "2021-05-11"));
  EXPECT_THAT(census.merged, IsEmpty());
  EXPECT_EQ(see(census, 0, 0, 0, "B4").value, 200);
  EXPECT_EQ(see(census, 0, 0, 0, "near").value, 300);
  EXPECT_EQ(see(census, 0, 0, 1, "near").value, 600);

  write({"VV_2021-05-01", "VH_2021-05-01"});
  const SourceCensus unnamed = own.census();
  ASSERT_FALSE(unnamed.damaged.empty());
  EXPECT_THAT(unnamed.damaged[0].message, HasSubstr("several of its bands are of 2021-05-01, of which none names B4 (\"VV_\", \"VH_\")"));
}

// As xarray writes cubes of images: fractions of a second, and two scenes of a day.
TEST(OwnSeries, NetcdfOfImages) {
  const std::string root = temp_dir();
  write_text(root + "/cube.toml",
             "title = \"cube\"\nplatform = \"S2\"\nlayout = \"raster_series\"\nfile = \"cube.nc\"\ndates = \"time\"\nunit = "
             "\"reflectance\"\nnodata = -9999\n[[band]]\nname = \"red\"\ncommon = \"red\"\nvariable = \"red\"\n");
  testing::NetcdfFile cube{.variable = "red",
                           .time_units = "microseconds since 2021-05-10 9:5:0.000000",
                           .times = {0, 3600e6, 86400e6},
                           .latitudes = {44.25, 44.15},
                           .longitudes = {0.05, 0.15},
                           .number = [](int day, int, int col) { return day == 0 && col == 0 ? -9999 : 100 * (day + 1); }};
  testing::write_netcdf(root + "/cube.nc", cube);
  const SourceCensus census = census_of(root + "/cube.toml", root, "all");
  EXPECT_THAT(census.damaged, IsEmpty());
  EXPECT_THAT(days(census), ElementsAre("2021-05-10", "2021-05-11"));
  ASSERT_EQ(census.acquisitions[0].passes.size(), 2U);
  EXPECT_EQ(census.acquisitions[0].passes[1].time, "100500");
  EXPECT_EQ(see(census, 0, 0).value, 200) << "the second fills where the first has no image";
  EXPECT_EQ(see(census, 1, 0).value, 100);
  EXPECT_EQ(see(census, 1, 0, 1).value, 300);
}

TEST(OwnSeries, NamesSayTheirDatesInManyWays) {
  for (const auto& [pattern, name, day] : {std::tuple("m_{date:YYYYMM}.tif", "m_202105", "2021-05-15"),
                                           {"{date:YYYY/MM/DD}/red.tif", "2021/05/11/red", "2021-05-11"},
                                           {"r_{date:DDMMYYYY}.tif", "r_11052021", "2021-05-11"},
                                           {"r_{date:YYMMDD}.tif", "r_210511", "2021-05-11"},
                                           {"r_{date:YYYY_MM_DD}.tif", "r_2021_05_11", "2021-05-11"},
                                           {"{year}/r_{month}_{day}.tif", "2021/r_05_11", "2021-05-11"},
                                           {"r{month}-{year}.tif", "r05-2021", "2021-05-15"}}) {
    SCOPED_TRACE(pattern);
    const Own own{std::string("file = \"") + pattern + "\"\nunit = \"reflectance\"\n"};
    write_image(own.root + "/data/" + name + ".tif", {.grid = kOwnGrid});
    EXPECT_THAT(days(own.census()), ElementsAre(day));
  }
  for (const char* pattern : {"{date:YYYY}.tif", "{date:MMDD}.tif", "{date:YYYYDD}.tif", "{date:YYYYMMDDD}.tif", "{date:YYYY:MM:DD}.tif"}) {
    const Own own{std::string("file = \"") + pattern + "\"\nunit = \"reflectance\"\n"};
    EXPECT_THAT(testing::message_of([&] { own.census(); }), HasSubstr("expected YYYYMMDD, YYYYDDD, YYYY-MM-DD, or YYYY, YY, MM"))
        << pattern;
  }
  const Own impossible{"file = \"r_{date:DDMMYYYY}.tif\"\nunit = \"reflectance\"\n"};
  write_image(impossible.root + "/data/r_31022021.tif", {.grid = kOwnGrid});
  EXPECT_EQ(impossible.census().damaged.size(), 1U);
}

TEST(OwnSeries, MasksOfAFloatStackAreWholeNumbers) {
  Own own{"file = \"{date}.tif\"\nunit = \"reflectance\"\nscale = 1\n"};
  own.bands += "[[mask]]\nname = \"clear\"\nfile = \"{date}.tif\"\nband = 2\nvalid = [0]\n";
  const double none = std::numeric_limits<double>::quiet_NaN();
  write_image(own.root + "/data/20210511.tif", {.grid = kOwnGrid, .type = "Float32", .bands = 2, .number = [=](int band, int col, int) {
                                                  return band == 0 ? 0.25 : col == 1 ? 1 : col == 2 ? none : 0;
                                                }});
  const SourceCensus census = own.census();
  EXPECT_THAT(census.damaged, IsEmpty());
  for (const int col : {0, 1, 2, 3}) EXPECT_EQ(see(census, col, 0).valid, col == 0 || col == 3) << col;

  write_image(own.root + "/data/20210511.tif",
              {.grid = kOwnGrid, .type = "Float32", .bands = 2, .number = [](int, int, int) { return 0.25; }});
  const SourceCensus fractions = own.census();
  ASSERT_EQ(fractions.damaged.size(), 1U);
  EXPECT_THAT(fractions.damaged[0].message, HasSubstr("expected a mask of whole numbers"));
}

TEST(OwnSeries, MessagesSayWhatIsLookedForAndRead) {
  const Own own{"file = \"{band}_{date}.tif\"\nunit = \"reflectance\"\n"};
  std::filesystem::create_directories(own.root + "/data");
  EXPECT_THAT(testing::message_of([&] { make_sensor(own.sensor())->found_tiles(own.root + "/data"); }),
              HasSubstr("no tiles found; own is looked for as files {band}_{date}.tif"));
  write_text(own.root + "/data/red_20210511.tif", "<VRTDataset rasterXSize=\"20\" rasterYSize=\"20\"></VRTDataset>");
  const SourceCensus census = own.census();
  ASSERT_EQ(census.damaged.size(), 1U);
  EXPECT_THAT(census.damaged[0].message, HasSubstr("images of products are read as GeoTIFF and JPEG 2000, and not as a VRT"));
}

// S1Tiling names its files after how they are calibrated.
TEST(Sentinel1, FilesOfEveryCalibration) {
  const std::string root = temp_dir(), file = root + "/31TCJ/s1b_31TCJ_";
  const auto power = [](int, int, int) { return 0.1; };
  std::vector<std::string> expected;
  for (const char* kind : {"", "_filtered", "_NormLim", "_NormLim_filtered", "_GammaNaughtRTC", "_GammaNaughtRTC_filtered"}) {
    const std::string date = join_text("202105", 11 + expected.size());
    for (const char* band : {"vv", "vh"})
      write_image(file + band + "_DES_110_" + date + "t060000" + kind + ".tif", {.grid = kOwnGrid, .type = "Float32", .number = power});
    expected.push_back("2021-05-" + date.substr(6));
  }
  const SourceCensus census = census_of("sentinel1_s1tiling", root, "T31TCJ", {}, "DES");
  EXPECT_THAT(census.damaged, IsEmpty());
  EXPECT_EQ(days(census), expected);
  EXPECT_EQ(see(census, 5, 0, 4, "VH").value, -1000);
  EXPECT_THAT(make_sensor("sentinel1_s1tiling")->unmatched(root), IsEmpty());
}

}  // namespace
}  // namespace millesime
