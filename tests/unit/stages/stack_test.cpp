#include "pipeline/stages/stack.h"
#include "pipeline/stages/config.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <random>

#include <gdal_priv.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/io/raster_file.h"
#include "tests/support/image_file.h"
#include "tests/support/muscate_product.h"
#include "tests/support/silent_context.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {
namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MuscateProduct;
using testing::SilentContext;
using testing::temp_dir;
using testing::write_product;

// Three dates of 300 x 280 pixels: constant in space except for one column, cloudy in parts.
Config make_config(const std::string& root, int block = 256) {
  int level = 1000;
  for (const char* date : {"20180501", "20180511", "20180531"}) {
    MuscateProduct product;
    product.date = date;
    product.grid.cols = 300;
    product.grid.rows = 280;
    product.block = block;
    product.bands = {"B4", "B8", "B11"};
    product.value = [level](const std::string& band, int, int) { return static_cast<std::int16_t>(band == "B8" ? 3 * level : level); };
    product.mask = [level](const std::string& mask, int col, int row) {
      return static_cast<std::uint8_t>(mask == "CLM" && ((level == 2000 && col < 100) || (row == 279)));
    };
    write_product(root + "/l2a", product);
    level += 1000;
  }
  Config config;
  config.year = 2018;
  config.output = root + "/out";
  config.sources.front().root = root + "/l2a";
  config.sources.front().bands = {"B4", "B8", "B11"};
  return config;
}

template <class T>
std::vector<T> read_array(const std::string& cube, const std::string& name, std::vector<GUInt64> start, std::vector<size_t> count,
                          GDALDataType type) {
  GDALAllRegister();
  const std::unique_ptr<GDALDataset> dataset(GDALDataset::Open(cube.c_str(), GDAL_OF_MULTIDIM_RASTER));
  if (!dataset) throw std::runtime_error(cube + ": GDAL does not open it");
  const auto array = dataset->GetRootGroup()->OpenMDArray(name);
  std::size_t size = 1;
  for (const size_t n : count) size *= n;
  std::vector<T> values(size);
  if (!array->Read(start.data(), count.data(), nullptr, nullptr, GDALExtendedDataType::Create(type), values.data()))
    throw std::runtime_error(name + ": GDAL does not read it");
  return values;
}

TEST(Stack, ZarrHoldsTheSeriesAndGdalOpensIt) {
  const Config config = make_config(temp_dir());
  SilentContext silent;
  const auto report = stack(config, {}, silent.context);
  const std::string cube = report["T31TCJ"]["files"][0];
  EXPECT_EQ(cube, config.output + "/2018/cubes/T31TCJ.zarr");

  GDALAllRegister();
  const std::unique_ptr<GDALDataset> dataset(GDALDataset::Open(cube.c_str(), GDAL_OF_MULTIDIM_RASTER));
  ASSERT_NE(dataset, nullptr);
  const auto band = dataset->GetRootGroup()->OpenMDArray("B8");
  ASSERT_NE(band, nullptr);
  ASSERT_EQ(band->GetDimensionCount(), 3u);
  EXPECT_EQ(band->GetDimensions()[0]->GetName(), "time");
  EXPECT_EQ(band->GetDimensions()[0]->GetSize(), 3u);
  EXPECT_EQ(band->GetDimensions()[1]->GetSize(), 280u);
  ASSERT_NE(band->GetSpatialRef(), nullptr);
  EXPECT_STREQ(band->GetSpatialRef()->GetAuthorityCode(nullptr), "32631");

  EXPECT_EQ(read_array<int>(cube, "time", {0}, {3}, GDT_Int32), (std::vector<int>{17652, 17662, 17682}));
  EXPECT_EQ(read_array<double>(cube, "x", {299}, {1}, GDT_Float64)[0], 300000 + 2995);
  EXPECT_EQ(read_array<double>(cube, "y", {0}, {1}, GDT_Float64)[0], 4900020 - 5);
  EXPECT_EQ(read_array<std::int16_t>(cube, "B8", {0, 270, 290}, {3, 1, 1}, GDT_Int16), (std::vector<std::int16_t>{3000, 6000, 9000}));
  EXPECT_EQ(read_array<std::int16_t>(cube, "B11", {1, 255, 255}, {1, 2, 2}, GDT_Int16), (std::vector<std::int16_t>(4, 2000)));
  EXPECT_EQ(read_array<std::uint8_t>(cube, "validity", {0, 5, 99}, {3, 1, 2}, GDT_Byte), (std::vector<std::uint8_t>{1, 1, 0, 1, 1, 1}));
}

TEST(Stack, FeaturesAreGapFilledOnTheTimeGridWithIndices) {
  Config config = make_config(temp_dir());
  config.time.step_days = 10;
  StackOptions options;
  options.features = true;
  options.indices = {"NDVI", "Brightness"};
  SilentContext silent;
  const std::string cube = stack(config, options, silent.context)["T31TCJ"]["files"][0];
  EXPECT_EQ(read_array<int>(cube, "time", {0}, {4}, GDT_Int32), (std::vector<int>{17652, 17662, 17672, 17682}));
  // Valid at 1000, 2000 and 3000; the second is cloudy west of column 100.
  EXPECT_EQ(read_array<std::int16_t>(cube, "B4", {0, 10, 200}, {4, 1, 1}, GDT_Int16), (std::vector<std::int16_t>{1000, 2000, 2500, 3000}));
  EXPECT_EQ(read_array<std::int16_t>(cube, "B4", {0, 10, 50}, {4, 1, 1}, GDT_Int16), (std::vector<std::int16_t>{1000, 1667, 2333, 3000}));
  EXPECT_EQ(read_array<std::int16_t>(cube, "NDVI", {0, 10, 200}, {4, 1, 1}, GDT_Int16), (std::vector<std::int16_t>(4, 500)));
  EXPECT_EQ(read_array<std::int16_t>(cube, "Brightness", {0, 10, 200}, {1, 1, 1}, GDT_Int16)[0], 3317);  // sqrt(1 + 9 + 1) * 1000
  EXPECT_EQ(read_array<std::int16_t>(cube, "B4", {0, 279, 200}, {1, 1, 1}, GDT_Int16)[0], -10000);       // never valid
  EXPECT_EQ(read_array<std::int16_t>(cube, "NDVI", {0, 279, 200}, {1, 1, 1}, GDT_Int16)[0], -10000);
}

// Radar sees through clouds: on its own dates, unfilled, with the ratio of its bands in decibel.
TEST(Stack, RadarHasItsRatioAndIsNotFilled) {
  const std::string root = temp_dir();
  Config config = make_config(root);
  config.sources.push_back({.name = "asc", .sensor = "sentinel1_s1tiling", .root = root + "/s1", .bands = {"VV", "VH"}, .variant = "ASC"});
  const Grid grid{"EPSG:32631", 300000, 4900020, 10, 10, 300, 280};
  for (const char* day : {"20180503", "20180515"})
    for (const auto& [band, power] : {std::pair<std::string, double>{"vv", 0.1}, {"vh", 0.01}})
      testing::write_image(
          root + "/s1/31TCJ/s1a_31TCJ_" + band + "_ASC_030_" + day + "t174000.tif",
          {.grid = grid, .type = "Float32", .number = [backscatter = power](int, int col, int) { return col == 7 ? 0 : backscatter; }});
  StackOptions options;
  options.features = true;
  SilentContext silent;
  const auto report = stack(config, options, silent.context)["T31TCJ"]["sources"]["asc"];
  EXPECT_EQ(report["dates"], 2);
  const std::string cube = report["files"][0];
  EXPECT_EQ(read_array<std::int16_t>(cube, "VV", {0, 3, 9}, {2, 1, 1}, GDT_Int16), (std::vector<std::int16_t>(2, -1000)));
  EXPECT_EQ(read_array<std::int16_t>(cube, "VH_VV", {0, 3, 9}, {2, 1, 1}, GDT_Int16), (std::vector<std::int16_t>(2, -1000)));
  EXPECT_EQ(read_array<std::int16_t>(cube, "VH_VV", {1, 3, 6}, {1, 1, 2}, GDT_Int16), (std::vector<std::int16_t>{-1000, -10000}));
}

// A cube in chunks is written in windows of whole chunks, other files in windows that follow the blocks of the images.
TEST(Stack, SaysWhereBlocksAreDecompressedTwice) {
  const Config config = make_config(temp_dir(), 64);
  for (const char* format : {"zarr", "cog"}) {
    SilentContext silent;
    testing::SilentProgress progress;
    silent.context.progress = &progress;
    silent.context.memory_bytes = 30'000'000;  // for one chunk
    StackOptions options;
    options.format = format;
    stack(config, options, silent.context);
    if (std::string(format) == "zarr")
      EXPECT_THAT(progress.notes, ElementsAre(HasSubstr("were decompressed twice")));
    else
      EXPECT_THAT(progress.notes, IsEmpty());
  }
}

TEST(Stack, CogHasOneFileAVariableAndOneBandADate) {
  const Config config = make_config(temp_dir());
  StackOptions options;
  options.format = "cog";
  SilentContext silent;
  const auto files = stack(config, options, silent.context)["T31TCJ"]["files"];
  EXPECT_EQ(files.size(), 4u);
  const RasterReader reader(config.output + "/2018/cubes/T31TCJ_B8.tif");
  EXPECT_EQ(reader.info().bands, 3);
  EXPECT_EQ(reader.info().nodata, -10000);
  EXPECT_TRUE(reader.info().each.front().has_scale);
  EXPECT_DOUBLE_EQ(reader.info().each.front().scale, 1e-4);
  EXPECT_EQ(reader.read_all<std::int16_t>(2).at(299, 100), 9000);
  EXPECT_EQ(RasterReader(config.output + "/2018/cubes/T31TCJ_validity.tif").read_all<std::uint8_t>(1).at(99, 5), 0);
  for (const auto& entry : fs::directory_iterator(config.output + "/2018/cubes"))
    EXPECT_FALSE(entry.path().filename().string().starts_with(".")) << entry.path();
}

TEST(Stack, DoesNotDependOnMemoryAndReplacesAnOlderCube) {
  const Config config = make_config(temp_dir());
  SilentContext large, small;
  small.context.memory_bytes = 1 << 20;
  StackOptions options;
  const std::string first = stack(config, options, large.context)["T31TCJ"]["files"][0];
  options.output = config.output + "/again";
  const std::string second = stack(config, options, small.context)["T31TCJ"]["files"][0];
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(first)) {
    if (!entry.is_regular_file()) continue;
    ++files;
    EXPECT_TRUE(read_text(entry.path()) == read_text(second + entry.path().string().substr(first.size()))) << entry.path();
  }
  EXPECT_GT(files, 20);
  write_text(second + "/old", "of an older cube");
  stack(config, options, small.context);
  EXPECT_FALSE(fs::exists(second + "/old"));
  EXPECT_EQ(std::distance(fs::directory_iterator(options.output), fs::directory_iterator()), 1);
}

TEST(Stack, TellsBeforeTheWorkWhatItCannotDo) {
  Config config = make_config(temp_dir());
  SilentContext silent;
  StackOptions options;
  options.features = true;
  options.indices = {"NDVII"};
  try {
    stack(config, options, silent.context);
    FAIL() << "expected a UserError";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("NDVI"));
  }
  EXPECT_FALSE(fs::exists(config.output));
}

}  // namespace
}  // namespace millesime
