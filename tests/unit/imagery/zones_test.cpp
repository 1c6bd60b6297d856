#include "pipeline/imagery/zones.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/message_of.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

Polygon box(double x0, double y0, double x1, double y1) { return {{{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}, {x0, y0}}}}; }

class ZonesTest : public ::testing::Test {
 protected:
  void write(const std::vector<std::pair<std::string, Polygon>>& zones, const std::string& crs = "EPSG:2154") {
    std::vector<OutputFeature> features;
    for (const auto& [name, polygon] : zones) features.push_back({{polygon}, {name}});
    write_polygons(options.path, "zones", crs, {"code"}, features);
  }
  Zones read() const { return read_zones(options, map); }
  std::string refusal() const {
    return message_of([&] { read(); });
  }

  Grid map{"EPSG:2154", 700000, 6600000, 10, 10, 8, 4};
  ZoneOptions options{.path = testing::temp_dir() + "/zones.gpkg", .layer = "", .field = "code"};
};

TEST_F(ZonesTest, APixelBelongsToTheZoneThatHoldsItsCentre) {
  // The border lies at 700034: the centre of column 3 (700035) is in the eastern zone. A third zone lies elsewhere.
  write({{"31", box(700000, 6599900, 700034, 6600100)}, {"32", box(700034, 6599900, 700070, 6600100)}, {"75", box(0, 0, 10, 10)}});
  const Zones zones = read();
  EXPECT_THAT(zones.outside, ElementsAre("75"));
  ASSERT_EQ(zones.zones.size(), 2u);
  const Raster<std::int32_t> numbers = zones.numbers(map, {0, 1, 8, 1});
  EXPECT_THAT(numbers.samples, ElementsAre(1, 1, 1, 2, 2, 2, 2, 0));
}

TEST_F(ZonesTest, OtherReferenceSystemsAreTransformed) {
  write({{"all", box(2.9, 46.4, 3.1, 46.6)}}, "EPSG:4326");
  const Zones zones = read();
  EXPECT_TRUE(std::ranges::all_of(zones.numbers(map, map.whole()).samples, [](std::int32_t number) { return number == 1; }));
}

TEST_F(ZonesTest, OverlapsAreAnErrorOrDecidedByOrder) {
  write({{"west", box(700000, 6599900, 700050, 6600100)}, {"east", box(700030, 6599900, 700080, 6600100)}});
  EXPECT_THAT(message_of([&] { read().numbers(map, map.whole()); }),
              AllOf(HasSubstr("\"west\" and \"east\" overlap"), HasSubstr("700035")));
  options.overlap = "first";
  EXPECT_THAT(read().numbers(map, {0, 0, 8, 1}).samples, ElementsAre(1, 1, 1, 1, 1, 2, 2, 2));
  options.overlap = "last";
  EXPECT_THAT(read().numbers(map, {0, 0, 8, 1}).samples, ElementsAre(1, 1, 1, 2, 2, 2, 2, 2));
}

TEST_F(ZonesTest, NamesAreComplete) {
  write({{"31", box(700000, 6599900, 700050, 6600100)}, {" ", box(700050, 6599900, 700080, 6600100)}});
  EXPECT_THAT(refusal(), HasSubstr("feature 2 has no name in the field code"));
  write({{"31", box(700000, 6599900, 700050, 6600100)}, {"31", box(700050, 6599900, 700080, 6600100)}});
  EXPECT_THAT(refusal(), HasSubstr("features 1 and 2 have the same name \"31\""));
  options.field = "";
  EXPECT_THAT(refusal(), HasSubstr("the file has code"));
}

TEST_F(ZonesTest, InvalidOutlinesAreRepairedOrRefused) {
  write({{"bow", {{{{700000, 6599960}, {700080, 6600000}, {700080, 6599960}, {700000, 6600000}, {700000, 6599960}}}}}});
  EXPECT_THAT(read().notes, ElementsAre(HasSubstr("repaired feature 1")));
  options.invalid = "refuse";
  EXPECT_THAT(refusal(), HasSubstr("invalid outline"));
}

TEST_F(ZonesTest, WhereTheMapsSystemIsNotDefinedIsOutside) {
  // Lambert-93 has no south pole; a zone that reaches from there to the map cannot be placed.
  write({{"03", box(2.9, 46.4, 3.1, 46.6)}, {"Antarctica", box(-180, -90, 180, -60)}}, "EPSG:4326");
  EXPECT_THAT(read().outside, ElementsAre("Antarctica"));
  write({{"03", box(2.9, 46.4, 3.1, 46.6)}, {"earth", box(-180, -90, 180, 90)}}, "EPSG:4326");
  EXPECT_THAT(refusal(), HasSubstr("feature 2: reaches to where EPSG:2154 is not defined"));
}

TEST_F(ZonesTest, NoneOnTheMapIsAnError) {
  write({{"far", box(0, 0, 10, 10)}});
  EXPECT_THAT(refusal(), HasSubstr("none of its 1 zones meets the map"));
}

}  // namespace
}  // namespace millesime
