// Length: every way in which a value of a static input can be named, placed and missing, on the same small rasters.

#include "pipeline/imagery/exogenous.h"

#include <cmath>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cpl_conv.h>
#include <gdal.h>
#include <ogr_srs_api.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/vector_file.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Grid kTile{"EPSG:32631", 300000, 4900020, 10, 10, 60, 40};

template <class T>
ExogenousOptions raster(const std::string& name, const Grid& grid, const std::function<T(double x, double y)>& value,
                        std::optional<double> nodata = std::nullopt) {
  Raster<T> values(grid);
  for (int row = 0; row < grid.rows; ++row)
    for (int col = 0; col < grid.cols; ++col) {
      const Point centre = grid.centre(col, row);
      values.at(col, row) = value(centre.x, centre.y);
    }
  const std::string path = testing::temp_dir() + "/" + name + ".tif";
  RasterOptions options;
  options.nodata = nodata;
  write_raster(path, values, options);
  return {name, path};
}

// A plane is reproduced by bilinear interpolation, whatever the resolution.
TEST(Exogenous, SamplesAPlaneExactlyFromCoarserAndFinerRasters) {
  const auto plane = [](double x, double y) { return static_cast<float>((x - 300000) * 0.5 + (4900020 - y) * 0.25); };
  for (const double size : {2.5, 10.0, 75.0}) {
    const int cols = static_cast<int>(2000 / size), rows = static_cast<int>(2000 / size);
    const Grid grid{"EPSG:32631", 299500, 4900500, size, size, cols, rows};
    const ExogenousReader reader({raster<float>("plane", grid, plane)}, kTile);
    const Window window{3, 5, 20, 30};
    const auto values = reader.read(window);
    ASSERT_EQ(values.size(), 600u);
    for (int row = 0; row < 30; ++row)
      for (int col = 0; col < 20; ++col) {
        const Point centre = kTile.centre(3 + col, 5 + row);
        ASSERT_NEAR(values[static_cast<std::size_t>(row * 20 + col)], plane(centre.x, centre.y), 1e-3)
            << size << " m at " << col << "," << row;
      }
  }
}

TEST(Exogenous, SamplesARasterInAnotherReferenceSystemAtTheRightPlace) {
  const CoordinateTransform to_lambert("EPSG:32631", "EPSG:2154");
  const Box box = to_lambert(kTile.extent());
  const Grid grid{"EPSG:2154", box.min_x - 100, box.max_y + 100, 5, 5, 200, 200};
  const ExogenousReader reader({raster<float>("easting", grid, [](double x, double) { return static_cast<float>(x - 500000); })}, kTile);
  const auto values = reader.read(kTile.whole());
  for (const auto& [col, row] : {std::pair(0, 0), std::pair(37, 11), std::pair(59, 39)}) {
    const double x = to_lambert(kTile.centre(col, row)).x - 500000;
    EXPECT_NEAR(values[static_cast<std::size_t>(row * 60 + col)], x, 0.02);  // float32 holds 1/128 m here
  }
}

TEST(Exogenous, DoesNotDependOnWindows) {
  const CoordinateTransform to_lambert("EPSG:32631", "EPSG:2154");
  const Box box = to_lambert(kTile.extent());
  const Grid grid{"EPSG:2154", box.min_x - 30, box.max_y + 30, 25, 25, 20, 15};
  const ExogenousReader reader(
      {raster<std::int16_t>(
          "dem", grid, [](double x, double y) { return static_cast<std::int16_t>(std::lround(std::sin(x) * 1000 + std::cos(y) * 500)); },
          -32768)},
      kTile);
  const auto whole = reader.read(kTile.whole());
  for (const Window& window : {Window{0, 0, 1, 1}, Window{17, 3, 16, 31}, Window{59, 39, 1, 1}, Window{15, 15, 2, 2}}) {
    const auto part = reader.read(window);
    for (int row = 0; row < window.height; ++row)
      for (int col = 0; col < window.width; ++col) {
        const float a = part[static_cast<std::size_t>(row * window.width + col)],
                    b = whole[static_cast<std::size_t>((window.row + row) * 60 + window.col + col)];
        ASSERT_TRUE(a == b || (std::isnan(a) && std::isnan(b))) << to_text(window) << " at " << col << "," << row;
      }
  }
}

TEST(Exogenous, BytesAreClassesAndOthersAreInterpolatedWithoutTheirGaps) {
  const Grid coarse{"EPSG:32631", 300000, 4900020, 40, 40, 3, 2};
  const auto by_column = [](double x, double) { return static_cast<int>((x - 300000) / 40) * 10; };  // 0, 10, 20
  const ExogenousReader reader(
      {raster<std::uint8_t>("climate", coarse, [&](double x, double y) { return static_cast<std::uint8_t>(by_column(x, y)); }),
       raster<std::int16_t>(
           "dem", coarse, [&](double x, double y) { return static_cast<std::int16_t>(x > 300080 ? -999 : by_column(x, y)); }, -999)},
      kTile);
  ASSERT_EQ(reader.size(), 2u);
  const auto values = reader.read({0, 0, 14, 1});
  EXPECT_EQ(values[2 * 3], 0);  // class of the nearest coarse pixel
  EXPECT_EQ(values[2 * 4], 10);
  EXPECT_FLOAT_EQ(values[2 * 3 + 1], 3.75F);  // 35 m from the left: 3/8 of the way from 20 m to 60 m
  EXPECT_EQ(values[2 * 7 + 1], 10);           // its neighbour on the right has no value
  EXPECT_TRUE(std::isnan(values[2 * 8 + 1]));
  EXPECT_TRUE(std::isnan(values[2 * 12]));  // beyond the raster
}

// A raster of 6 x 4 pixels of 100 m over the tile, made by GDAL itself.
struct MadeRaster {
  std::string path = testing::temp_dir() + "/made.tif";
  GDALDatasetH file = nullptr;

  MadeRaster(int bands, GDALDataType type, std::vector<const char*> creation = {},
             const Grid& grid = {"EPSG:32631", 300000, 4900020, 100, 100, 6, 4}) {
    GDALAllRegister();
    creation.push_back(nullptr);
    file = GDALCreate(GDALGetDriverByName("GTiff"), path.c_str(), grid.cols, grid.rows, bands, type, const_cast<char**>(creation.data()));
    double transform[6] = {grid.x0, grid.pixel_width, 0, grid.y0, 0, -grid.pixel_height};
    GDALSetGeoTransform(file, transform);
    OGRSpatialReferenceH crs = OSRNewSpatialReference(nullptr);
    OSRSetFromUserInput(crs, grid.crs.c_str());
    GDALSetSpatialRef(file, crs);
    OSRDestroySpatialReference(crs);
  }
  void write(GDALRasterBandH band, double (*value)(int col, int row)) const {
    std::vector<double> samples;
    for (int row = 0; row < GDALGetRasterBandYSize(band); ++row)
      for (int col = 0; col < GDALGetRasterBandXSize(band); ++col) samples.push_back(value(col, row));
    const int width = GDALGetRasterBandXSize(band), height = GDALGetRasterBandYSize(band);
    ASSERT_EQ(GDALRasterIO(band, GF_Write, 0, 0, width, height, samples.data(), width, height, GDT_Float64, 0, 0), CE_None);
  }
  void close() {
    GDALClose(file);
    file = nullptr;
  }
};

// [pixel][static] at the middle of each 100 m pixel of the first row.
std::vector<float> first_row(const ExogenousReader& reader) {
  std::vector<float> values;
  for (int col = 0; col < 6; ++col)
    for (const float value : reader.read({col * 10 + 5, 5, 1, 1})) values.push_back(value);
  return values;
}

TEST(Exogenous, WhatAMaskBandHidesIsMissing) {
  CPLSetThreadLocalConfigOption("GDAL_TIFF_INTERNAL_MASK", "YES");
  for (const bool internal : {true, false}) {
    CPLSetThreadLocalConfigOption("GDAL_TIFF_INTERNAL_MASK", internal ? "YES" : "NO");  // in the file, or .msk beside it
    MadeRaster made(1, GDT_Float32);
    GDALRasterBandH band = GDALGetRasterBand(made.file, 1);
    made.write(band, [](int col, int) { return col < 4 ? 7.5 : 0.0; });
    ASSERT_EQ(GDALCreateMaskBand(band, GMF_PER_DATASET), CE_None);
    made.write(GDALGetMaskBand(band), [](int col, int) { return col < 4 ? 255.0 : 0.0; });
    made.close();
    const ExogenousReader reader({{"t", made.path}}, kTile);
    const auto values = first_row(reader);
    for (std::size_t col = 0; col < 4; ++col) EXPECT_EQ(values[col], 7.5F) << internal << col;
    for (std::size_t col = 4; col < 6; ++col) EXPECT_TRUE(std::isnan(values[col])) << internal << col;
  }
  CPLSetThreadLocalConfigOption("GDAL_TIFF_INTERNAL_MASK", nullptr);
}

TEST(Exogenous, AnAlphaBandHidesAndIsNoInput) {
  for (const int bands : {2, 3, 4}) {  // GDAL itself takes an alpha band for a mask among two or four only
    MadeRaster made(bands, GDT_Byte, {"ALPHA=YES"});
    for (int number = 1; number < bands; ++number)
      made.write(GDALGetRasterBand(made.file, number), [](int col, int) { return col < 4 ? 100.0 : 0.0; });
    made.write(GDALGetRasterBand(made.file, bands), [](int col, int) { return col < 4 ? 255.0 : 0.0; });
    GDALSetRasterColorInterpretation(GDALGetRasterBand(made.file, bands), GCI_AlphaBand);
    made.close();
    const ExogenousReader reader({{"t", made.path}}, kTile);
    ASSERT_EQ(reader.size(), static_cast<std::size_t>(bands - 1));
    EXPECT_EQ(exogenous_names({{"t", made.path}}).size(), static_cast<std::size_t>(bands - 1));
    const auto values = first_row(reader);
    for (std::size_t i = 0; i < values.size(); ++i)
      if (i / reader.size() < 4)
        EXPECT_EQ(values[i], 100) << bands << " " << i;
      else
        EXPECT_TRUE(std::isnan(values[i])) << bands << " " << i;
  }
}

TEST(Exogenous, EachBandHasItsOwnNoDataScaleAndOffset) {
  const std::string path = testing::temp_dir() + "/bands.vrt";
  MadeRaster made(2, GDT_Int16);
  made.write(GDALGetRasterBand(made.file, 1), [](int col, int) { return col == 0 ? -99.0 : -1.0; });
  made.write(GDALGetRasterBand(made.file, 2), [](int col, int) { return col == 1 ? -1.0 : 300.0; });
  made.close();
  const auto band = [&](int number, const char* nodata, const char* more) {
    return "<VRTRasterBand dataType=\"Int16\" band=\"" + std::to_string(number) + "\"><NoDataValue>" + nodata + "</NoDataValue>" + more +
           "<SimpleSource><SourceFilename relativeToVRT=\"1\">made.tif</SourceFilename><SourceBand>" + std::to_string(number) +
           "</SourceBand></SimpleSource></VRTRasterBand>";
  };
  write_text(path,
             "<VRTDataset rasterXSize=\"6\" rasterYSize=\"4\"><SRS>EPSG:32631</SRS><GeoTransform>300000, 100, 0, 4900020, 0, "
             "-100</GeoTransform>" +
                 band(1, "-99", "") + band(2, "-1", "<Offset>5</Offset><Scale>0.1</Scale>") + "</VRTDataset>");
  const auto values = first_row(ExogenousReader({{"t", path}}, kTile));
  EXPECT_TRUE(std::isnan(values[0]));
  EXPECT_EQ(values[2], -1);  // no data in the other band only
  EXPECT_FLOAT_EQ(values[1], 35);
  EXPECT_TRUE(std::isnan(values[3]));
}

TEST(Exogenous, ARasterWithoutAWayToTheTileIsNamed) {
  const auto site =
      raster<float>("site", {R"(LOCAL_CS["building site",UNIT["metre",1]])", 0, 0, 10, 10, 4, 2}, [](double, double) { return 1.0F; });
  EXPECT_THAT(testing::message_of([&] { ExogenousReader({site}, kTile); }), HasSubstr("site.tif: no way from EPSG:32631 to"));
}

TEST(Exogenous, NanIsMissing) {
  MadeRaster made(1, GDT_Float32);
  made.write(GDALGetRasterBand(made.file, 1), [](int col, int) { return col < 4 ? 2.0 : std::nan(""); });
  made.close();
  const auto values = first_row(ExogenousReader({{"t", made.path}}, kTile));
  EXPECT_EQ(values[3], 2);
  EXPECT_TRUE(std::isnan(values[4]));
}

// A raster of 40 x 30 pixels of 25 m whose first column holds `fill`, which the file does not declare.
template <class T>
ExogenousOptions with_fill(const std::string& name, double fill, const std::function<double(int)>& number) {
  const Grid grid{"EPSG:32631", 299900, 4900120, 25, 25, 40, 30};
  int n = 0;
  return raster<T>(name, grid, [&, fill](double x, double) {
    const double value = x < 300000 ? fill : number(n++);  // four of 40 columns
    return static_cast<T>(value);
  });
}

double height(int n) { return 1200 + n % 97 * 3; }

TEST(Exogenous, AFillValueThatTheFileDoesNotDeclareIsMissing) {
  const auto look = [](const ExogenousOptions& entry, const std::string& value) {
    EXPECT_THAT(notes_of_exogenous({entry}),
                ElementsAre(HasSubstr("dem: " + value + " stands for a missing value (120 of 1200 px looked at)")));
    const auto values = ExogenousReader({entry}, kTile).read(kTile.whole());
    // Pixels whose nearest one is a fill are missing; the others keep to the range of the heights.
    for (std::size_t p = 0; p < values.size(); ++p) EXPECT_TRUE(values[p] >= 1200 && values[p] <= 1200 + 96 * 3) << value << " at " << p;
    const auto outside = ExogenousReader({entry}, {"EPSG:32631", 299900, 4900020, 10, 10, 10, 10}).read({0, 0, 10, 10});
    EXPECT_TRUE(std::ranges::all_of(outside, [](float v) { return std::isnan(v); })) << value;
  };
  for (const double fill : {-9999.0, -32768.0, -99999.0, 65535.0})
    look(with_fill<float>("dem", fill, height), std::to_string(static_cast<int>(fill)));
  look(with_fill<float>("dem", -3.4028234663852886e38, height), "-3.402823466e+38");
  look(with_fill<std::int16_t>("dem", -32768, height), "-32768");
  look(with_fill<std::int32_t>("dem", -2147483648.0, height), "-2147483648");
  EXPECT_THAT(notes_of_exogenous({with_fill<float>("dem", 1300, height)}), ElementsAre());  // a height as any other
}

TEST(Exogenous, BytesOf255BeyondTheOthersAreMissingAndCategoriesAreCodes) {
  auto entry = with_fill<std::uint8_t>("soil", 255, [](int n) { return 1.0 + n % 5; });
  EXPECT_THAT(notes_of_exogenous({entry}), ElementsAre(HasSubstr("soil: 255 stands for a missing value (120 of 1200 px")));
  entry.kind = "category";
  EXPECT_THAT(notes_of_exogenous({entry}), ElementsAre());
  EXPECT_THAT(notes_of_exogenous({with_fill<std::uint8_t>("shade", 255, [](int n) { return static_cast<double>(n % 254); })}),
              ElementsAre());
  EXPECT_THAT(notes_of_exogenous({with_fill<std::uint8_t>("soil", 99, [](int n) { return 1.0 + n % 12; })}), ElementsAre());  // a class
}

TEST(Exogenous, ANumberThatMayBeAFillIsRefusedUntilTold) {
  auto entry = with_fill<std::int32_t>("flux", -9999, [](int n) { return n % 400 * 100.0 - 20000; });
  const Grid west{"EPSG:32631", 299900, 4900020, 10, 10, 5, 5}, east{"EPSG:32631", 300100, 4900020, 10, 10, 5, 5};
  const std::string refusal = testing::message_of([&] { ExogenousReader({entry}, west); });
  EXPECT_EQ(testing::message_of([&] { ExogenousReader({entry}, east); }), "no error") << "the number is elsewhere";
  EXPECT_THAT(
      refusal,
      HasSubstr("flux.tif: exogenous input flux: -9999 stands in 120 of 1200 px looked at, whose other numbers are -20000 to 19900"));
  EXPECT_THAT(refusal, HasSubstr("(nodata = [\"-9999\"] in its [[exogenous]]"));
  entry.nodata = {"none"};
  EXPECT_EQ(ExogenousReader({entry}, west).read({1, 1, 1, 1})[0], -9999);
  entry.nodata = {"-9999"};
  EXPECT_TRUE(std::isnan(ExogenousReader({entry}, west).read({1, 1, 1, 1})[0]));
  entry.nodata = {"nine"};
  EXPECT_THAT(testing::message_of([&] { ExogenousReader({entry}, west); }), HasSubstr("nodata: expected numbers, or none, got \"nine\""));
  EXPECT_THAT(entry.identity(), HasSubstr("nodata nine"));
}

TEST(Exogenous, ANumberAroundTheOthersIsMissing) {
  const auto temperature = [](int n) { return 10.5 + n % 40 * 0.1; };
  const auto framed = with_fill<float>("t", 0, temperature);  // three ranges below the others, along one edge
  EXPECT_THAT(notes_of_exogenous({framed}), ElementsAre(HasSubstr("t: 0 stands for a missing value (120 of 1200 px looked at)")));
  const auto values = ExogenousReader({framed}, {"EPSG:32631", 299900, 4900020, 10, 10, 12, 2}).read({0, 0, 12, 1});
  for (std::size_t p = 0; p < 10; ++p) EXPECT_TRUE(std::isnan(values[p])) << p;
  for (std::size_t p = 10; p < 12; ++p) EXPECT_GE(values[p], 10.5F) << p;  // no zero is interpolated
  // A lake in the middle is no frame.
  const auto lake = with_fill<float>("t", 0, [&](int n) { return n == 500 ? 0 : temperature(n); });
  EXPECT_THAT(testing::message_of([&] { ExogenousReader({lake}, kTile); }), HasSubstr("t: 0 stands in 121 of 1200 px looked at"));
}

// Two variables in one file are two inputs; work that was done with one is not that of the other.
TEST(Exogenous, AVariableIsPartOfWhatAnInputIs) {
  const auto identity = [](const std::string& path) { return ExogenousOptions{"t", path}.identity(); };
  EXPECT_NE(identity("NETCDF:\"/data/clim.nc\":t2m"), identity("NETCDF:\"/data/clim.nc\":tp"));
  EXPECT_NE(identity("/vsizip//data/clim.zip/a.tif"), identity("/vsizip//data/clim.zip/b.tif"));
  EXPECT_EQ(identity("NETCDF:\"/data/clim.nc\":t2m"), identity("NETCDF:\"/moved/clim.nc\":t2m"));
  EXPECT_EQ(identity("/data/clim.tif"), "t");
}

TEST(Exogenous, AVariableOfANetCdfFileIsNamedAsGdalNamesIt) {
  GDALAllRegister();
  if (!GDALGetDriverByName("netCDF")) GTEST_SKIP() << "this GDAL has no driver for NetCDF";
  MadeRaster made(2, GDT_Float32, {}, {"EPSG:4326", 0.4, 44.4, 0.1, 0.1, 6, 4});
  made.write(GDALGetRasterBand(made.file, 1), [](int, int) { return 1.5; });
  made.write(GDALGetRasterBand(made.file, 2), [](int, int) { return 2.5; });
  made.close();
  const std::string path = testing::temp_dir() + "/climate.nc";
  GDALDatasetH source = GDALOpen(made.path.c_str(), GA_ReadOnly);
  GDALClose(GDALCreateCopy(GDALGetDriverByName("netCDF"), path.c_str(), source, FALSE, nullptr, nullptr, nullptr));
  GDALClose(source);
  EXPECT_THAT(testing::message_of([&] {
                exogenous_names({{"t", path}});
              }),
              ::testing::AllOf(HasSubstr("name the one to use"), HasSubstr("NETCDF:\"" + path + "\":Band1"), HasSubstr("Band2")));
  const std::string variable = "NETCDF:\"" + path + "\":Band2";
  EXPECT_THAT(exogenous_names({{"t", variable}}), ElementsAre("t"));
  EXPECT_THAT(files_of_exogenous({{"t", variable}}), ElementsAre(path));
  EXPECT_THAT(ExogenousReader({{"t", variable}}, kTile).read({30, 20, 1, 1}), ElementsAre(2.5F));
}

TEST(Exogenous, LongitudesMayBeCountedFromZeroAndTheTileMayLieAcrossThe180thMeridian) {
  const auto longitude = [](double x, double) { return static_cast<float>(x < 0 ? x + 360 : x); };
  const Grid west_of_greenwich{"EPSG:32630", 500000, 4900020, 10, 10, 20, 20};  // 3 degrees west
  const auto from_zero = raster<float>("from_zero", {"EPSG:4326", 350, 50, 0.5, 0.5, 20, 20}, longitude);
  EXPECT_NEAR(ExogenousReader({from_zero}, west_of_greenwich).read({0, 0, 1, 1})[0], 357, 0.01);

  const Point line = CoordinateTransform("EPSG:4326", "EPSG:32760")(Point{180, -17});
  const Grid across{"EPSG:32760", std::round(line.x) - 20000, std::round(line.y) + 20000, 10, 10, 4000, 4000};
  const auto whole = raster<float>("whole", {"EPSG:4326", 170, -10, 0.5, 0.5, 40, 40}, longitude);
  const ExogenousReader reader({whole}, across);
  const CoordinateTransform exact("EPSG:32760", "EPSG:4326");
  for (const int col : {0, 1990, 2000, 2010, 3999}) {
    const Point centre = exact(across.centre(col, 2000));
    EXPECT_NEAR(reader.read({col, 2000, 1, 1})[0], centre.x < 0 ? centre.x + 360 : centre.x, 0.001) << col;
  }
}

TEST(Exogenous, NamesFollowBandsAndMayNotRepeat) {
  const Grid grid{"EPSG:32631", 300000, 4900020, 40, 40, 2, 2};
  const std::string path = testing::temp_dir() + "/two.tif";
  RasterWriter writer(path, grid, PixelType::f32, 2, {});
  const std::vector<float> first{1, 2, 3, 4}, second{5, 6, 7, 8};
  writer.write(grid.whole(), 0, first.data());
  writer.write(grid.whole(), 1, second.data());
  writer.commit();
  EXPECT_THAT(exogenous_names({{"climate", path}}), ElementsAre("climate_1", "climate_2"));
  EXPECT_THAT(ExogenousReader({{"climate", path}}, kTile).read({0, 0, 1, 1}), ElementsAre(1, 5));
  try {
    exogenous_names({{"climate", path}, {"climate", path}});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("two inputs are called climate_1"));
  }
  EXPECT_TRUE(ExogenousReader({}, kTile).read(kTile.whole()).empty());
}

// Polygons of a field: parcels of a register, side by side and one over another.
std::string parcels(const std::vector<std::pair<Window, std::string>>& list) {
  const std::string file = testing::temp_dir() + "/parcels.gpkg";
  std::filesystem::remove(file);
  std::vector<OutputFeature> features;
  for (const auto& [window, code] : list) {
    const double left = kTile.x(window.col), right = kTile.x(window.col + window.width), top = kTile.y(window.row),
                 bottom = kTile.y(window.row + window.height);
    features.push_back({{{{{{left, top}, {right, top}, {right, bottom}, {left, bottom}, {left, top}}}}}, {code}});
  }
  write_polygons(file, "parcels", kTile.crs, {"CROP"}, features);
  return file;
}

TEST(Exogenous, PolygonsGiveTheValueOfAField) {
  const std::string file = parcels({{{0, 0, 10, 10}, "4"}, {{10, 0, 10, 10}, "-17"}, {{15, 5, 10, 10}, "2"}, {{30, 0, 2, 2}, ""}});
  const ExogenousReader numbers({{.name = "yield", .path = file, .field = "CROP"}}, kTile);
  const auto all = numbers.read(kTile.whole());
  const auto at = [&](int col, int row) { return all[static_cast<std::size_t>(row * kTile.cols + col)]; };
  EXPECT_EQ(at(9, 9), 4);
  EXPECT_EQ(at(10, 9), -17);
  EXPECT_EQ(at(15, 5), 2);  // the last
  for (const auto& [col, row] : {std::pair(25, 0), {0, 10}, {30, 1}}) EXPECT_TRUE(std::isnan(at(col, row))) << col << ", " << row;
  const Window part{8, 3, 20, 7};
  const auto values = numbers.read(part);
  for (int row = 0; row < part.height; ++row)
    for (int col = 0; col < part.width; ++col) {
      const float value = values[static_cast<std::size_t>(row * part.width + col)], expected = at(part.col + col, part.row + row);
      EXPECT_TRUE(value == expected || (std::isnan(value) && std::isnan(expected)));
    }
}

// An embedding as it is given away: 64 bands of signed bytes, the bands of a pixel together, with scale and offset, -128 for no data, in
// the zone and grid of its own.
std::string embedding(bool declared, double scale = 1, double offset = 0) {
#if GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(3, 7, 0)
  MadeRaster made(64, GDT_Int8, {"INTERLEAVE=PIXEL", "COMPRESS=DEFLATE"}, {"EPSG:32631", 299995, 4900025, 10, 10, 62, 42});
#else
  MadeRaster made(64, GDT_Byte, {"PIXELTYPE=SIGNEDBYTE", "INTERLEAVE=PIXEL", "COMPRESS=DEFLATE"},
                  {"EPSG:32631", 299995, 4900025, 10, 10, 62, 42});
#endif
  for (int number = 1; number <= 64; ++number) {
    GDALRasterBandH band = GDALGetRasterBand(made.file, number);
    if (declared) GDALSetRasterNoDataValue(band, -128);
    if (scale != 1) GDALSetRasterScale(band, scale), GDALSetRasterOffset(band, offset);
    std::vector<float> values;
    for (int row = 0; row < 42; ++row)
      for (int col = 0; col < 62; ++col)
        values.push_back(row > 30 ? -128.0F : static_cast<float>((number * 37 + 2 * col) % 2 == 0 ? -127 + 2 * col : 2 * col));
#if GDAL_VERSION_NUM < GDAL_COMPUTE_VERSION(3, 7, 0)
    for (float& value : values) value += value < 0 ? 256 : 0;  // as bytes
#endif
    EXPECT_EQ(GDALRasterIO(band, GF_Write, 0, 0, 62, 42, values.data(), 62, 42, GDT_Float32, 0, 0), CE_None);
  }
  made.close();
  return made.path;
}

TEST(Exogenous, EmbeddingsOfSignedBytesAreInterpolatedNumbers) {
  for (const bool declared : {true, false}) {
    ExogenousOptions entry{"embedding", embedding(declared)};
    if (!declared) entry.nodata = {"-128"};
    const auto names = exogenous_names({entry});
    ASSERT_EQ(names.size(), 64u);
    EXPECT_EQ(names.front(), "embedding_1");
    EXPECT_EQ(names.back(), "embedding_64");
    EXPECT_TRUE(notes_of_exogenous({entry}).empty());
    const auto values = ExogenousReader({entry}, kTile).read({0, 20, 60, 12});
    for (int row = 0; row < 12; ++row)
      for (int col = 0; col < 60; ++col)
        for (int band = 0; band < 64; ++band) {
          const float value = values[static_cast<std::size_t>((row * 60 + col) * 64 + band)];
          const auto expected = static_cast<float>((band % 2 == 0 ? 0 : -127) + 2 * col + 1);  // between columns col and col + 1
          if (row >= 10)
            ASSERT_TRUE(std::isnan(value)) << "no data, col " << col << " row " << row;
          else
            ASSERT_EQ(value, expected) << "band " << band << " col " << col << " row " << row;
        }
  }
  const auto scaled = ExogenousReader({{"embedding", embedding(true, 0.5, 3)}}, kTile).read({10, 0, 1, 1});
  EXPECT_EQ(scaled[0], 0.5F * 21 + 3);
  EXPECT_EQ(scaled[1], 0.5F * (-127 + 21) + 3);
}

TEST(Exogenous, BytesWithAScaleAreNumbers) {
  MadeRaster made(1, GDT_Byte);
  GDALRasterBandH band = GDALGetRasterBand(made.file, 1);
  GDALSetRasterScale(band, 0.25), GDALSetRasterOffset(band, -10);
  made.write(band, [](int col, int) { return 40.0 * col; });
  made.close();
  const auto values = ExogenousReader({{"t", made.path}}, kTile).read({0, 5, 60, 1});
  EXPECT_EQ(values[10], 0.25F * 22 - 10);  // 55 m east of the middle of the first pixel of 100 m
}

TEST(Exogenous, CategoriesAreCodes) {
  const std::string file = parcels({{{0, 0, 10, 10}, "4"}, {{10, 0, 10, 10}, "BTH"}, {{20, 0, 10, 10}, "MIS"}, {{30, 0, 10, 10}, "BTH"}});
  const ExogenousOptions crop{.name = "crop", .path = file, .field = "CROP", .kind = "category"};
  EXPECT_THAT(exogenous_names({crop}), ElementsAre("crop:category"));
  const auto values = ExogenousReader({crop}, kTile).read({0, 0, 40, 1});
  EXPECT_EQ(values[0], 4);
  EXPECT_GE(values[10], 8388608);
  EXPECT_EQ(values[10], std::floor(values[10]));
  EXPECT_EQ(values[10], values[30]);
  EXPECT_NE(values[10], values[20]);
  EXPECT_THAT(testing::message_of([&] { ExogenousReader({{.name = "crop", .path = file, .field = "CROP"}}, kTile); }),
              HasSubstr("CROP: expected a number, got \"BTH\"; set kind = \"category\""));
  EXPECT_THAT(testing::message_of([&] { ExogenousReader({{.name = "crop", .path = file, .field = "KROP"}}, kTile); }), HasSubstr("KROP"));
  // Habitats: 91E0 is no number, and another category than 91.
  const std::string habitats = parcels({{{0, 0, 10, 10}, "91E0"}, {{10, 0, 10, 10}, "91"}, {{20, 0, 10, 10}, "91D0"}});
  const auto habitat =
      ExogenousReader({{.name = "habitat", .path = habitats, .field = "CROP", .kind = "category"}}, kTile).read({0, 0, 30, 1});
  EXPECT_EQ(habitat[10], 91);
  EXPECT_GE(habitat[0], 8388608);
  EXPECT_NE(habitat[0], habitat[20]);
  // A raster of categories is not interpolated, whatever its type.
  const Grid coarse{"EPSG:32631", 300000, 4900020, 40, 40, 15, 10};
  ExogenousOptions codes = raster<float>("codes", coarse, [](double x, double) { return x < 300300 ? 3.0F : 900.0F; });
  codes.kind = "category";
  for (const float value : ExogenousReader({codes}, kTile).read(kTile.whole())) EXPECT_TRUE(value == 3 || value == 900) << value;
  // Beyond what a float holds exactly, neighbours would be one; the declared no-data value is none.
  const auto far_codes = [&](int code) {
    ExogenousOptions far = raster<std::int32_t>(
        "far", coarse, [=](double x, double) { return x < 300300 ? code : 2147483647; }, 2147483647);
    far.kind = "category";
    return far;
  };
  const auto known = ExogenousReader({far_codes((1 << 24) - 1)}, kTile).read(kTile.whole());
  EXPECT_EQ(known.front(), (1 << 24) - 1);
  EXPECT_TRUE(std::isnan(known.back()));
  EXPECT_THAT(testing::message_of([&] { ExogenousReader({far_codes((1 << 24) + 1)}, kTile).read(kTile.whole()); }),
              HasSubstr("far.tif: expected codes of categories from -16777215 to 16777215, got 16777216"));
}

}  // namespace
}  // namespace millesime
