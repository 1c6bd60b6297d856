// The same world in the layouts of other sensors and programs.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/simulate/simulate.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

void simulate_layouts(const std::string& folder, const SimulateOptions& options) {
  testing::SilentProgress progress;
  Context context;
  context.threads = 2;
  context.progress = &progress;
  simulate(options, folder, context);
}

const std::string& world() {
  static const std::string folder = [] {
    const std::string path = testing::temp_dir() + "/layouts";
    SimulateOptions options;
    options.tiles = 1, options.size = 64, options.dates = 8, options.cloud_share = 0.2;
    options.sensors = {"sentinel2_theia", "sentinel2_l3a", "sentinel2_sen2cor", "landsat_c2", "sentinel1_s1tiling", "temperature_daily"};
    simulate_layouts(path, options);
    return path;
  }();
  return folder;
}

// Every file below a folder of the world, by name; a name occurs once.
std::map<std::string, std::string> files_below(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(world() + "/" + folder))
    if (entry.is_regular_file()) files[entry.path().filename().string()] = entry.path().string();
  return files;
}

// The only file whose path has all these parts.
std::string file_with(const std::string& folder, const std::vector<std::string>& parts) {
  std::string found;
  for (const auto& file : files_below(folder)) {
    const std::string& path = file.second;
    if (!std::ranges::all_of(parts, [&](const std::string& part) { return path.find(part) != std::string::npos; })) continue;
    EXPECT_EQ(found, "") << path;
    found = path;
  }
  EXPECT_NE(found, "") << ::testing::PrintToString(parts);
  return found;
}

TEST(Layouts, SafeHasTheReflectanceOfTheia) {
  int offsets = 0, products = 0;
  for (const auto& entry : fs::directory_iterator(world() + "/safe/T31TCJ")) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".SAFE")) continue;  // one is zipped
    const std::string metadata = read_text(entry.path().string() + "/MTD_MSIL2A.xml");
    const bool later = name.find("_N0400_") != std::string::npos;
    EXPECT_EQ(metadata.find("<BOA_ADD_OFFSET band_id=\"12\">-1000<") != std::string::npos, later) << name;
    EXPECT_THAT(metadata, HasSubstr("<PRODUCT_URI>" + name));
    if (name.find("_N0214_") != std::string::npos) continue;  // an old version
    const std::string date = name.substr(11, 8), orbit = name.substr(33, 4);
    // Divided and newer products of THEIA have other names; compare the others.
    std::vector<std::string> theia;
    for (const auto& [file, path] : files_below("l2a"))
      if (file.find("_" + date + "-" + name.substr(20, 6)) != std::string::npos && file.ends_with("_FRE_B8A.tif")) theia.push_back(path);
    if (theia.size() != 1) continue;
    ++products, offsets += later;
    const auto expected = RasterReader(theia.front()).read_all<std::int16_t>();
    const auto found = RasterReader(file_with("safe/T31TCJ/" + name, {"_B8A_20m.jp2"})).read_all<std::uint16_t>();
    EXPECT_EQ(found.grid, expected.grid);
    const auto scene = RasterReader(file_with("safe/T31TCJ/" + name, {"_SCL_20m.jp2"})).read_all<std::uint8_t>();
    for (std::size_t i = 0; i < expected.samples.size(); ++i) {
      if (expected.samples[i] == -10000) continue;  // THEIA divides a pass that ESA does not
      ASSERT_EQ(found.samples[i], expected.samples[i] + (later ? 1000 : 0)) << name << " " << i;
      ASSERT_NE(scene.samples[i], 0);
    }
  }
  EXPECT_GE(products, 3);
  EXPECT_GE(offsets, 1);
}

TEST(Layouts, SynthesesAreTwelveWithFewClouds) {
  int months = 0;
  double clouds = 0;
  for (const auto& [name, path] : files_below("l3a")) {
    if (!name.ends_with("_FLG_R1.tif")) continue;
    ++months;
    for (const std::uint8_t flag : RasterReader(path).read_all<std::uint8_t>().samples) {
      ASSERT_TRUE(flag == 1 || flag == 4);
      clouds += flag == 1;
    }
  }
  EXPECT_EQ(months, 12);
  EXPECT_LT(clouds / (12.0 * 64 * 64), 0.25);
  EXPECT_NE(file_with("l3a", {"SENTINEL2X_20210615-000000-000_L3A_T31TCJ_C_V1-0_FRC_B12.tif"}), "");
}

// The number of clear pixels of a scene, with reflectance and temperature in the range that they can have.
int clear_pixels(const std::string& path) {
  const std::string stem = path.substr(0, path.size() - std::string("SR_B5.TIF").size());
  const auto nir = RasterReader(path).read_all<std::uint16_t>();
  const auto quality = RasterReader(stem + "QA_PIXEL.TIF").read_all<std::uint16_t>();
  const auto thermal = RasterReader(stem + "ST_B10.TIF").read_all<std::uint16_t>();
  int clear = 0;
  for (std::size_t i = 0; i < nir.samples.size(); ++i) {
    const double reflectance = nir.samples[i] * 2.75e-5 - 0.2, celsius = thermal.samples[i] * 0.00341802 + 149 - 273.15;
    EXPECT_EQ(quality.samples[i] & 1, nir.samples[i] == 0);
    if (quality.samples[i] != 21824) continue;  // clear
    ++clear;
    EXPECT_GT(reflectance, 0.0);
    EXPECT_LT(reflectance, 0.9);
    EXPECT_GT(celsius, -20);
    EXPECT_LT(celsius, 45);
  }
  return clear;
}

TEST(Layouts, LandsatHasTheUnitsOfCollection2) {
  std::map<std::string, std::string> rows;
  for (const auto& [name, path] : files_below("landsat"))
    if (name.ends_with("_SR_B5.TIF")) rows[name] = path;
  ASSERT_EQ(rows.size(), 32u);  // two paths, two rows, eight days
  const RasterReader reader(rows.begin()->second);
  EXPECT_EQ(reader.grid().crs, "EPSG:32631");
  EXPECT_EQ(std::fmod(reader.grid().x0, 30), 15);
  int clear = 0;
  for (const auto& [name, path] : rows) clear += clear_pixels(path);
  EXPECT_GT(clear, 1000);
}

TEST(Layouts, RadarIsPowerWithForestsAboveFieldsAndWater) {
  const auto truth = RasterReader(world() + "/truth/T31TCJ.tif").read_all<std::uint8_t>();
  const auto vh = RasterReader(file_with("s1", {"s1a_31TCJ_vh_DES_110_", "0103t060012"})).read_all<float>();
  std::map<int, std::pair<double, int>> mean;
  for (std::size_t i = 0; i < truth.samples.size(); ++i) mean[truth.samples[i]].first += vh.samples[i], ++mean[truth.samples[i]].second;
  const auto decibel = [&](int code) { return 10 * std::log10(mean.at(code).first / mean.at(code).second); };
  EXPECT_NEAR(decibel(16), -15, 2);
  EXPECT_NEAR(decibel(23), -27, 3);
  const auto ascending = RasterReader(file_with("s1", {"s1a_31TCJ_vv_ASC_030_", "0105t174512"})).read_all<float>();
  EXPECT_GT(std::ranges::count(ascending.samples, 0.0f), 64 * 64 / 4);  // no image
}

TEST(Layouts, EveryDayHasATemperature) {
  const auto files = files_below("temperature");
  ASSERT_EQ(files.size(), 365u);
  EXPECT_LT(RasterReader(files.at("temperature_20210120.tif")).read_all<float>().samples.front() + 5,
            RasterReader(files.at("temperature_20210720.tif")).read_all<float>().samples.front());
}

TEST(Layouts, AnUnknownSensorIsRefusedBeforeAnythingIsWritten) {
  SimulateOptions options;
  options.sensors = {"sentinel3"};
  const std::string folder = testing::temp_dir() + "/unknown";
  try {
    simulate_layouts(folder, options);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(
        error.what(),
        HasSubstr("sentinel2_theia, sentinel2_l3a, sentinel2_sen2cor, landsat_c2, sentinel1_s1tiling, temperature_daily, got sentinel3"));
  }
  EXPECT_FALSE(fs::exists(folder));
}

}  // namespace
}  // namespace millesime
