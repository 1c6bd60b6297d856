// What is mapped: an area and what is excluded from it, as polygons or boxes.

#include "pipeline/imagery/area.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/error.h"
#include "pipeline/imagery/reference.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/sensor.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::temp_dir;

const Grid kSmallTile{"EPSG:32631", 300000, 4900020, 10, 10, 6, 4};

// A file with one polygon: pixels [col, col + width) x [row, row + height) of the tile.
std::string polygons(const std::string& name, int col, int row, int width, int height) {
  const double left = kSmallTile.x(col), right = kSmallTile.x(col + width), top = kSmallTile.y(row), bottom = kSmallTile.y(row + height);
  const std::string file = temp_dir() + "/" + name + ".gpkg";
  std::filesystem::remove(file);
  write_polygons(file, "area", kSmallTile.crs, {"ID"},
                 {{{{{{{left, top}, {right, top}, {right, bottom}, {left, bottom}, {left, top}}}}}, {std::string("1")}}});
  return file;
}

std::vector<int> counts(const MappedArea& area) {  // mapped pixels of each row
  const std::vector<std::uint8_t> inside = area.inside(kSmallTile.whole());
  std::vector<int> rows(static_cast<std::size_t>(kSmallTile.rows), 0);
  for (std::size_t i = 0; i < inside.size(); ++i) rows[i / static_cast<std::size_t>(kSmallTile.cols)] += inside[i];
  return rows;
}

TEST(Area, PolygonsWithoutWhatIsExcluded) {
  const MappedArea everything({}, kSmallTile), half({polygons("half", 0, 0, 3, 4), ""}, kSmallTile),
      ring({polygons("wide", -5, 1, 50, 3), polygons("lake", 2, 2, 2, 1)}, kSmallTile),
      hole({"", polygons("hole", 1, 0, 2, 4)}, kSmallTile), elsewhere({polygons("elsewhere", 100, 100, 3, 3), ""}, kSmallTile);
  EXPECT_TRUE(everything.is_whole());
  EXPECT_THAT(counts(everything), ElementsAre(6, 6, 6, 6));
  EXPECT_THAT(counts(half), ElementsAre(3, 3, 3, 3));
  EXPECT_THAT(counts(ring), ElementsAre(0, 6, 4, 6));
  EXPECT_THAT(counts(hole), ElementsAre(4, 4, 4, 4));
  EXPECT_THAT(counts(elsewhere), ElementsAre(0, 0, 0, 0));
  EXPECT_EQ(everything.around(), kSmallTile.whole());
  EXPECT_EQ(half.around(), (Window{0, 0, 3, 4}));
  EXPECT_EQ(ring.around(), (Window{0, 1, 6, 3}));
  EXPECT_TRUE(elsewhere.around().empty());
  EXPECT_TRUE(half.meets({2, 0, 1, 1}));
  EXPECT_FALSE(half.meets({3, 0, 3, 4}));
  EXPECT_THAT(half.inside({2, 1, 2, 1}), ElementsAre(1, 0));
}

TEST(Area, ABoxIsInDegrees) {
  const CoordinateTransform to_degrees(kSmallTile.crs, "EPSG:4326");
  const Point corner = to_degrees(Point{kSmallTile.x(3), kSmallTile.y(2)});  // the box lies north-west of it
  const std::string box = "0.1, " + std::to_string(corner.y) + ", " + std::to_string(corner.x) + ", 45";
  EXPECT_THAT(counts(MappedArea({box, ""}, kSmallTile)), ElementsAre(3, 3, 0, 0));
  EXPECT_TRUE(touches({box, ""}, *sentinel2_grid("T31TCJ", 10)));
  EXPECT_FALSE(touches({box, ""}, *sentinel2_grid("T31UFS", 10)));
  EXPECT_TRUE((AreaOptions{box, ""}.files().empty()));
  EXPECT_THAT(message_of([] {
                MappedArea({"3, 43, 1, 44", ""}, kSmallTile);
              }),
              HasSubstr("tiles.area: expected a box \"west, south, east, north\" in degrees, got \"3, 43, 1, 44\""));
  EXPECT_THAT(message_of([] { MappedArea({"nowhere.gpkg", ""}, kSmallTile); }), HasSubstr("nowhere.gpkg"));
}

TEST(Reference, HolesAreOutside) {
  Feature feature;
  feature.parts = {{{{{0, 10}, {10, 10}, {10, 0}, {0, 0}, {0, 10}}, {{4, 4}, {6, 4}, {6, 6}, {4, 6}, {4, 4}}}}};
  EXPECT_TRUE(contains(feature, {1, 1}));
  EXPECT_FALSE(contains(feature, {5, 5}));
  EXPECT_FALSE(contains(feature, {11, 5}));
}

}  // namespace
}  // namespace millesime
