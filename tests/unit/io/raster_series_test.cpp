// Sensors whose layout is a pattern of file names: cloud-optimised copies, HLS, Sentinel-1, FORCE, PlanetScope, weather.

#include <cmath>
#include <filesystem>
#include <limits>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/sample_unit.h"
#include "pipeline/io/series_reader.h"
#include "tests/support/image_file.h"
#include "tests/support/message_of.h"
#include "tests/support/muscate_product.h"
#include "tests/support/netcdf_file.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/io/census_pixels.h"

namespace millesime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::ImageFile;
using ::testing::IsEmpty;
using testing::temp_dir;
using testing::write_image;

const Grid kGrid = ImageFile{}.grid;

TEST(RasterSeries, CopiesOfSentinel2SayWhetherTheOffsetIsApplied) {
  const std::string root = temp_dir();
  const auto write = [&](const std::string& day, const std::string& flag) {
    const std::string item = root + "/31/T/CJ/2021/5/S2B_31TCJ_" + day + "_0_L2A";
    write_image(item + "/B04.tif", {.grid = kGrid, .type = "UInt16", .number = [](int, int, int) { return 1300; }});
    write_image(item + "/SCL.tif", {.grid = kGrid, .type = "Byte", .number = [](int, int col, int) { return col; }});
    if (!flag.empty()) write_text(item + "/item.json", "{\"properties\": {\"earthsearch:boa_offset_applied\": " + flag + "}}");
  };
  write("20210501", "true"), write("20210502", "false"), write("20210503", "");
  EXPECT_THAT(make_sensor("sentinel2_cog")->tiles(root), ElementsAre("T31TCJ"));
  const SourceCensus census = census_of("sentinel2_cog", root, "T31TCJ");
  EXPECT_THAT(days(census), ElementsAre("2021-05-01", "2021-05-02"));
  ASSERT_EQ(census.damaged.size(), 1U);
  EXPECT_THAT(census.damaged[0].message, HasSubstr("no JSON beside its files says \"earthsearch:boa_offset_applied\""));
  // Older items have the flag under another prefix; before baseline 04.00 there is no offset.
  write_text(root + "/31/T/CJ/2021/5/S2B_31TCJ_20210503_0_L2A/old.json", R"({"properties": {"sentinel:boa_offset_applied": "False"}})");
  EXPECT_EQ(see(census_of("sentinel2_cog", root, "T31TCJ"), 4, 0, 2).value, 300);
  for (const auto& [baseline, value] : {std::pair{"03.01", 1300}, {"05.00", -1}}) {
    write_text(root + "/31/T/CJ/2021/5/S2B_31TCJ_20210503_0_L2A/old.json",
               std::string(R"({"properties": {"s2:processing_baseline": ")") + baseline + "\"}}");
    const SourceCensus again = census_of("sentinel2_cog", root, "T31TCJ");
    EXPECT_EQ(again.damaged.size(), value < 0 ? 1U : 0U) << baseline;
    if (value > 0) {
      EXPECT_EQ(see(again, 4, 0, 2).value, value);
    }
  }
  EXPECT_EQ(see(census, 4, 0).value, 1300);
  EXPECT_EQ(see(census, 4, 0, 1).value, 300);
  for (int code = 0; code < 12; ++code) EXPECT_EQ(see(census, code, 0).valid, code == 2 || (code >= 4 && code <= 7) || code == 11) << code;
  EXPECT_EQ(see(census_of("sentinel2_cog", root, "T31TCJ", {}, "raw"), 4, 0).value, 300);
  write_text(root + "/31/T/CJ/2021/5/S2B_31TCJ_20210503_0_L2A/old.json", R"({"properties": {"s2:processing_baseline": "03.01"}})");
  EXPECT_EQ(see(census_of("sentinel2_cog", root, "T31TCJ", {}, "raw"), 4, 0, 2).value, 1300);
  EXPECT_EQ(see(census_of("sentinel2_cog", root, "T31TCJ", {}, "applied"), 4, 0, 2).value, 1300);

  const std::string collection1 = root + "/c1/31/T/CJ/2021/5/S2B_T31TCJ_20210504T105431_L2A";  // its names
  write_image(collection1 + "/B04.tif", {.grid = kGrid, .type = "UInt16", .number = [](int, int, int) { return 1400; }});
  write_image(collection1 + "/SCL.tif", {.grid = kGrid, .type = "Byte", .number = [](int, int, int) { return 4; }});
  const SourceCensus newer = census_of("sentinel2_cog", root + "/c1", "T31TCJ", {}, "applied");
  EXPECT_THAT(days(newer), ElementsAre("2021-05-04"));
  EXPECT_EQ(see(newer, 4, 0).value, 1400);
}

TEST(RasterSeries, HlsMasksByBits) {
  for (const std::string sensor : {"hls_l30", "hls_s30"}) {
    SCOPED_TRACE(sensor);
    const std::string root = temp_dir(), stem = root + "/a/HLS." + (sensor == "hls_l30" ? "L30" : "S30") + ".T31TCJ.2021131T104321.v2.0.";
    if (sensor == "hls_s30") write_image(stem + "B8A.tif", {.grid = kGrid, .number = [](int, int, int) { return 4321; }});
    write_image(stem + "B04.tif", {.grid = kGrid, .number = [](int, int col, int) { return col == 9 ? -9999 : -50 + col; }});
    write_image(stem + "Fmask.tif", {.grid = kGrid, .type = "Byte", .number = [](int, int col, int) {
                                       return col == 10 ? 255 : col < 8 ? 1 << col : 0;
                                     }});
    const SourceCensus census = census_of(sensor, root, "T31TCJ");
    EXPECT_THAT(census.damaged, IsEmpty());
    EXPECT_THAT(days(census), ElementsAre("2021-05-11"));
    EXPECT_EQ(see(census, 3, 0).value, -47);
    EXPECT_EQ(see(census, 9, 0).value, kNodata);
    for (int bit = 0; bit < 8; ++bit) EXPECT_EQ(see(census, bit, 0).valid, bit < 1 || bit > 3) << bit;
    EXPECT_FALSE(see(census, 10, 0).image);
    if (sensor == "hls_s30") {
      EXPECT_EQ(see(census, 3, 0, 0, "B8A").value, 4321);
    }
  }
}

TEST(RasterSeries, ModisOfBothSatellitesAndBothWaysOfNaming) {
  const std::string root = temp_dir(), terra = root + "/MOD13Q1.A2021113.h18v04.061.2021130034811.250m_16_days_",
                    aqua = root + "/MYD13Q1.A2021121.h18v04.061.2021137235959_250m_16_days_";
  for (const std::string& stem : {terra, aqua}) {
    write_image(stem + "NDVI.tif", {.grid = kGrid, .number = [](int, int col, int) { return col == 6 ? -3000 : 7000 + col; }});
    write_image(stem + "pixel_reliability.tif", {.grid = kGrid, .number = [](int, int col, int) { return col == 5 ? -1 : col; }});
  }
  const SourceCensus census = census_of("modis_ndvi", root, "h18v04");
  EXPECT_THAT(census.damaged, IsEmpty());
  EXPECT_THAT(days(census), ElementsAre("2021-04-23", "2021-05-01"));
  for (const int date : {0, 1}) {
    EXPECT_EQ(see(census, 1, 0, date).value, 7001);
    EXPECT_EQ(see(census, 6, 0, date).value, kNodata);
    for (int col = 0; col < 4; ++col) EXPECT_EQ(see(census, col, 0, date).valid, col < 2) << col;
    EXPECT_FALSE(see(census, 5, 0, date).image);
  }
}

TEST(Sentinel1, DecibelOfTheTableAreThoseOfTheLogarithm) {
  Encoding encoding;
  encoding.kind = Encoding::Kind::power, encoding.factor = 100;
  ASSERT_TRUE(PowerSamples::can(encoding, 0.0));
  for (const double offset : {0.0, 12.3}) {
    encoding.offset = offset;
    std::vector<float> powers = {0.0f,   -1.0f, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                                 1e-30f, 1e30f};
    for (int hundredths = -9900; hundredths < 6100; hundredths += hundredths < -2500 || hundredths > 500 ? 7 : 1) {
      // Around the power from which on the next number is nearer.
      auto power = static_cast<float>(std::pow(10, (hundredths + 0.5 - offset) / 1000));
      for (int i = 0; i < 4; ++i) power = std::nextafter(power, 0.0f);
      for (int i = 0; i < 8; ++i) powers.push_back(power = std::nextafter(power, 1e9f));
    }
    std::vector<std::int16_t> found(powers.size()), expected;
    for (const float power : powers) expected.push_back(to_sample(encoding.in_unit(static_cast<double>(power))));
    PowerSamples::of(encoding).convert(powers.data(), powers.size(), found.data());
    EXPECT_EQ(found, expected) << offset;
  }
  EXPECT_FALSE(PowerSamples::can(encoding, 0.5));
  encoding.least = 0.001;
  EXPECT_FALSE(PowerSamples::can(encoding, {}));
}

TEST(Sentinel1, PowerBecomesDecibelAndOrbitsAreTwoSources) {
  const std::string root = temp_dir(), tile = root + "/31TCJ/s1a_31TCJ_";
  const double none = std::numeric_limits<double>::quiet_NaN();
  const auto power = [&](int, int col, int) { return col == 0 ? 0 : col == 1 ? none : col == 2 ? 1e-7 : 0.01 * col; };
  for (const char* band : {"vv", "vh"}) {
    write_image(tile + band + "_ASC_030_20210511t174000.tif", {.grid = kGrid, .type = "Float32", .number = power});
    write_image(tile + band + "_DES_110_20210512txxxxxx_NormLim_filtered.tif", {.grid = kGrid, .type = "Float32", .number = power});
  }
  write_image(tile + "vv_ASC_030_20210511t174000_BorderMask.tif",
              {.grid = kGrid, .type = "Byte", .number = [](int, int col, int) { return col < 8; }});
  const SourceCensus ascending = census_of("sentinel1_s1tiling", root, "T31TCJ"),
                     descending = census_of("sentinel1_s1tiling", root, "T31TCJ", {}, "DES");
  EXPECT_THAT(ascending.damaged, IsEmpty());
  EXPECT_THAT(ascending.bands, ElementsAre("VV", "VH"));
  EXPECT_THAT(days(ascending), ElementsAre("2021-05-11"));
  std::filesystem::create_directories(root + "/descending");
  for (const auto& entry : std::filesystem::directory_iterator(root + "/31TCJ"))
    if (entry.path().string().find("DES") != std::string::npos)
      std::filesystem::copy(entry.path(), root + "/descending/" + entry.path().filename().string());
  EXPECT_THAT(make_sensor("sentinel1_s1tiling")->tiles(root + "/descending"), ElementsAre("T31TCJ"));
  std::filesystem::remove_all(root + "/descending");
  EXPECT_THAT(days(descending), ElementsAre("2021-05-12"));
  EXPECT_EQ(see(ascending, 5, 0).value, std::lround(1000 * std::log10(0.05)));
  EXPECT_EQ(see(ascending, 2, 0).value, -7000);
  for (const int col : {0, 1}) EXPECT_FALSE(see(ascending, col, 0).image) << col;
  EXPECT_TRUE(see(ascending, 7, 0).valid);
  EXPECT_FALSE(see(ascending, 8, 0).valid);
  EXPECT_TRUE(see(descending, 8, 0).valid);
  const TileImages read = TileImages::from_json(TileImages::of(descending).to_json(), "census", {root});
  EXPECT_EQ(see(read.main(), 5, 0).value, std::lround(1000 * std::log10(0.05)));
  EXPECT_EQ(see(descending, 5, 0, 0, "VH").value, std::lround(1000 * std::log10(0.05)));
  const SeriesReader reader(descending, descending.bands, 1);
  reader.read(descending.grid.whole());
  EXPECT_EQ(reader.decompressions(), 2) << "the mask is made of the band";
}

TEST(Sentinel1, NumbersTellWhetherTheyAreDecibel) {
  const std::string root = temp_dir();
  write_image(root + "/s1a_31TCJ_vv_ASC_030_20210511t174000.tif",
              {.grid = kGrid, .type = "Float32", .number = [](int, int col, int) { return -10.5 - col; }});
  const SourceCensus census = census_of("sentinel1_s1tiling", root, "T31TCJ");
  ASSERT_EQ(census.damaged.size(), 1U);
  EXPECT_THAT(census.damaged[0].message,
              HasSubstr("expected linear power (encoding = \"power\"), got numbers from -21.5 to -10.5, which are decibel"));
  const SourceCensus decibel = census_of("sentinel1_decibel", root, "T31TCJ");
  EXPECT_THAT(decibel.damaged, IsEmpty());
  EXPECT_EQ(see(decibel, 4, 0).value, -1450);
  write_text(
      root + "/mine.toml",
      "title = \"mine\"\nplatform = \"S1\"\nlayout = \"raster_series\"\nfile = \"{date}_{band}.tif\"\nunit = \"decibel\"\nscale = 1\n"
      "[[band]]\nname = \"VV\"\ncommon = \"vv\"\n");
  write_image(root + "/db/20210511_VV.tif",
              {.grid = kGrid, .type = "Float32", .number = [](int, int col, int) { return 0.01 + 0.01 * col; }});
  const SourceCensus wrong = census_of(root + "/mine.toml", root + "/db", "all");
  ASSERT_EQ(wrong.damaged.size(), 1U);
  EXPECT_THAT(wrong.damaged[0].message,
              HasSubstr("expected decibel (encoding = \"linear\"), got numbers from 0.01 to 0.12, which are linear power"));
}

TEST(RasterSeries, FilesOfSeveralBands) {
  const std::string root = temp_dir(), stem = root + "/level2/X0044_Y0014/20210511_LEVEL2_SEN2A_";
  write_image(stem + "BOA.tif",
              {.grid = kGrid, .bands = 10, .number = [](int band, int col, int) { return col == 0 ? -9999 : 100 * (band + 1) + col; }});
  write_image(stem + "QAI.tif", {.grid = kGrid, .number = [](int, int col, int row) { return row == 0 ? 0 : 1 << col; }});
  const SourceCensus census = census_of("force_sentinel2", root, "X0044_Y0014", {"red", "swir_2"});
  EXPECT_THAT(census.damaged, IsEmpty());
  EXPECT_EQ(see(census, 5, 0).value, 305);
  EXPECT_EQ(see(census, 5, 0, 0, "B12").value, 1005);
  EXPECT_EQ(see(census, 0, 0).value, kNodata);
  for (int bit = 0; bit < 12; ++bit) EXPECT_EQ(see(census, bit, 1).valid, bit > 3 && bit != 8 && bit != 9) << bit;
  EXPECT_FALSE(see(census, 0, 1).image);
  EXPECT_TRUE(see(census, 9, 1).image);

  const std::string landsat = root + "/level2/X0044_Y0014/20210512_LEVEL2_LND08_";
  write_image(landsat + "BOA.tif",
              {.grid = kGrid, .bands = 6, .number = [](int band, int col, int) { return col == 0 ? -9999 : 100 * (band + 1) + col; }});
  write_image(landsat + "QAI.tif", {.grid = kGrid, .number = [](int, int col, int row) { return row == 0 ? 0 : 1 << col; }});
  const SourceCensus of_landsat = census_of("force_landsat", root, "X0044_Y0014");
  EXPECT_THAT(of_landsat.bands, ElementsAre("blue", "green", "red", "nir", "swir_1", "swir_2"));
  EXPECT_THAT(days(of_landsat), ElementsAre("2021-05-12"));
  for (int band = 0; band < 6; ++band)
    EXPECT_EQ(see(of_landsat, 7, 1, 0, of_landsat.bands[static_cast<std::size_t>(band)]).value, 100 * (band + 1) + 7);
  EXPECT_EQ(see(of_landsat, 0, 1).value, kNodata);
  for (int bit = 0; bit < 12; ++bit) EXPECT_EQ(see(of_landsat, bit, 1).valid, bit > 3 && bit != 8 && bit != 9) << bit;
}

TEST(RasterSeries, StripsOfADayAreOneAcquisition) {
  const std::string root = temp_dir();
  for (const int strip : {0, 1}) {
    const std::string stem = root + "/field/20210511_10304" + std::to_string(strip) + "_1001_3B_";
    write_image(stem + "AnalyticMS_SR.tif", {.grid = kGrid, .type = "UInt16", .bands = 4, .number = [=](int band, int col, int) {
                                               return (col < 6) == (strip == 0) ? 1000 * (band + 1) + strip : 0;
                                             }});
    write_image(stem + "udm2.tif", {.grid = kGrid, .type = "Byte", .bands = 8, .number = [=](int band, int col, int) {
                                      const bool seen = (col < 6) == (strip == 0);
                                      return band == 0 ? seen : band == 7 ? !seen : 0;
                                    }});
  }
  const SourceCensus census = census_of("planetscope", root, "field", {"nir"});
  EXPECT_THAT(census.damaged, IsEmpty());
  ASSERT_EQ(census.acquisitions.size(), 1U);
  EXPECT_EQ(see(census, 2, 0).value, 4000);
  EXPECT_EQ(see(census, 9, 0).value, 4001);
  EXPECT_TRUE(see(census, 9, 0).valid);
}

TEST(RasterSeries, TheDatesOfAFileAreItsBands) {
  const std::string root = temp_dir();
  write_text(root + "/mine.toml",
             "title = \"mine\"\nplatform = \"S1\"\nlayout = \"raster_series\"\nfile = \"{tile}_{band}.tif\"\ndates = \"bands\"\nunit = "
             "\"decibel\"\nencoding = \"power\"\n[[band]]\nname = \"VV\"\n[[band]]\nname = \"VH\"\n");
  for (const char* band : {"VV", "VH"})
    write_image(root + "/data/31TCJ_" + band + ".tif", {.grid = kGrid,
                                                        .type = "Float32",
                                                        .bands = 3,
                                                        .number = [](int date, int, int) { return std::pow(10, -date); },
                                                        .descriptions = {"2021-05-11", "2021-05-23", "2022-05-11"}});
  const SourceCensus census = census_of(root + "/mine.toml", root + "/data", "T31TCJ");
  EXPECT_THAT(census.damaged, IsEmpty());
  EXPECT_THAT(days(census), ElementsAre("2021-05-11", "2021-05-23"));
  EXPECT_EQ(see(census, 0, 0).value, 0);
  EXPECT_EQ(see(census, 0, 0, 1, "VH").value, -1000);
}

// Daily temperature on a coarse grid in degrees, beside Sentinel-2.
TEST(RasterSeries, TemperatureOnATilesGrid) {
  const std::string root = temp_dir();
  const Point middle = CoordinateTransform("EPSG:32631", "EPSG:4326")(kGrid.centre(6, 6));
  const Grid degrees{"EPSG:4326", std::floor(middle.x * 10) / 10 - 0.3, std::ceil(middle.y * 10) / 10 + 0.3, 0.1, 0.1, 8, 8};
  const auto celsius = [&](int day, int col, int) { return 10 * (day + 1) + degrees.x(col + 0.5); };  // grows to the east
  for (const int day : {0, 1})
    write_image(root + "/days/temperature_2021051" + std::to_string(day + 1) + ".tif",
                {.grid = degrees, .type = "Float32", .number = [=](int, int col, int row) { return celsius(day, col, row); }});
  write_image(root + "/eobs/tg_ens_mean_0.1deg.nc", {.grid = degrees,
                                                     .type = "Float32",
                                                     .bands = 2,
                                                     .number = celsius,
                                                     .driver = "netCDF",
                                                     .metadata = {{"NETCDF_DIM_EXTRA", "{time}"},
                                                                  {"NETCDF_DIM_time_DEF", "{2,6}"},
                                                                  {"NETCDF_DIM_time_VALUES", "{26063,26064}"},
                                                                  {"time#units", "days since 1950-01-01 00:00"},
                                                                  {"time#axis", "T"}}});
  for (const auto& [sensor, folder] : {std::pair{"temperature_daily", "/days"}, {"eobs_temperature", "/eobs"}}) {
    SCOPED_TRACE(sensor);
    CensusRequest request{"", root + folder, "T31TCJ", "", {}, kFirst, kLast};
    request.grid = kGrid;
    std::string file = sensor;
    if (std::string(sensor) == "eobs_temperature") {  // GDAL names the variable it writes Band1
      std::string text = read_text(SensorFile::load(sensor).origin);
      text.replace(text.find("\"tg\""), 4, "\"Band1\"");
      write_text(file = root + "/eobs_mine.toml", text);
    }
    const SourceCensus census = make_sensor(file)->take_census(request);
    EXPECT_THAT(census.damaged, IsEmpty());
    ASSERT_THAT(days(census), ElementsAre("2021-05-11", "2021-05-12"));
    const Point place = CoordinateTransform("EPSG:32631", "EPSG:4326")(kGrid.centre(5, 5));
    EXPECT_NEAR(see(census, 5, 5).value, 100 * (10 + place.x), 8);
    EXPECT_NEAR(see(census, 5, 5, 1).value, 100 * (20 + place.x), 8);
    EXPECT_TRUE(see(census, 5, 5).valid);
  }
}

// As weather services write them: no reference system, axes of any name and direction, int16 with a scale.
TEST(RasterSeries, NetcdfOfWeatherServices) {
  const std::string root = temp_dir();
  testing::NetcdfFile rain{.variable = "rr",
                           .times = {26062, 26063, 26064.5},
                           .latitudes = {44.05, 44.15, 44.25},
                           .longitudes = {0.05, 0.15},
                           .scale = 0.1,
                           .number = [](int day, int row, int col) { return col == 1 && row == 2 ? -9999 : 100 * day + 10 * row + col; }};
  testing::write_netcdf(root + "/eobs/rr_ens_mean_0.1deg_reg_v27.0e.nc", rain);
  const SourceCensus census = census_of("eobs_precipitation", root + "/eobs", "all");
  EXPECT_THAT(census.damaged, IsEmpty());
  EXPECT_EQ(census.grid.crs, "EPSG:4326");
  EXPECT_NEAR(census.grid.y0, 44.3, 1e-9);
  EXPECT_THAT(days(census), ElementsAre("2021-05-10", "2021-05-11", "2021-05-12"));
  EXPECT_EQ(see(census, 0, 0, 1).value, 120);  // the northernmost row is the last of the file; tenths of a millimetre
  EXPECT_EQ(see(census, 1, 1, 2).value, 211);
  EXPECT_EQ(see(census, 1, 0).value, kNodata);
  EXPECT_FALSE(see(census, 1, 0).image);

  std::vector<double> long_axis(8000);  // since 1950: the year is a small part of it
  std::iota(long_axis.begin(), long_axis.end(), 20000);
  testing::write_netcdf(root + "/long/rr_ens_mean_long.nc", {.variable = "rr",
                                                             .times = long_axis,
                                                             .latitudes = {44, 44.1},
                                                             .longitudes = {1, 1.1},
                                                             .scale = 0.1,
                                                             .number = [](int day, int, int) { return day; }});
  const SourceCensus year = census_of("eobs_precipitation", root + "/long", "all");
  ASSERT_EQ(year.acquisitions.size(), 365U);
  EXPECT_EQ(see(year, 0, 0, 9).value, 25933 + 9 - 20000);

  rain.variable = "t2m", rain.time_axis = "valid_time", rain.time_units = "hours since 2021-05-10 12:00:00", rain.times = {0, 12, 36};
  rain.latitudes = {44.25, 44.15, 44.05}, rain.scale = 1, rain.offset = 273;
  testing::write_netcdf(root + "/era/t2m.nc", rain);
  write_text(
      root + "/era.toml",
      "title = \"ERA5-Land\"\nplatform = \"weather\"\nlayout = \"raster_series\"\nfile = \"t2m.nc\"\ndates = \"time\"\nunit = "
      "\"celsius\"\nencoding = \"file\"\noffset = -273.15\n[[band]]\nname = \"t2m\"\ncommon = \"temperature\"\nvariable = \"t2m\"\n");
  const SourceCensus kelvin = census_of(root + "/era.toml", root + "/era", "all");
  EXPECT_THAT(days(kelvin), ElementsAre("2021-05-10", "2021-05-11", "2021-05-12"));
  EXPECT_EQ(see(kelvin, 1, 1).value, 100 * 11 - 15);

  rain.calendar = "360_day";
  testing::write_netcdf(root + "/era/t2m.nc", rain);
  const SourceCensus other = census_of(root + "/era.toml", root + "/era", "all");
  ASSERT_EQ(other.damaged.size(), 1U);
  EXPECT_THAT(other.damaged[0].message, HasSubstr("the time axis valid_time counts in the calendar 360_day"));
}

// Numbers of the real Landsat and Sentinel-2 scenes: raw number x scale + offset of each pixel, read apart from the layouts.
TEST(RealProducts, NumbersAreThoseOfTheFiles) {
  const std::string landsat = testing::real_data("landsat_c2_l2sp"), sen2cor = testing::real_data("sen2cor_safe"),
                    muscate = testing::real_data("muscate_t30typ");
  if (landsat.empty() || sen2cor.empty() || muscate.empty())
    GTEST_SKIP() << "the real data are absent (set MILLESIME_REAL_DATA to their folder)";
  struct Expected {
    std::string sensor, root, tile, band;
    double scale, offset, least, most;  // of numbers that have a value
  };
  for (const Expected& each : {Expected{"landsat_c2", landsat, "098084", "red", 0.275, -2000, 7273, 43636},
                               {"landsat_c2", landsat, "090084", "swir_2", 0.275, -2000, 7273, 43636},
                               {"landsat_c2", landsat, "098084", "thermal", 0.341802, -12415, 1, 65535},
                               {"sentinel2_sen2cor", sen2cor, "T22HBD", "B8", 1, 0, 1, 65534},
                               {"sentinel2_sen2cor", sen2cor, "T07HFE", "B11", 1, 0, 1, 65534},
                               {"sentinel2_theia", muscate, "T30TYP", "B4", 1, 0, -9999, 32767}}) {
    SCOPED_TRACE(each.sensor + " " + each.tile);
    const SourceCensus census =
        make_sensor(each.sensor)->take_census(each.root, each.tile, {each.band}, Date::parse("19900101"), Date::parse("20291231"));
    EXPECT_THAT(census.damaged, IsEmpty());
    const SeriesReader reader(census, census.bands);
    const Series series = reader.read(reader.grid().whole());
    const BandGroup& group = series.groups.front();
    const auto pixels = static_cast<std::size_t>(group.cols) * static_cast<std::size_t>(group.rows);
    for (std::size_t date = 0; date < series.dates.size(); ++date) {
      const Product& product = census.acquisitions[date].passes.front();
      const Layer& layer = product.layers.at(census.bands.front());
      const RasterReader file(product.file_of(layer));
      const Raster<float> numbers = file.read_all<float>();
      if (!file.grid().same_as(census.grids.at(census.bands.front()))) continue;  // scenes of several dates are shifted
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < pixels; ++i) {
        const double number = static_cast<double>(numbers.samples[i]);
        const bool has_value = number >= each.least && number <= each.most;
        const int value = group.samples[date * pixels + i];
        wrong += has_value ? std::abs(value - (number * each.scale + each.offset)) > 0.5001 : value != kNodata;
      }
      EXPECT_EQ(wrong, 0U);
    }
  }
}

}  // namespace
}  // namespace millesime
