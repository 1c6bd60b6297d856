#include "pipeline/stages/next_samples.h"

#include <cmath>
#include <filesystem>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/io/raster_file.h"
#include "pipeline/io/uncertainty_map.h"
#include "pipeline/io/vector_file.h"
#include "tests/support/message_of.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::HasSubstr;

class NextSamples : public ::testing::Test {
 protected:
  NextSamples() {
    context.progress = &progress;
    command.map = folder + "/map.tif", command.uncertainty = folder + "/uncertainty.tif", command.output = folder + "/places.gpkg";
    command.nomenclature = "oso23", command.count = 6, command.side = 4;
    // Blocks of sqrt(14400 / (1.5 * 6)) = 40 px: three by three.
  }
  void put(int col, int row, std::uint8_t value) {
    for (int r = row; r < row + 4; ++r)
      for (int c = col; c < col + 4; ++c) uncertainty.at(c, r) = value;
  }
  std::vector<NextPlace> places() {
    write_raster(command.map, map, {});
    write_raster(command.uncertainty, uncertainty, {.nodata = 0, .nomenclature = nullptr, .band_names = {kUncertaintyBand}});
    return next_places(command, context);
  }
  const Grid grid{"EPSG:2154", 560000, 6280000, 10, 10, 120, 120};
  LabelMap map{grid, 13};
  Raster<std::uint8_t> uncertainty{grid, 10};
  testing::SilentProgress progress;
  Context context;
  std::string folder = testing::temp_dir();
  NextSamplesCommand command;
};

// Confidence is percent as well, and the less of it, the more a label teaches.
TEST_F(NextSamples, AnotherRasterIsRefused) {
  places();
  write_raster(command.uncertainty, uncertainty, {.nodata = 0, .nomenclature = nullptr, .band_names = {"confidence"}});
  const auto refused = [&] { return message_of([&] { next_places(command, context); }); };
  EXPECT_THAT(refused(),
              ::testing::AllOf(HasSubstr("uncertainty.tif"), HasSubstr("got the band \"confidence\""), HasSubstr("classify.uncertainty")));
  write_raster(command.uncertainty, uncertainty, {});
  EXPECT_THAT(refused(), HasSubstr("a band without a name"));
  command.uncertainty = command.map;
  EXPECT_THAT(refused(), HasSubstr("is no map of uncertainty"));
}

TEST_F(NextSamples, ANomenclatureThatIsNotTheMapsIsRefused) {
  places();
  command.nomenclature = "oso17";
  EXPECT_THAT(testing::message_of([&] { next_samples(command, context); }),
              HasSubstr("map.tif: expected classes of the nomenclature oso17, got also code 13 (14400 px)"));
  EXPECT_FALSE(std::filesystem::exists(command.output));
}

TEST_F(NextSamples, TakesTheMostUncertainPlaceOfEachBlockBestFirst) {
  put(8, 12, 90), put(20, 20, 80);  // of one block: only the first
  put(48, 4, 95);
  put(36, 80, 70), put(40, 80, 75);  // side by side across a border of blocks: only the better
  put(100, 100, 60);
  map.at(101, 101) = 17, map.at(102, 101) = 17;  // its other 14 pixels are 13
  const auto found = places();
  ASSERT_EQ(found.size(), 6u);
  EXPECT_EQ(std::pair(found[0].col, found[0].row), std::pair(48, 4));
  EXPECT_EQ(found[0].uncertainty, 95);
  EXPECT_EQ(std::pair(found[1].col, found[1].row), std::pair(8, 12));
  EXPECT_EQ(std::pair(found[2].col, found[2].row), std::pair(40, 80));
  EXPECT_EQ(std::pair(found[3].col, found[3].row), std::pair(100, 100));
  EXPECT_EQ(found[3].code, 13);
  std::set<std::pair<int, int>> blocks;
  for (const NextPlace& place : found) blocks.insert({place.row / 40, place.col / 40});
  EXPECT_EQ(blocks.size(), 6u) << "spread: one a block";
}

TEST_F(NextSamples, ThePolygonsHaveAnEmptyLabelAndWhatTheMapSays) {
  put(48, 4, 95);
  places();
  const auto lines = next_samples(command, context);
  EXPECT_THAT(lines.back(), HasSubstr("6 places of 4 x 4 px, uncertainty 95.0 to 10.0 %, on 1 class of the map"));
  const VectorLayer layer = read_polygons(command.output, "", {"rank", "label", "map_name"}, "");
  ASSERT_EQ(layer.features.size(), 6u);
  const Feature& first = layer.features.front();
  EXPECT_EQ(first.attributes.at("rank"), "1");
  EXPECT_EQ(first.attributes.at("label"), "");
  EXPECT_EQ(first.attributes.at("map_class"), "13");
  EXPECT_EQ(first.attributes.at("map_name"), "Grasslands");
  EXPECT_DOUBLE_EQ(first.area(), 1600);
  EXPECT_DOUBLE_EQ(first.extent().min_x, 560480);
  EXPECT_DOUBLE_EQ(first.extent().max_y, 6279960);
}

TEST_F(NextSamples, MayBeGivenPolygons) {
  const auto square = [](double col, double row, double side) {
    const double x = 560000 + 10 * col, y = 6280000 - 10 * row, size = 10 * side;
    return Polygon{{{{x, y}, {x + size, y}, {x + size, y - size}, {x, y - size}, {x, y}}}};
  };
  write_polygons(folder + "/parcels.gpkg", "parcels", grid.crs, {"owner"},
                 {{{square(46, 2, 8)}, {std::int64_t{7}}},
                  {{square(60, 6, 4)}, {std::int64_t{8}}},
                  {{square(100, 90, 3)}, {std::int64_t{9}}},
                  {{square(300, 2, 8)}, {std::int64_t{10}}}});
  command.polygons = folder + "/parcels.gpkg";
  put(48, 4, 90);  // a quarter of the first
  put(60, 6, 50);  // all of the second, in the same block
  map.at(101, 91) = 0;
  const auto found = places();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(std::pair(found[0].col, found[0].row), std::pair(62, 8));
  EXPECT_EQ(found[0].uncertainty, 50);
  EXPECT_EQ(found[1].uncertainty, 10);
  EXPECT_THAT(next_samples(command, context).back(), HasSubstr("2 polygons, uncertainty 50.0 to 10.0 %"));
  const VectorLayer layer = read_polygons(command.output, "", {"rank", "label", "polygon"}, "");
  EXPECT_EQ(layer.features.front().attributes.at("polygon"), "2");
  EXPECT_DOUBLE_EQ(layer.features.front().area(), 1600);

  command.count = 300;  // blocks of 5 px: no parcel hides another
  EXPECT_EQ(places().size(), 3u);
  write_polygons(command.polygons, "parcels", grid.crs, {"owner"}, {{{square(300, 2, 8)}, {std::int64_t{10}}}});
  EXPECT_THAT(testing::message_of([&] { places(); }), HasSubstr("no polygon lies on"));
}

TEST_F(NextSamples, PlacesWithoutAClassAreNone) {
  map = LabelMap(grid);
  for (int row = 0; row < 8; ++row)
    for (int col = 0; col < 4; ++col) map.at(col, row) = 1;
  for (int i = 0; i < 3; ++i) map.at(4 + i, 0) = 1;  // three of sixteen
  EXPECT_EQ(places().size(), 2u);
  EXPECT_THAT(next_samples(command, context).front(), HasSubstr("6 places are wanted, the map has 2"));
  uncertainty = Raster<std::uint8_t>(grid);
  EXPECT_THAT(testing::message_of([&] { places(); }), HasSubstr("no pixel has a value where"));
}

}  // namespace
}  // namespace millesime
