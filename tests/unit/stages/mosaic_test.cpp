#include "pipeline/stages/mosaic.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include <gtest/gtest.h>

#include "pipeline/core/error.h"
#include "pipeline/core/silent_progress.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/stages/levels.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

class MosaicTest : public ::testing::Test {
 protected:
  MosaicTest() { context.progress = &progress; }

  // A tile whose class is `label(x, y)` in map coordinates of its own CRS.
  template <class Label>
  TileMaps tile(const std::string& name, const Grid& grid, std::uint8_t confidence, Label label) {
    TileMaps maps{name, folder + "/" + name + "_class.tif", folder + "/" + name + "_confidence.tif", folder + "/" + name + "_validity.tif"};
    LabelMap classes(grid);
    for (int row = 0; row < grid.rows; ++row)
      for (int col = 0; col < grid.cols; ++col) classes.at(col, row) = static_cast<std::uint8_t>(label(grid.centre(col, row)));
    write_raster(maps.classification, classes, RasterOptions{});
    write_raster(maps.confidence, Raster<std::uint8_t>(grid, confidence), RasterOptions{});
    write_raster(maps.validity, Raster<std::uint8_t>(grid, 20), RasterOptions{});
    return maps;
  }

  std::string folder = testing::temp_dir();
  SilentProgress progress;
  Context context;
};

TEST_F(MosaicTest, TilesOfTheMapsOwnSystemAreCopiedPixelForPixel) {
  const Grid west{"EPSG:32631", 300000, 4900000, 10, 10, 60, 50}, east{"EPSG:32631", 300500, 4900000, 10, 10, 60, 50};
  const auto a = tile("T31TCJ", west, 60, [](Point p) { return p.x < 300550 ? 1 : 2; });
  const auto b = tile("T31TDJ", east, 50, [](Point) { return 3; });
  const Grid map = national_grid({west, east}, "EPSG:32631", 10);
  EXPECT_TRUE(map.same_as(Grid{"EPSG:32631", 300000, 4900000, 10, 10, 110, 50}));
  const auto layers = mosaic_window({a, b}, map, map.whole(), context);
  EXPECT_EQ(layers.classification.at(54, 20), 1);
  EXPECT_EQ(layers.classification.at(59, 20), 2);  // the overlap: the tile with the higher confidence wins
  EXPECT_EQ(layers.classification.at(60, 20), 3);
  EXPECT_EQ(layers.confidence.at(59, 20), 60);
  EXPECT_EQ(layers.validity.at(100, 20), 20);
}

TEST_F(MosaicTest, UncertaintyIsOfTheTileWhoseClassItIs) {
  const Grid grid{"EPSG:32631", 300000, 4900000, 10, 10, 30, 30};
  auto sure = tile("T31TAA", grid, 80, [](Point p) { return p.x < 300150 ? 0 : 1; }),
       other = tile("T31TBB", grid, 50, [](Point) { return 2; });
  const auto uncertainty = [&](const std::string& name, std::uint8_t value) {
    write_raster(folder + "/" + name, Raster<std::uint8_t>(grid, value), RasterOptions{});
    return folder + "/" + name;
  };
  sure.uncertainty = {uncertainty("a0.tif", 10), uncertainty("a1.tif", 25), uncertainty("a2.tif", 0)};  // of three seeds, one without
  other.uncertainty = {uncertainty("b0.tif", 70)};
  for (const std::vector<TileMaps>& tiles : {std::vector{sure, other}, {other, sure}}) {
    const auto layers = mosaic_window(tiles, grid, grid.whole(), context);
    EXPECT_EQ(layers.uncertainty.at(0, 5), 70);
    EXPECT_EQ(layers.uncertainty.at(20, 5), 18) << "the mean, 17.5, rounded";
  }
  EXPECT_EQ(mosaic_window({tile("T31TCC", grid, 9, [](Point) { return 3; })}, grid, grid.whole(), context).uncertainty.at(3, 3), 0);
}

TEST_F(MosaicTest, LevelsAreThoseThatTheSeedsOfTheTileAgreeOn) {
  const Grid grid{"EPSG:32631", 300000, 4900000, 10, 10, 30, 30};
  auto sure = tile("T31TAA", grid, 80, [](Point p) { return p.x < 300150 ? 0 : 1; }),
       other = tile("T31TBB", grid, 50, [](Point) { return 2; });
  const auto map = [&](const std::string& name, std::uint8_t code) {
    write_raster(folder + "/" + name, LabelMap(grid, code), RasterOptions{});
    return folder + "/" + name;
  };
  sure.groups = {{1, 100}, {2, 100}, {5, 110}};
  sure.level1 = {map("a0.tif", 110), map("a1.tif", 100), map("a2.tif", 100)};
  sure.deepest = {map("d0.tif", 1), map("d1.tif", 2), map("d2.tif", 5)};
  other.level1 = {map("b0.tif", 170)}, other.deepest = {map("e0.tif", 23)};
  for (const std::vector<TileMaps>& tiles : {std::vector{sure, other}, {other, sure}}) {
    const auto layers = mosaic_window(tiles, grid, grid.whole(), context);
    EXPECT_EQ(layers.level1.at(0, 5), 170);
    EXPECT_EQ(layers.level1.at(20, 5), 100);
    EXPECT_EQ(layers.deepest.at(0, 5), 23);
    EXPECT_EQ(layers.deepest.at(20, 5), 100) << "two of three classes are of this group";
  }
  MosaicCommand command;
  command.classification = {sure.classification}, command.level1 = {sure.level1.front()}, command.deepest = {sure.deepest.front()};
  command.nomenclature = "oso23", command.output = folder + "/out";
  mosaic(command, context);
  EXPECT_EQ(RasterReader(folder + "/out/level1.tif").read_all<std::uint8_t>().at(20, 5), 110);
  EXPECT_EQ(RasterReader(folder + "/out/level1.tif").read_all<std::uint8_t>().at(3, 5), 0) << "where no tile has a class";
  EXPECT_EQ(RasterReader(folder + "/out/deepest.tif").read_all<std::uint8_t>().at(20, 5), 1);
  EXPECT_FALSE(std::filesystem::exists(folder + "/out/uncertainty.tif"));
  command.deepest.push_back(sure.deepest.front());
  EXPECT_NE(testing::message_of([&] { mosaic(command, context); }).find("--deepest: expected 1 files"), std::string::npos);
}

TEST(Levels, SeedsAgree) {
  const std::map<int, int> groups{{1, 100}, {2, 100}, {5, 110}};
  const auto level1 = [&](const std::vector<std::uint16_t>& seeds) { return agreed_level(LevelMap::level1, seeds, groups); };
  const auto deepest = [&](const std::vector<std::uint16_t>& seeds) { return agreed_level(LevelMap::deepest, seeds, groups); };
  EXPECT_EQ(level1({110, 100, 110}), 110);
  EXPECT_EQ(level1({110, 100}), 100) << "the lowest of equals";
  EXPECT_EQ(level1({0, 110, 0}), 110);
  EXPECT_EQ(level1({0, 0}), 0);
  EXPECT_EQ(deepest({1, 1, 2}), 1);
  EXPECT_EQ(deepest({1, 2, 5}), 100);
  EXPECT_EQ(deepest({1, 100, 5}), 100);
  EXPECT_EQ(deepest({1, 1, 0, 0}), 0) << "half is not more than half";
  EXPECT_EQ(deepest({9, 9, 0}), 9) << "of no group";
  EXPECT_EQ(deepest({1, 5, 9}), 0);
  EXPECT_EQ(deepest({0, 0, 0}), 0);
}

TEST(Levels, LegendsHaveTheCodesOfTheirMaps) {
  const Nomenclature oso = Nomenclature::load("oso23");
  EXPECT_EQ(level_legend(LevelMap::level1, oso).size(), 8);
  EXPECT_EQ(level_legend(LevelMap::deepest, oso).size(), 31);
  Nomenclature few = oso;
  few.classes[1].parent = 0;
  EXPECT_TRUE(level_legend(LevelMap::level1, few).index_of_code(2)) << "a class without a group stands for itself";
  EXPECT_EQ(groups_of_classes(few).size(), 22u);
  EXPECT_EQ(groups_of_classes(few).at(5), 110);
}

TEST_F(MosaicTest, NoDataNeverOverwritesAndTheOrderOfTilesDoesNotMatter) {
  const Grid grid{"EPSG:32631", 300000, 4900000, 10, 10, 30, 30};
  const auto hole = tile("T31TAA", grid, 99, [](Point p) { return p.x < 300150 ? 0 : 1; });
  const auto full = tile("T31TBB", grid, 10, [](Point) { return 2; });
  const auto tie = tile("T31TCC", grid, 99, [](Point) { return 3; });
  std::vector<TileMaps> tiles{hole, full, tie};
  const auto expected = mosaic_window(tiles, grid, grid.whole(), context);
  EXPECT_EQ(expected.classification.at(0, 0), 3);
  EXPECT_EQ(expected.classification.at(20, 0), 1);  // equal confidence and validity: the first name
  std::ranges::sort(tiles, std::ranges::greater{}, &TileMaps::name);
  EXPECT_EQ(mosaic_window(tiles, grid, grid.whole(), context).classification.samples, expected.classification.samples);
}

TEST_F(MosaicTest, ReprojectionTakesTheNearestPixelWhateverTheWindow) {
  const Grid utm{"EPSG:32631", 300000, 4900000, 10, 10, 300, 300};
  const auto one =
      tile("T31TCJ", utm, 50, [](Point p) { return 1 + static_cast<int>(p.x / 70) % 5 + 10 * (static_cast<int>(p.y / 90) % 3); });
  const Grid map = national_grid({utm}, "EPSG:2154", 10);
  const auto whole = mosaic_window({one}, map, map.whole(), context);
  // Against the exact transformation of every pixel.
  const CoordinateTransform exact("EPSG:2154", "EPSG:32631");
  const RasterReader reader(one.classification);
  const auto source = reader.read_all<std::uint8_t>();
  std::int64_t different = 0, mapped = 0;
  for (int row = 0; row < map.rows; ++row)
    for (int col = 0; col < map.cols; ++col) {
      const Point p = exact(map.centre(col, row));
      const int c = static_cast<int>(std::floor(utm.col(p.x))), r = static_cast<int>(std::floor(utm.row(p.y)));
      const int expected = utm.whole().contains(c, r) ? source.at(c, r) : 0;
      mapped += expected != 0;
      different += whole.classification.at(col, row) != expected;
    }
  EXPECT_GT(mapped, 80000);
  EXPECT_LE(different, mapped / 10000);  // pixels whose centre falls on a pixel edge within the interpolation's 1e-4 px
  for (const Window& window : split(map.whole(), 97, 61, 1)) {
    const auto part = mosaic_window({one}, map, window, context);
    for (int row = 0; row < window.height; ++row)
      for (int col = 0; col < window.width; ++col)
        ASSERT_EQ(part.classification.at(col, row), whole.classification.at(window.col + col, window.row + row));
  }
}

TEST_F(MosaicTest, TheCommandWritesThreeCloudOptimisedFiles) {
  const Grid a{"EPSG:32630", 700000, 4900000, 10, 10, 80, 80}, b{"EPSG:32631", 300000, 4900000, 10, 10, 80, 80};
  const auto one = tile("T30TYP", a, 40, [](Point) { return 16; }), two = tile("T31TCJ", b, 70, [](Point) { return 17; });
  MosaicCommand command;
  command.classification = {one.classification, two.classification};
  command.confidence = {one.confidence, two.confidence}, command.validity = {one.validity, two.validity};
  command.nomenclature = "oso23";
  command.crs = "EPSG:2154";
  command.output = folder + "/map";
  mosaic(command, context);
  const RasterReader map(command.output + "/classification.tif"), validity(command.output + "/validity.tif");
  EXPECT_EQ(map.grid().crs, "EPSG:2154");
  const auto classes = map.read_all<std::uint8_t>();
  EXPECT_GT(std::ranges::count(classes.samples, 16), 5000);
  EXPECT_GT(std::ranges::count(classes.samples, 17), 5000);
  EXPECT_GT(std::ranges::count(validity.read_all<std::uint8_t>().samples, 20), 10000);
  command.confidence.pop_back();
  EXPECT_THROW(mosaic(command, context), UserError);
}

TEST_F(MosaicTest, LayersThatNobodyGaveAreNotWritten) {
  MosaicCommand command;
  command.output = folder + "/out";
  const auto maps = tile("T31TCJ", Grid{"EPSG:32631", 300000, 4900000, 10, 10, 60, 50}, 60, [](Point) { return 2; });
  command.classification = {maps.classification};
  mosaic(command, context);
  EXPECT_TRUE(std::filesystem::exists(command.output + "/classification.tif"));
  EXPECT_FALSE(std::filesystem::exists(command.output + "/confidence.tif"));
  EXPECT_FALSE(std::filesystem::exists(command.output + "/validity.tif"));
  command.confidence = {maps.confidence};
  mosaic(command, context);
  EXPECT_TRUE(std::filesystem::exists(command.output + "/confidence.tif"));
  command.confidence.clear();  // what lies there now is of another map
  EXPECT_NE(testing::message_of([&] { mosaic(command, context); }).find("confidence.tif: is a layer of another map"), std::string::npos);
}

TEST_F(MosaicTest, TheOrderOfTheFilesHasNoInfluenceEvenWhereOneTileWasMappedTwice) {
  const Grid grid{"EPSG:32631", 300000, 4900000, 10, 10, 30, 30};
  // Two maps of one tile, alike in all but the class: the names of the files say nothing, the folders have to.
  const auto map_in = [&](const std::string& place, int code) {
    const std::string file = folder + "/" + place + "/T31TCJ_class.tif";
    std::filesystem::create_directories(folder + "/" + place);
    write_raster(file, LabelMap(grid, static_cast<std::uint8_t>(code)), RasterOptions{});
    return file;
  };
  const std::string a = map_in("b", 1), b = map_in("a", 2);
  const auto class_of = [&](const std::vector<std::string>& files) {
    MosaicCommand command;
    command.classification = files;
    command.crs = "EPSG:32631";
    command.output = folder + "/map";
    mosaic(command, context);
    return int{RasterReader(folder + "/map/classification.tif").read_all<std::uint8_t>().samples.front()};
  };
  EXPECT_EQ(class_of({a, b}), 2);
  EXPECT_EQ(class_of({b, a}), 2);
}

TEST_F(MosaicTest, AWideMapIsMadeInPartsThatShowNoSeam) {
  // Wider than what is worked on at once: a stripe of classes that changes at every column.
  const Grid grid{"EPSG:32631", 300000, 4900000, 10, 10, 9000, 3};
  const auto wide = tile("T31TCJ", grid, 60, [](Point p) { return 1 + static_cast<int>(p.x / 10) % 200; });
  MosaicCommand command;
  command.classification = {wide.classification}, command.confidence = {wide.confidence}, command.validity = {wide.validity};
  command.crs = "EPSG:32631";
  command.output = folder + "/map";
  mosaic(command, context);
  const auto map = RasterReader(command.output + "/classification.tif").read_all<std::uint8_t>();
  EXPECT_EQ(map.samples, RasterReader(wide.classification).read_all<std::uint8_t>().samples);
}

TEST(NationalGrid, CornersAreMultiplesOfTheResolutionSoThatATileMoreMovesNoPixel) {
  const Grid tile{"EPSG:2154", 503.2, 998.7, 9.9948, 9.9974, 100, 101};
  const Grid map = national_grid({tile}, "EPSG:2154", 20);
  EXPECT_EQ(map.x0, 500);
  EXPECT_EQ(map.y0, 1000);
  EXPECT_EQ(map.x(map.cols), 1520);
}

TEST(NationalGrid, FollowsTheTilesWithoutAWord) {
  const Grid a{"EPSG:32633", 500000, 5100000, 10, 10, 100, 100}, b{"EPSG:32632", 700000, 5100000, 10, 10, 100, 100};
  EXPECT_EQ(national_grid({b, a, a}, "", 0).crs, "EPSG:32633");  // of most tiles
  EXPECT_EQ(national_grid({a, b}, "", 0).crs, "EPSG:32632");     // of equals the first by name, whatever the order
  EXPECT_EQ(national_grid({b, a}, "", 0), national_grid({a, b}, "", 0));
  EXPECT_EQ(national_grid({a}, "", 0).pixel_width, 10);
  const Grid odd{"EPSG:32633", 500000, 5100000, 9.9948, 9.9974, 100, 100};
  EXPECT_EQ(national_grid({odd}, "", 0).pixel_width, 10);
}

TEST(NationalGrid, IsTheLatticeOfTheTiles) {
  const Grid landsat{"EPSG:32631", 349485, 4899015, 30, 30, 160, 150};
  EXPECT_EQ(national_grid({landsat}, "", 0), landsat);
  const Grid beside{"EPSG:32631", 349485 + 30.0 * 160, 4899015 - 30.0 * 7, 30, 30, 10, 20};
  const Grid both = national_grid({landsat, beside}, "", 0);
  EXPECT_EQ(both, (Grid{"EPSG:32631", 349485, 4899015, 30, 30, 170, 150}));
  EXPECT_EQ(national_grid({beside, landsat}, "", 0), both);
  EXPECT_EQ(national_grid({landsat}, "", 30).x0, 349470) << "asked for: multiples of it";
  for (const double size : {12.5, 463.312716528}) {
    const Grid tile{"EPSG:32631", 3 * size + 1, 5 * size, size, size, 40, 30};
    EXPECT_TRUE(national_grid({tile}, "", 0).same_as(tile)) << size;
  }
  Grid shifted = landsat;
  shifted.x0 += 7;
  EXPECT_EQ(national_grid({landsat, shifted}, "", 0).x0, 349470) << "no common lattice";
}

TEST(NationalGrid, AResolutionSuitsTheUnit) {
  const Grid tile{"EPSG:32633", 500000, 5100000, 10, 10, 64, 64};
  const Grid degrees = national_grid({tile}, "EPSG:4326", 0);
  EXPECT_EQ(degrees.pixel_width, 9e-5);  // 10.02 m
  EXPECT_NEAR(degrees.rows, 64, 3);
  const std::string message = testing::message_of([&] { national_grid({tile}, "EPSG:4326", 10); });
  EXPECT_NE(message.find("mosaic.resolution: expected pixels smaller than a tile"), std::string::npos) << message;
  EXPECT_NE(message.find("leave it out for 9e-05"), std::string::npos) << message;
}

TEST_F(MosaicTest, AMapAcrossThe180thMeridianIsOnePiece) {
  // 320 m west of it and 320 m east, at 17 degrees south.
  const Point line = CoordinateTransform("EPSG:4326", "EPSG:32760")(Point{179.9999, -17});
  const Grid west{"EPSG:32760", std::round(line.x / 10) * 10 - 320, std::round(line.y / 10) * 10, 10, 10, 64, 64};
  Grid east = west;
  east.x0 += 640;
  const auto a = tile("T60KYF", west, 60, [](Point p) { return p.x < 0 ? 1 : 2; }), b = tile("T01KAB", east, 50, [](Point) { return 3; });
  for (const char* crs : {"EPSG:4326", "EPSG:3832", "EPSG:32760"}) {
    const Grid map = national_grid({west, east}, crs, 0);
    EXPECT_LT(map.cols, 200) << crs;
    EXPECT_LT(map.rows, 120) << crs;
    const auto layers = mosaic_window({a, b}, map, map.whole(), context);
    EXPECT_NEAR(std::ranges::count(layers.classification.samples, 2), 64 * 64, 450) << crs;
    EXPECT_NEAR(std::ranges::count(layers.classification.samples, 3), 64 * 64, 450) << crs;
  }
  const Grid degrees = national_grid({east, west}, "EPSG:4326", 0);
  EXPECT_LT(degrees.x0, 180);
  EXPECT_GT(degrees.x(degrees.cols), 180);
  EXPECT_NE(testing::message_of([&] { national_grid({west}, "EPSG:3857", 10); }).find("does not hold together"), std::string::npos);
}

TEST_F(MosaicTest, TakesMapsOfOtherProgramsAndWideCodes) {
  const Grid grid{"EPSG:32631", 300000, 4900000, 10, 10, 20, 20};
  Raster<std::uint16_t> classes(grid, 1000);
  classes.at(3, 4) = 255;
  Raster<float> confidence(grid, 0.45f);
  write_raster(folder + "/T31TCJ_class.tif", classes, {});
  write_raster(folder + "/T31TCJ_confidence.tif", confidence, {});
  MosaicCommand command;
  command.classification = {folder + "/T31TCJ_class.tif"}, command.confidence = {folder + "/T31TCJ_confidence.tif"};
  command.output = folder + "/map";
  mosaic(command, context);
  const RasterReader map(command.output + "/classification.tif");
  EXPECT_EQ(map.info().type, PixelType::u16);
  EXPECT_EQ(map.read_all<std::uint16_t>().samples, classes.samples);
  const auto percent = RasterReader(command.output + "/confidence.tif").read_all<std::uint8_t>().samples;
  EXPECT_EQ(std::ranges::count(percent, 45), grid.pixels());
}

TEST_F(MosaicTest, AMapWithoutAMappedPixelIsRefused) {
  MosaicCommand command;
  command.classification = {tile("T31TCJ", {"EPSG:32631", 300000, 4900000, 10, 10, 20, 20}, 0, [](Point) { return 0; }).classification};
  command.output = folder + "/map";
  EXPECT_NE(testing::message_of([&] { mosaic(command, context); }).find("no pixel of these 1 maps has a class"), std::string::npos);
}

}  // namespace
}  // namespace millesime
