// The whole chain on real Sentinel-2 images, with nomenclatures and configurations of their own. Skipped where the data are absent.

#include <algorithm>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "pipeline/core/atomic_file.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/vector_file.h"
#include "tests/support/muscate_product.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using testing::run_program;

// Slovenia: 5 dates of 2015, two of them wholly cloudy; polygons with class names. Pixels of 9.9948 x 9.9974 m, 101 rows.
TEST(RealData, SloveniaFromClassNames) {
  const std::string data = testing::real_data("eolearn_s2_slovenia");
  if (data.empty()) GTEST_SKIP() << "the real data are absent: set MILLESIME_REAL_DATA to the folder that holds eolearn_s2_slovenia";
  const std::string folder = testing::temp_dir();
  write_text(folder + "/slovenia.toml",
             "year = 2015\nnomenclature = \"" + testing::source_folder() +
                 "/configs/nomenclatures/lulc_slovenia.toml\"\noutput = \"out\"\n" + "[[source]]\nsensor = \"sentinel2_theia\"\nroot = \"" +
                 data + "/derived_muscate_L1C_pixels\"\n[reference]\npath = \"" + data +
                 "/LULC.gpkg\"\nclass_field = \"LULC_NAME\"\n[model]\nname = \"random_forest\"\n[mosaic]\ncrs = \"EPSG:32633\"\n");
  const auto result = run_program({"run", folder + "/slovenia.toml", "--quiet"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto accuracy = nlohmann::json::parse(read_text(folder + "/out/2015/accuracy.json"));
  // Three quarters of the patch are forest: this class alone would reach about 0.75.
  EXPECT_GT(accuracy.at("final_map").at("overall_accuracy").get<double>(), 0.8);
  const RasterReader map(folder + "/out/2015/OCS_2015.tif"), validity(folder + "/out/2015/OCS_2015_validity.tif");
  EXPECT_EQ(map.grid().crs, "EPSG:32633");
  EXPECT_EQ(std::ranges::max(validity.read_all<std::uint8_t>().samples), 3);
}

// Northern France: 12 monthly composites of nine bands, two of them without any data. The reference is made here, from the images:
// what was green in spring but not in summer, and what was not.
TEST(RealData, FranceWithNineBandsAndEmptyDates) {
  const std::string data = testing::real_data("worldcereal_s2");
  if (data.empty()) GTEST_SKIP() << "the real data are absent: set MILLESIME_REAL_DATA to the folder that holds worldcereal_s2";
  const std::string folder = testing::temp_dir(), root = data + "/derived_muscate_monthly";
  const auto band = [&](const std::string& date, const std::string& name) {
    const std::string product = "SENTINEL2A_" + date + "-000000-000_L2A_T31UFS_C_V0-0";
    return RasterReader(root + "/T31UFS/" + product + "/" + product + "_FRE_" + name + ".tif").read_all<std::int16_t>();
  };
  const auto ndvi = [&](const std::string& date) {
    const auto red = band(date, "B4"), infrared = band(date, "B8");
    std::vector<double> value;
    for (std::size_t i = 0; i < red.samples.size(); ++i)
      value.push_back(double(infrared.samples[i] - red.samples[i]) / std::max(1, infrared.samples[i] + red.samples[i]));
    return std::pair(red.grid, value);
  };
  const auto [grid, spring] = ndvi("20210501");
  const auto summer = ndvi("20210801").second;
  std::vector<OutputFeature> features;
  for (int row = 0; row + 5 <= grid.rows; row += 5)
    for (int col = 0; col + 5 <= grid.cols; col += 5) {
      int green_in_spring = 0, green_in_summer = 0;
      for (int r = row; r < row + 5; ++r)
        for (int c = col; c < col + 5; ++c) {
          const auto i = static_cast<std::size_t>(r * grid.cols + c);
          green_in_spring += spring[i] > 0.6, green_in_summer += summer[i] > 0.6;
        }
      const bool all_spring = green_in_spring == 25, none_spring = green_in_spring == 0, all_summer = green_in_summer == 25,
                 none_summer = green_in_summer == 0;
      const std::string name = all_spring && none_summer   ? "winter crop"
                               : none_spring && all_summer ? "summer crop"
                               : all_spring && all_summer  ? "always green"
                                                           : "";
      if (name.empty()) continue;
      const double x0 = grid.x(col), x1 = grid.x(col + 5), y0 = grid.y(row + 5), y1 = grid.y(row);
      features.push_back({{{{{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}, {x0, y0}}}}}, {name}});
    }
  ASSERT_GT(features.size(), 30u);
  write_polygons(folder + "/reference.geojson", "reference", grid.crs, {"crop"}, features);
  write_text(
      folder + "/crops.toml",
      "class = [\n{ code = 1, name = \"winter crop\", color = \"#ffff7f\" },\n{ code = 2, name = \"summer crop\", color = \"#ff5500\" },\n"
      "{ code = 3, name = \"always green\", color = \"#009c00\" },\n]\n");
  write_text(folder + "/france.toml",
             "year = 2021\nnomenclature = \"crops.toml\"\noutput = \"out\"\n[[source]]\nsensor = \"sentinel2_theia\"\nroot = \"" + root +
                 "\"\nbands = [\"B2\", \"B3\", \"B4\", \"B5\", \"B6\", \"B7\", \"B8\", \"B11\", \"B12\"]\n[period]\nstart = "
                 "\"2020-11-01\"\nend = \"2021-10-31\"\n[time]\nstart = \"2020-11-01\"\nend = \"2021-10-31\"\n"
                 "[reference]\npath = \"reference.geojson\"\nclass_field = \"crop\"\n[model]\nname = \"random_forest\"\n");
  const auto result = run_program({"run", folder + "/france.toml", "--quiet"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto accuracy = nlohmann::json::parse(read_text(folder + "/out/2021/accuracy.json"));
  EXPECT_GT(accuracy.at("final_map").at("overall_accuracy").get<double>(), 0.85);
  const auto validity = RasterReader(folder + "/out/2021/OCS_2021_validity.tif").read_all<std::uint8_t>();
  EXPECT_EQ(std::ranges::max(validity.samples), 10);  // of 12 dates, two without data
}

}  // namespace
}  // namespace millesime
