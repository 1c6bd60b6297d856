// Which tile the polygons at the borders of tiles belong to, and whose pixels they give.

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/io/vector_file.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/sample.h"
#include "tests/unit/stages/sample_production.h"

namespace millesime {
namespace {

using ::testing::ElementsAre;

TEST_F(SampleStage, OverlappingTilesShareNoPolygon) {
  make_tile("T31TCJ", 0);
  make_tile("T31TDJ", 40);  // columns 40 to 59 lie in both; the middle between the centres is at column 50
  write_reference({{42, 5, 4, 4, "6"}, {54, 5, 4, 4, "6"}, {48, 20, 4, 4, "6"}, {10, 30, 4, 4, "6"}, {80, 30, 4, 4, "6"}});
  const auto left = run("T31TCJ"), right = run("T31TDJ");
  const Samples a = samples("T31TCJ"), b = samples("T31TDJ");
  const std::set<std::int64_t> in_a(a.polygon.begin(), a.polygon.end()), in_b(b.polygon.begin(), b.polygon.end());
  EXPECT_THAT(in_a, ElementsAre(1, 3, 4));  // the third is as near to both: the first by name
  EXPECT_THAT(in_b, ElementsAre(2, 5));
  EXPECT_EQ(left["polygons_of_other_tiles"], 1);
  EXPECT_EQ(right["polygons_of_other_tiles"], 2);
}

// A reference with one feature for each class, say.
TEST_F(SampleStage, PartsOfAMultipolygonBelongToTheirTiles) {
  make_tile("T31TCJ", 0);
  make_tile("T31TDJ", 40);
  OutputFeature both = feature_of({10, 5, 4, 4, "6"});
  both.parts.push_back(feature_of({80, 5, 3, 3, "6"}).parts.front());
  write_polygons(config.reference.path, "reference", "EPSG:32631", {"CODE"}, {both, feature_of({20, 20, 2, 2, "13"})});
  const auto left = run("T31TCJ"), right = run("T31TDJ");
  EXPECT_EQ(left["classes"]["6"]["pixels"], 16);
  EXPECT_EQ(right["classes"]["6"]["pixels"], 9);
  EXPECT_EQ(right["polygons_of_other_tiles"], 0) << "the other is not near this tile";
  EXPECT_EQ(samples("T31TDJ").polygon.front(), samples("T31TCJ").polygon.front());
}

TEST_F(SampleStage, PolygonsOfTwoTilesShareNoPixel) {
  make_tile("T31TCJ", 0);
  make_tile("T31TDJ", 40);  // the middle between the centres is at column 50
  write_reference({{44, 5, 6, 4, "6"}, {48, 5, 8, 4, "13"}, {44, 20, 6, 4, "6"}, {48, 20, 8, 4, "6"}});
  const auto left = run("T31TCJ"), right = run("T31TDJ");
  EXPECT_EQ(left["pixels_of_two_classes"], 8);
  EXPECT_EQ(right["pixels_of_two_classes"], 8);
  EXPECT_EQ(left["classes"]["6"]["pixels"], 16 + 24) << "of one class: the first by id has them";
  EXPECT_EQ(right["classes"]["13"]["pixels"], 24);
  EXPECT_EQ(right["classes"]["6"]["pixels"], 24);
}

TEST_F(SampleStage, APolygonOutsideOfTheFootprintBelongsToTheOtherTile) {
  make_tile("T31TCJ", 0);
  make_tile("T31TDJ", 40);
  Raster<std::uint8_t> footprint(RasterReader(Layout(config).footprint("T31TCJ")).grid(), 1);
  for (int row = 0; row < 40; ++row)
    for (int col = 40; col < 60; ++col) footprint.at(col, row) = 0;
  write_raster(Layout(config).footprint("T31TCJ"), footprint, {});
  write_reference({{42, 5, 4, 4, "6"}, {10, 5, 4, 4, "6"}});
  run("T31TCJ"), run("T31TDJ");
  EXPECT_EQ(samples("T31TDJ").polygon, std::vector<std::int64_t>(16, 1));
  EXPECT_EQ(samples("T31TCJ").polygon, std::vector<std::int64_t>(16, 2));
}

// Its centroid is where no tile has images, between two tiles that do not overlap: it belongs to one of them, with its pixels there.
TEST_F(SampleStage, APolygonAtTheEdgeOfTheImagesBelongsToTheNearestTileItReaches) {
  make_tile("T31TCJ", 0);
  make_tile("T31TDJ", 70);
  write_reference({{56, 5, 16, 4, "6"}, {10, 5, 4, 4, "6"}, {90, 5, 4, 4, "6"}});  // centre at column 64; tile centres at 30 and 100
  run("T31TCJ"), run("T31TDJ");
  const Samples left = samples("T31TCJ"), right = samples("T31TDJ");
  EXPECT_EQ(std::ranges::count(left.polygon, 1), 16);
  EXPECT_EQ(std::ranges::count(right.polygon, 1), 0);

  // A polygon whose centroid is in one of them is not shared either.
  write_reference({{20, 5, 104, 4, "6"}, {2, 5, 4, 4, "6"}});  // centre at column 72
  run("T31TCJ"), run("T31TDJ");
  EXPECT_EQ(std::ranges::count(samples("T31TCJ").polygon, 1), 0);
  EXPECT_EQ(std::ranges::count(samples("T31TDJ").polygon, 1), 54 * 4);
}

}  // namespace
}  // namespace millesime
