#include "pipeline/imagery/exogenous.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/error.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/raster_file.h"
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

}  // namespace
}  // namespace millesime
