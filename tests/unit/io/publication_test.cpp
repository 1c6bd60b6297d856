// Files for other programs: styles, images, the STAC item.

#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/sha256.h"
#include "pipeline/io/map_pyramid.h"
#include "pipeline/io/picture.h"
#include "pipeline/io/qml.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/stac.h"
#include "pipeline/io/zarr_file.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::HasSubstr;

Nomenclature two_classes() {
  Nomenclature nomenclature;
  nomenclature.name = "two";
  LandClass water, forest;
  water.code = 1, water.name = "Eau & \"mer\"", water.name_en = "Water", water.color = {0, 0, 255};
  forest.code = 23, forest.name = "Forêts", forest.name_en = "Broad-leaved forest", forest.color = {0xab, 0x9c, 1};
  nomenclature.classes = {water, forest};
  return nomenclature;
}

TEST(Qml, ClassesWithNamesAndColors) {
  const std::string style = class_style(two_classes());
  EXPECT_THAT(style, HasSubstr("type=\"paletted\""));
  EXPECT_THAT(style, HasSubstr("<paletteEntry value=\"1\" label=\"Eau &amp; &quot;mer&quot;\" color=\"#0000ff\" alpha=\"255\"/>"));
  EXPECT_THAT(style, HasSubstr("<paletteEntry value=\"23\" label=\"Forêts\" color=\"#ab9c01\" alpha=\"255\"/>"));
}

TEST(Zarr, AxesAreThoseOfTheReferenceSystem) {
  for (const auto& [crs, pixel, x, y] : {std::tuple("EPSG:4326", 0.01, "longitude degrees_east", "latitude degrees_north"),
                                         {"EPSG:2154", 10.0, "projection_x_coordinate m", "projection_y_coordinate m"}}) {
    const std::string cube = testing::temp_dir() + "/cube.zarr";
    ZarrWriter writer(cube, {crs, 2, 45, pixel, pixel, 4, 3}, {Date::parse("20210511")}, nlohmann::ordered_json::object());
    writer.commit();
    const auto axis = [&](const char* name) {
      const auto attributes = nlohmann::json::parse(read_text(cube + "/" + name + "/.zattrs"));
      return attributes.at("standard_name").get<std::string>() + " " + attributes.at("units").get<std::string>();
    };
    EXPECT_EQ(axis("x"), x);
    EXPECT_EQ(axis("y"), y);
  }
}

TEST(Qml, NumbersFromZeroToTheMaximum) {
  const std::string style = number_style(validity_ramp(), 42, "");
  EXPECT_THAT(style, HasSubstr("type=\"singlebandpseudocolor\""));
  EXPECT_THAT(style, HasSubstr("<item value=\"0\" label=\"0\" color=\"#eff3ff\""));
  EXPECT_THAT(style, HasSubstr("<item value=\"42\" label=\"42\" color=\"#08519c\""));
  EXPECT_THAT(number_style(confidence_ramp(), 100, "%"), HasSubstr("label=\"50 %\" color=\"#21918c\""));
}

TEST(ColorRamp, IsLinearBetweenItsStops) {
  const ColorRamp ramp{{{0, 0, 0}, {100, 200, 50}, {100, 0, 250}}};
  EXPECT_EQ(ramp.at(0), (Color{0, 0, 0}));
  EXPECT_EQ(ramp.at(0.25), (Color{50, 100, 25}));
  EXPECT_EQ(ramp.at(0.5), (Color{100, 200, 50}));
  EXPECT_EQ(ramp.at(1), (Color{100, 0, 250}));
  EXPECT_EQ(ramp.at(7), (Color{100, 0, 250}));
}

TEST(Picture, SmallRastersComeAsTheyAreLargeOnesReduced) {
  const std::string file = testing::temp_dir() + "/map.tif";
  LabelMap map(Grid{"EPSG:2154", 600000, 6600000, 10, 10, 300, 120});
  for (std::size_t i = 0; i < map.samples.size(); ++i) map.samples[i] = i % 300 < 150 ? 1 : 23;
  write_raster(file, map, {});
  EXPECT_EQ(read_reduced(file, 300).samples, map.samples);

  const auto reduced = read_reduced(file, 100);
  EXPECT_EQ(reduced.grid.cols, 100);
  EXPECT_EQ(reduced.grid.rows, 40);
  EXPECT_DOUBLE_EQ(reduced.grid.pixel_width, 30);
  EXPECT_EQ(reduced.at(0, 0), 1);
  EXPECT_EQ(reduced.at(49, 39), 1);
  EXPECT_EQ(reduced.at(50, 0), 23);
}

TEST(Picture, WideCodesAreDrawnByTheirPlaces) {
  Nomenclature nomenclature = two_classes();
  nomenclature.classes[1].code = 1000;
  Raster<std::uint16_t> map(Grid{"EPSG:2154", 600000, 6600000, 10, 10, 3, 1});
  map.samples = {static_cast<std::uint16_t>(nomenclature.classes[0].code), 1000, 0};
  const std::string file = testing::temp_dir() + "/map.tif";
  write_raster(file, map, {});
  EXPECT_EQ(read_reduced_classes(file, 10, nomenclature).samples, (std::vector<std::uint8_t>{1, 2, 0}));
  EXPECT_EQ(class_palette(nomenclature)[2].color, nomenclature.classes[1].color);
  EXPECT_EQ(class_palette(two_classes())[static_cast<std::size_t>(two_classes().classes[1].code)].color, two_classes().classes[1].color);
}

TEST(Picture, PngHoldsPixelsAndPalette) {
  Raster<std::uint8_t> picture(Grid{"EPSG:2154", 0, 0, 10, 10, 3, 2});
  picture.samples = {0, 1, 23, 23, 1, 0};
  const std::string png = encode_png(picture, class_palette(two_classes()));
  ASSERT_GT(png.size(), 50u);
  EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
  EXPECT_THAT(png, HasSubstr("PLTE"));
  EXPECT_THAT(png, HasSubstr("tRNS"));  // 0 is transparent
  EXPECT_EQ(png, encode_png(picture, class_palette(two_classes())));
  EXPECT_THAT(embedded_png(picture, class_palette(two_classes())), ::testing::StartsWith("data:image/png;base64,iVBORw0KGgo"));
}

TEST(MapPyramid, LevelsHalveTheMapUntilTheBytesAreSpent) {
  const std::string file = testing::temp_dir() + "/map.tif";
  LabelMap map(Grid{"EPSG:2154", 600000, 6600000, 10, 10, 1100, 300});
  for (int row = 0; row < 300; ++row)
    for (int col = 300; col < 1100; ++col) map.at(col, row) = (row / 8 + col / 8) % 2 ? 23 : 1;
  write_raster(file, map, {});
  const auto levels = read_class_pyramid(file, 1 << 20, two_classes());
  ASSERT_EQ(levels.size(), 3u);
  EXPECT_EQ(levels[0].factor, 4);  // 1100 px are more than 512
  EXPECT_EQ(levels[0].cols, 275);
  EXPECT_EQ(levels[0].rows, 75);
  EXPECT_EQ(levels[0].tiles.size(), 2u);
  EXPECT_EQ(levels[2].factor, 1);
  ASSERT_EQ(levels[2].tiles.size(), 10u);  // 5 x 2 tiles of 256 px
  EXPECT_EQ(levels[2].tiles[0], "") << "nothing there";
  EXPECT_THAT(levels[2].tiles[4], ::testing::StartsWith("eN")) << "a zlib stream of the best compression, 0x78 0xda, in base64";
  EXPECT_EQ(read_class_pyramid(file, 0, two_classes()).size(), 1u) << "the coarsest has no limit";
}

TEST(Stac, DescribesAssetsGridAndClasses) {
  const std::string folder = testing::temp_dir();
  write_text(folder + "/map.tif", "abc");
  const Nomenclature nomenclature = two_classes();
  StacItem item;
  item.id = "OCS_2021";
  item.title = "Land cover 2021";
  item.licence = "etalab-2.0";
  item.start = "2021-01-01", item.end = "2021-12-31";
  item.grid = {"EPSG:2154", 600000, 6600000, 10, 10, 3000, 2000};
  item.level = "L4", item.lineage = "test", item.software_version = "1.2.3";
  item.assets = {{"map", "map.tif", "Map", kCogMediaType, {"data"}, StacBand{"class", "Class", "", 0, 0, 0, &nomenclature}}};
  const auto json = stac_item(item, folder);

  EXPECT_EQ(json.at("stac_version"), "1.1.0");
  const auto& properties = json.at("properties");
  EXPECT_TRUE(properties.at("datetime").is_null());
  EXPECT_EQ(properties.at("start_datetime"), "2021-01-01T00:00:00Z");
  EXPECT_EQ(properties.at("proj:code"), "EPSG:2154");
  EXPECT_EQ(properties.at("proj:shape").dump(), "[2000,3000]");
  EXPECT_EQ(properties.at("proj:bbox").dump(), "[600000.0,6580000.0,630000.0,6600000.0]");
  EXPECT_EQ(properties.at("gsd"), 10);
  const auto& map = json.at("assets").at("map");
  EXPECT_EQ(map.at("href"), "./map.tif");
  EXPECT_EQ(map.at("file:size"), 3);
  EXPECT_EQ(map.at("file:checksum"), "1220" + sha256("abc"));
  const auto& classes = map.at("bands").at(0).at("classification:classes");
  EXPECT_EQ(classes.size(), 3u);
  EXPECT_EQ(classes.at(2).at("name"), "broad_leaved_forest");
  EXPECT_EQ(classes.at(2).at("title"), "Forêts");
  EXPECT_EQ(classes.at(2).at("color_hint"), "AB9C01");

  // The upper left corner lies where Lambert-93 says: 2.0 to 2.1 degrees east, 46.4 to 46.6 north; the ring is closed and
  // counter-clockwise.
  const auto& ring = json.at("geometry").at("coordinates").at(0);
  EXPECT_EQ(ring.front(), ring.back());
  double area = 0;
  for (std::size_t i = 0; i + 1 < ring.size(); ++i)
    area += ring[i][0].get<double>() * ring[i + 1][1].get<double>() - ring[i + 1][0].get<double>() * ring[i][1].get<double>();
  EXPECT_GT(area, 0);
  EXPECT_NEAR(json.at("bbox").at(0).get<double>(), 1.695, 0.01);
  EXPECT_NEAR(json.at("bbox").at(3).get<double>(), 46.497, 0.01);
  for (const char* extension : {"projection", "raster", "classification", "file", "processing"})
    EXPECT_THAT(json.at("stac_extensions").dump(), HasSubstr(extension));
}

// RFC 7946, sections 3.1.9 and 5.2.
TEST(Stac, AcrossThe180thMeridianTheGeometryIsCutAndTheBoxHasItsWestAboveItsEast) {
  const std::string folder = testing::temp_dir();
  const Point line = CoordinateTransform("EPSG:4326", "EPSG:32760")(Point{180, -17});
  for (const Grid& grid : {Grid{"EPSG:32760", line.x - 50000, line.y + 50000, 10, 10, 10000, 10000},
                           Grid{"EPSG:4326", 179.5, -16.5, 0.0001, 0.0001, 10000, 10000}}) {
    StacItem item;
    item.grid = grid;
    const auto json = stac_item(item, folder);
    const auto& box = json.at("bbox");
    EXPECT_NEAR(box.at(0).get<double>(), 179.5, 0.05);
    EXPECT_NEAR(box.at(2).get<double>(), -179.5, 0.05);
    EXPECT_LT(box.at(1).get<double>(), box.at(3).get<double>());
    EXPECT_EQ(json.at("geometry").at("type"), "MultiPolygon");
    const auto& parts = json.at("geometry").at("coordinates");
    ASSERT_EQ(parts.size(), 2u);
    for (const auto& part : parts) {
      EXPECT_EQ(part.at(0).front(), part.at(0).back());
      for (const auto& point : part.at(0)) {
        EXPECT_LE(std::abs(point.at(0).get<double>()), 180);
        EXPECT_GE(std::abs(point.at(0).get<double>()), 179.4);
      }
    }
  }
}

TEST(Stac, AroundAPoleTheBoxIsAWholeTurn) {
  StacItem item;
  item.grid = {"EPSG:3031", -1000000, 1000000, 1000, 1000, 2000, 2000};  // the south pole
  const auto json = stac_item(item, testing::temp_dir());
  EXPECT_EQ(json.at("bbox").at(0), -180);
  EXPECT_EQ(json.at("bbox").at(1), -90);
  EXPECT_EQ(json.at("bbox").at(2), 180);
}

TEST(Stac, GeographicSystemsHaveNoMetres) {
  EXPECT_EQ(metres_per_unit("EPSG:2154"), 1);
  EXPECT_EQ(metres_per_unit("EPSG:4326"), std::nullopt);
}

}  // namespace
}  // namespace millesime
