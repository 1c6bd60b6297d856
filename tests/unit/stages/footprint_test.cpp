#include "pipeline/stages/footprint.h"

#include <filesystem>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/sensor.h"
#include "tests/support/muscate_product.h"
#include "tests/support/silent_context.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {
namespace fs = std::filesystem;
using testing::MuscateProduct;
using testing::SilentContext;
using testing::temp_dir;
using testing::write_product;

SourceCensus census(const std::string& root) {
  return make_sensor("sentinel2_theia")->take_census(root, "T31TCJ", {}, Date::from_ymd(2018, 1, 1), Date::from_ymd(2018, 12, 31));
}

FootprintFiles files_in(const std::string& folder) { return {folder + "/tile.json", folder + "/footprint.tif"}; }

TEST(Tile, CountsWhatIsCoveredAndClear) {
  const std::string root = temp_dir();
  MuscateProduct left, right, cloudy;
  left.bands = right.bands = cloudy.bands = {"B2", "B5"};
  left.date = "20180101";
  left.mask = [](const std::string& mask, int col, int) { return static_cast<std::uint8_t>(mask == "EDG" && col >= 8); };
  right.date = "20180201";
  right.mask = [](const std::string& mask, int col, int) { return static_cast<std::uint8_t>(mask == "EDG" && (col < 6 || col >= 22)); };
  cloudy.date = "20180301";
  cloudy.mask = [](const std::string& mask, int col, int row) {
    return static_cast<std::uint8_t>((mask == "CLM" && row < 10) || (mask == "SAT" && row == 12) || (mask == "EDG" && col >= 22));
  };
  for (const auto& product : {left, right, cloudy}) write_product(root, product);
  SilentContext silent;
  const auto files = files_in(root + "/out");
  const auto counts = write_footprint(census(root), files, silent.context);

  const auto footprint = RasterReader(files.footprint).read_all<std::uint8_t>();
  EXPECT_EQ(footprint.at(0, 0), 1);
  EXPECT_EQ(footprint.at(21, 19), 1);
  EXPECT_EQ(footprint.at(22, 0), 0);
  const auto report = nlohmann::json::parse(read_text(files.report));
  EXPECT_EQ(report["pixels"], 480);
  EXPECT_EQ(report["footprint_px"], 22 * 20);
  EXPECT_EQ(report["dates"][0]["date"], "2018-01-01");
  EXPECT_EQ(report["dates"][0]["covered_px"], 8 * 20);
  EXPECT_EQ(report["dates"][0]["clear_px"], 8 * 20);
  EXPECT_EQ(report["dates"][2]["covered_px"], 22 * 20);
  EXPECT_EQ(report["dates"][2]["clear_px"], 22 * 9);
  EXPECT_EQ(counts["footprint_px"], 22 * 20);
}

TEST(Tile, DoesNotDependOnWindowsOrThreads) {
  const std::string root = temp_dir();
  std::mt19937 random(5);
  MuscateProduct product;
  product.grid.cols = 700;
  product.grid.rows = 530;
  product.bands = {"B2", "B5"};
  for (const char* date : {"20180101", "20180211", "20180321"}) {
    product.date = date;
    product.value = [&](const std::string&, int, int) { return static_cast<std::int16_t>(random() % 5 == 0 ? -10000 : 100); };
    product.mask = [&](const std::string&, int, int) { return static_cast<std::uint8_t>(random() % 4 == 0); };
    write_product(root, product);
  }
  SilentContext whole, pieces;
  pieces.context.threads = 4;
  pieces.context.memory_bytes = 1 << 20;  // one block a window
  const auto a = files_in(root + "/whole"), b = files_in(root + "/pieces");
  write_footprint(census(root), a, whole.context);
  write_footprint(census(root), b, pieces.context);
  EXPECT_TRUE(read_text(a.footprint) == read_text(b.footprint));
  EXPECT_EQ(read_text(a.report), read_text(b.report));
}

TEST(Tile, AFileThatGoesAwayIsNamedAndNothingIsLeft) {
  const std::string root = temp_dir();
  const std::string folder = write_product(root, MuscateProduct());
  const SourceCensus taken = census(root);
  fs::remove(folder + "/MASKS/" + MuscateProduct().name() + "_EDG_R1.tif");
  SilentContext silent;
  try {
    write_footprint(taken, files_in(root + "/out"), silent.context);
    FAIL() << "expected a UserError";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("tile T31TCJ, 2018-05-11"));
  }
  EXPECT_TRUE(!fs::exists(root + "/out") || fs::is_empty(root + "/out"));
}

TEST(Tile, DescribesARealTile) {
  const std::string flanders = testing::real_data("worldcereal_s2/derived_muscate_monthly");
  if (flanders.empty()) GTEST_SKIP() << "the real data are absent (set MILLESIME_REAL_DATA to their folder)";
  const SourceCensus taken =
      make_sensor("sentinel2_theia")->take_census(flanders, "T31UFS", {}, Date::from_ymd(2020, 11, 1), Date::from_ymd(2021, 10, 31));
  SilentContext silent;
  const auto files = files_in(temp_dir());
  const auto counts = write_footprint(taken, files, silent.context);
  // PROVENANCE of the data: ten complete months, two wholly nodata.
  EXPECT_EQ(counts["acquisitions"], 12);
  EXPECT_EQ(counts["footprint_px"], 10000);
}

}  // namespace
}  // namespace millesime
