// Regions as people have them: one without samples, without a name, with a name that is no file name. Nothing is unmapped in silence.

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "pipeline/core/atomic_file.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/vector_file.h"
#include "tests/support/program.h"

namespace millesime {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::run_program;

constexpr int kSide = 64, kCorner = 20;  // px of the tile, and of the region that is cut out of its north-east corner

class RegionsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    world = (fs::temp_directory_path() / ("millesime-regions-" + std::to_string(::getpid()))).string();
    fs::remove_all(world);
    const auto made =
        run_program({"simulate", "-o", world, "--tiles", "1", "--size", std::to_string(kSide), "--dates", "8", "--seed", "3", "--quiet"});
    ASSERT_EQ(made.code, 0) << made.err;
    tile = fs::directory_iterator(world + "/l2a")->path().filename();
    grid = RasterReader(world + "/truth/" + tile + ".tif").grid();
  }
  static void TearDownTestSuite() { fs::remove_all(world); }

  static Polygon box(double min_x, double min_y, double max_x, double max_y) {
    return {{{{min_x, min_y}, {max_x, min_y}, {max_x, max_y}, {min_x, max_y}, {min_x, min_y}}}};
  }
  // Polygons of the reference that do not touch the corner, when `spare_corner`.
  static void write_reference(bool spare_corner) {
    const auto layer = read_polygons(world + "/reference.shp", "", {"CODE"}, grid.crs);
    const Box corner{grid.x(kSide - kCorner), grid.y(kCorner), grid.x(kSide), grid.y(0)};
    std::vector<OutputFeature> kept;
    for (const auto& feature : layer.features)
      if (!spare_corner || !feature.extent().intersects(corner))
        kept.push_back({feature.parts, {std::int64_t{std::atoi(feature.attributes.at("CODE").c_str())}}});
    write_polygons(world + "/r.gpkg", "r", grid.crs, {"CODE"}, kept);
  }
  // West, east without the corner, and the corner.
  static void write_regions(const std::string& west, const std::string& east, const std::string& corner) {
    const double far = 10000, middle = grid.x(kSide / 2.0), x = grid.x(kSide - kCorner), y = grid.y(kCorner), left = grid.x(0) - far,
                 right = grid.x(kSide) + far, top = grid.y(0) + far, bottom = grid.y(kSide) - far;
    const Polygon rest{{{{middle, bottom}, {right, bottom}, {right, y}, {x, y}, {x, top}, {middle, top}, {middle, bottom}}}};
    write_polygons(world + "/g.gpkg", "g", grid.crs, {"region"},
                   {{{box(left, bottom, middle, top)}, {west}}, {{rest}, {east}}, {{box(x, y, right, top)}, {corner}}});
  }
  static testing::ProgramResult run(const std::string& out, const std::vector<std::string>& more = {}, bool anew = true) {
    if (anew) {
      for (const auto& entry : fs::directory_iterator(world))  // nothing of another test
        if (fs::exists(entry.path() / "2021/work")) fs::remove_all(entry.path());
    }
    std::vector<std::string> words{"run", world + "/config.toml", "--out", world + "/" + out};
    for (const std::string& option :
         {std::string("model.name=random_forest"), std::string("train.trees=10"), "reference.path=" + world + "/r.gpkg",
          "regions.path=" + world + "/g.gpkg", std::string("regions.blend_m=0")})
      words.insert(words.end(), {"--set", option});
    words.insert(words.end(), more.begin(), more.end());
    return run_program(words);
  }
  static std::int64_t unmapped(const std::string& out) {
    const auto map = RasterReader(world + "/" + out + "/2021/work/classify/" + tile + "_class_seed_0.tif").read_all<std::uint8_t>();
    return std::ranges::count(map.samples, 0);
  }
  static nlohmann::json counts(const std::string& out) {
    return nlohmann::json::parse(read_text(world + "/" + out + "/2021/work/classify/" + tile + ".manifest.json"))["counts"];
  }

  static std::string world, tile;
  static Grid grid;
};

std::string RegionsTest::world, RegionsTest::tile;
Grid RegionsTest::grid;

TEST_F(RegionsTest, OneWithoutSamplesIsMappedByTheModelOfAllSamples) {
  write_reference(true);
  write_regions("1", "2", "3");
  for (const char* blend : {"0", "90", "2000"}) {
    const auto result = run("all", {"--set", std::string("regions.blend_m=") + blend});
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(unmapped("all"), 0) << "blend " << blend;
    EXPECT_THAT(result.err, HasSubstr("region 3 has no samples: it is mapped by the model of all samples"));
    EXPECT_EQ(counts("all")["regions_without_samples"], (nlohmann::json{{"3", "all samples"}}));
    EXPECT_THAT(read_text(world + "/all/2021/report.html"), HasSubstr("region 3"));
  }
  EXPECT_TRUE(fs::exists(world + "/all/2021/work/train/all_seed_0.safetensors"));
}

TEST_F(RegionsTest, OrByThatOfTheNearestRegionOrNotAtAll) {
  write_reference(true);
  write_regions("1", "2", "3");
  const auto nearest = run("nearest", {"--set", "regions.without_samples=nearest", "--set", "publish.language=fr"});
  ASSERT_EQ(nearest.code, 0) << nearest.err;
  EXPECT_THAT(read_text(world + "/nearest/2021/report.html"), HasSubstr("est classée par le modèle de la région 2"));
  EXPECT_EQ(unmapped("nearest"), 0);
  EXPECT_EQ(counts("nearest")["regions_without_samples"], (nlohmann::json{{"3", "2"}})) << "the east is nearer than the west";
  EXPECT_FALSE(fs::exists(world + "/nearest/2021/work/train/all_seed_0.safetensors"));
  const auto refused = run("error", {"--set", "regions.without_samples=error"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("region 3"));
  EXPECT_THAT(refused.err, HasSubstr("regions.without_samples"));
}

TEST_F(RegionsTest, OneWithoutANameIsNoHole) {
  write_reference(false);
  for (const std::string& name : {std::string(), std::string("  ")}) {
    write_regions("1", "2", name);
    const auto result = run("unnamed");
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(unmapped("unnamed"), 0);
    EXPECT_THAT(result.err, HasSubstr("without a name"));
  }
}

TEST_F(RegionsTest, ANameIsNoFileName) {
  write_reference(false);
  for (const std::string& name : {std::string("Alpes/Jura"), std::string("../../../out"), std::string(300, 'R'), std::string("a\nb")}) {
    write_regions(name, "2", "3");
    const auto result = run("named");
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(unmapped("named"), 0) << name;
    for (const auto& entry : fs::recursive_directory_iterator(world))
      if (entry.is_regular_file() && entry.path().extension() == ".safetensors") {
        EXPECT_THAT(entry.path().string(), HasSubstr("/named/2021/work/")) << "outside of the output folder";
      }
    const auto again = run("named", {"--dry-run"}, false);
    EXPECT_THAT(again.out, HasSubstr("\n0 to run, ")) << again.out;
  }
}

TEST_F(RegionsTest, PixelsWithoutAClassAreCountedByReason) {
  write_reference(false);
  // Regions that leave the corner out.
  const double far = 10000, x = grid.x(kSide - kCorner), y = grid.y(kCorner), left = grid.x(0) - far, right = grid.x(kSide) + far,
               top = grid.y(0) + far, bottom = grid.y(kSide) - far;
  const Polygon rest{{{{left, bottom}, {right, bottom}, {right, y}, {x, y}, {x, top}, {left, top}, {left, bottom}}}};
  write_polygons(world + "/g.gpkg", "g", grid.crs, {"region"}, {{{rest}, {std::string("1")}}});
  const auto result = run("reasons");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(unmapped("reasons"), kCorner * kCorner);
  const auto why = counts("reasons")["unmapped"];
  EXPECT_EQ(why["outside_regions"], kCorner * kCorner);
  EXPECT_EQ(why["no_image"], 0);
  EXPECT_EQ(why["no_valid_observation"], 0);
  EXPECT_EQ(why["region_without_model"], 0);
  EXPECT_THAT(read_text(world + "/reasons/2021/report.html"), HasSubstr("outside all regions"));
}

TEST_F(RegionsTest, ATileOutsideEveryRegionIsAnError) {
  write_reference(false);
  write_polygons(world + "/g.gpkg", "g", grid.crs, {"region"},
                 {{{box(grid.x(0) - 9000, grid.y(0), grid.x(0) - 8000, grid.y(0) + 100)}, {std::string("1")}}});
  const auto result = run("nowhere");
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr(tile));
  EXPECT_THAT(result.err, HasSubstr("region"));
  EXPECT_FALSE(fs::exists(world + "/nowhere/2021/OCS_2021.tif"));
}

}  // namespace
}  // namespace millesime
