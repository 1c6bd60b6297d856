#include "pipeline/stages/vectorise.h"

#include <cmath>
#include <filesystem>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/language.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/vector_file.h"
#include "tests/support/message_of.h"
#include "tests/support/silent_context.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

template <class T>
void write_map(const std::string& path, int cols, double pixel, const std::vector<T>& samples) {
  Raster<T> map(Grid{"EPSG:2154", 700000, 6600000, pixel, pixel, cols, static_cast<int>(samples.size()) / cols});
  map.samples = samples;
  write_raster(path, map, {});
}

Nomenclature two_classes() {
  Nomenclature nomenclature;
  nomenclature.name = "two";
  nomenclature.classes = {{.code = 11, .name = "blé", .name_en = "wheat", .color = {}, .alias = "Ble", .parent = 0},
                          {.code = 300, .name = "eau", .name_en = "water", .color = {}, .alias = "a_very_long_alias", .parent = 0}};
  return nomenclature;
}

class VectoriseTest : public ::testing::Test {
 protected:
  VectoriseTest() {
    maps.map = folder + "/map.tif";
    maps.classification = folder + "/fine.tif", maps.confidence = folder + "/confidence.tif", maps.validity = folder + "/validity.tif";
    // 20 m: two classes side by side, one pixel unmapped; codes above 255.
    write_map<std::uint16_t>(maps.map, 4, 20, {11, 11, 300, 300, 11, 11, 300, 0});
    std::vector<std::uint16_t> fine;
    std::vector<std::uint8_t> confidence, validity;
    for (int r = 0; r < 4; ++r)
      for (int c = 0; c < 8; ++c) {
        fine.push_back(r == 0 && c == 0 ? 0 : r == 1 && c < 3 ? 300 : c < 4 ? 11 : 300);
        confidence.push_back(static_cast<std::uint8_t>(c < 4 ? 80 : 60));
        validity.push_back(static_cast<std::uint8_t>(r % 2 == 0 ? 10 : 20));
      }
    write_map(maps.classification, 8, 10, fine);
    write_map(maps.confidence, 8, 10, confidence);
    write_map(maps.validity, 8, 10, validity);
  }
  VectorLayer polygons(const std::string& file) const {
    vectorise_zone(maps, two_classes(), options, nullptr, 0, {file}, silent.context);
    return read_polygons(file, "", {"Classe"}, "");
  }

  std::string folder = testing::temp_dir();
  testing::SilentContext silent;
  CoverageMaps maps;
  VectoriseOptions options;
};

TEST_F(VectoriseTest, AttributesAreThoseOfTheFineMaps) {
  const VectorLayer layer = polygons(folder + "/out.gpkg");
  EXPECT_THAT(layer.fields,
              ElementsAre("Classe", "Nom", "Name", "Validmean", "Validstd", "Confidence", "Ble", "a_very_long_alias", "Aire"));
  ASSERT_EQ(layer.features.size(), 2u);
  const auto& wheat = layer.features[0].attributes;
  EXPECT_EQ(wheat.at("Classe"), "11");
  EXPECT_EQ(wheat.at("Nom"), "blé");
  EXPECT_EQ(wheat.at("Name"), "wheat");
  EXPECT_EQ(wheat.at("Validmean"), "15.33");  // of the 15 pixels with a class: 7 x 10, 8 x 20
  EXPECT_EQ(wheat.at("Validstd"), "4.99");
  EXPECT_EQ(wheat.at("Confidence"), "80");
  EXPECT_EQ(wheat.at("Ble"), "80");  // 12 of 15 pixels with a class
  EXPECT_EQ(wheat.at("a_very_long_alias"), "20");
  // 4 pixels of 20 m in Lambert-93 at 46.5 N, 3 E, where its scale is largest: areas are 1.5 per mille too small.
  EXPECT_NEAR(std::stod(wheat.at("Aire")), 1600 / 0.9983, 1.0);
  EXPECT_NEAR(layer.features[0].area() + layer.features[1].area(), 7 * 400, 1e-6);
}

TEST_F(VectoriseTest, PixelsWithoutDataHaveNoObservations) {
  const Grid grid{"EPSG:2154", 700000, 6600000, 10, 10, 8, 4};
  Raster<std::uint8_t> validity(grid);
  for (int r = 0; r < 4; ++r)
    for (int c = 0; c < 8; ++c) validity.at(c, r) = c < 2 ? 0 : 10;
  write_raster(maps.validity, validity, {.nodata = 0, .nomenclature = nullptr, .band_names = {}});
  for (const bool with_classes : {true, false}) {
    if (with_classes)
      write_map<std::uint16_t>(maps.classification, 8, 10, [] {
        std::vector<std::uint16_t> fine;
        for (int i = 0; i < 32; ++i) fine.push_back(i % 8 < 2 ? 0 : i % 8 < 4 ? 11 : 300);
        return fine;
      }());
    else
      maps.classification.clear();
    vectorise_zone(maps, two_classes(), options, nullptr, 0, {folder + "/v.gpkg"}, silent.context);
    const auto wheat = read_polygons(folder + "/v.gpkg", "", {"Classe"}, "").features.at(0).attributes;
    EXPECT_EQ(wheat.at("Validmean"), "10");
    EXPECT_EQ(wheat.at("Validstd"), "0");
  }
}

TEST_F(VectoriseTest, AreasAtTheBorderOfTheMapAreThoseOfThePolygons) {
  // A patch at the right and at the lower border whose corner was cut off: simplified, it is a square.
  std::vector<std::uint8_t> labels(900, 11);
  for (int r = 10; r < 15; ++r)
    for (int c = 25; c < 30; ++c) labels[static_cast<std::size_t>(r * 30 + c)] = r == 10 && c == 29 ? 11 : 12;
  for (int r = 25; r < 30; ++r)
    for (int c = 10; c < 15; ++c) labels[static_cast<std::size_t>(r * 30 + c)] = r == 29 && c == 10 ? 11 : 12;
  Nomenclature nomenclature = two_classes();
  nomenclature.classes[1].code = 12;
  maps = {};
  maps.map = folder + "/border.tif";
  write_map(maps.map, 30, 10, labels);
  for (const char* outline : {"diagonals", "pixels"}) {
    options.outline = outline;
    vectorise_zone(maps, nomenclature, options, nullptr, 0, {folder + "/b.gpkg"}, silent.context);
    for (const Feature& polygon : read_polygons(folder + "/b.gpkg", "", {"Classe"}, "").features)
      EXPECT_NEAR(std::stod(polygon.attributes.at("Aire")) / polygon.area(), 1 / 0.9983, 1e-3)
          << outline << polygon.attributes.at("Classe");
  }
}

TEST_F(VectoriseTest, ShortNamesInShapefiles) {
  EXPECT_THAT(polygons(folder + "/out.zip").fields,
              ElementsAre("Classe", "Validmean", "Validstd", "Confidence", "Ble", "a_very_lon", "Aire"));
}

TEST_F(VectoriseTest, AliasesDoNotTakeTheNamesOfOtherFields) {
  Nomenclature odd = two_classes();
  odd.classes[0].alias = "fid", odd.classes[1].alias = "Aire";
  for (const char* file : {"/odd.gpkg", "/odd.zip"}) {
    vectorise_zone(maps, odd, options, nullptr, 0, {folder + file}, silent.context);
    const VectorLayer layer = read_polygons(folder + file, "", {"fid_2", "Aire_2"}, "");
    EXPECT_EQ(layer.features.at(0).attributes.at("fid_2"), "80");
    EXPECT_NEAR(std::stod(layer.features.at(0).attributes.at("Aire")), 1600 / 0.9983, 1.0);
  }
}

TEST_F(VectoriseTest, TheLegendOfTheMapNamesItsClasses) {
  Nomenclature legend = named_in(Nomenclature::load("oso23"), Language::en);
  write_map<std::uint8_t>(folder + "/codes.tif", 2, 20, {17, 16});
  write_cog(folder + "/codes.tif", folder + "/OCS.tif",
            {.compression = "DEFLATE", .classes = true, .nomenclature = &legend, .band_names = {}});
  std::filesystem::remove(folder + "/OCS.tif.aux.xml");  // the file is passed on alone
  const Nomenclature read = nomenclature_of_map("", folder + "/OCS.tif");
  EXPECT_EQ(read.name, "oso23") << "with aliases, groups and mappings";
  EXPECT_EQ(read.classes[16].name, "Coniferous forest");
  EXPECT_EQ(read.classes[16].alias, "Coniferes");
  legend.classes.pop_back();  // another legend stays itself
  write_cog(folder + "/codes.tif", folder + "/OCS.tif",
            {.compression = "DEFLATE", .classes = true, .nomenclature = &legend, .band_names = {}});
  EXPECT_EQ(nomenclature_of_map("", folder + "/OCS.tif").size(), 22);
}

TEST_F(VectoriseTest, SharesOfPixelsAreAnOption) {
  options.statistics = "share";
  EXPECT_EQ(polygons(folder + "/out.gpkg").features.at(0).attributes.at("Confidence"), "80");
}

TEST_F(VectoriseTest, ZonesShareTheirBorder) {
  // Two zones, whose border cuts class 11 between columns 1 and 2; a file each, and names that are not safe as they are.
  const Polygon west{{{{700000, 6599900}, {700020, 6599900}, {700020, 6600000}, {700000, 6600000}, {700000, 6599900}}}};
  const Polygon east{{{{700020, 6599900}, {700080, 6599900}, {700080, 6600000}, {700020, 6600000}, {700020, 6599900}}}};
  VectoriseCommand command;
  command.zones.path = folder + "/zones.gpkg", command.zones.field = "code";
  write_polygons(command.zones.path, "zones", "EPSG:2154", {"code"}, {{{west}, {std::string("2A")}}, {{east}, {std::string("../31")}}});
  command.maps = maps;
  command.nomenclature = folder + "/two.json";
  std::FILE* file = std::fopen(command.nomenclature.c_str(), "w");
  std::fputs(two_classes().to_json().c_str(), file);
  std::fclose(file);
  command.formats = {"fgb"};
  command.output = folder + "/zones";
  const auto lines = vectorise(command, silent.context);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], HasSubstr("departement_2A.fgb: 1 polygons"));
  const VectorLayer first = read_polygons(folder + "/zones/departement_2A.fgb", "", {}, "");
  const VectorLayer second = read_polygons(folder + "/zones/" + zone_file(command, "../31", "fgb"), "", {}, "");
  EXPECT_EQ(zone_file(command, "../31", "fgb").find('/'), std::string::npos);
  ASSERT_EQ(second.features.size(), 2u);
  EXPECT_NEAR(first.features[0].area() + second.features[0].area() + second.features[1].area(), 7 * 400, 1e-6);

  command.zones.path.clear(), command.output = folder + "/one.gpkg";
  EXPECT_THAT(message_of([&] { vectorise(command, silent.context); }), HasSubstr("--formats fgb: is for the files of --zones"));
}

TEST_F(VectoriseTest, FilesOfZonesDifferInMoreThanTheCaseOfTheirLetters) {
  Zones zones;
  for (const char* name : {"north", "2A"}) zones.zones.push_back({name, {}, {}});
  zones.outside = {"North"};  // the names stay when it meets the map
  const std::vector<std::string> names = zone_names(zones);
  ASSERT_EQ(names.size(), 2u);
  EXPECT_EQ(zone_file({}, names[0], "fgb").substr(0, 19), "departement_north_~");
  EXPECT_EQ(zone_file({}, names[1], "fgb"), "departement_2A.fgb");
}

TEST_F(VectoriseTest, BadInput) {
  const auto refusal = [&] { return message_of([&] { polygons(folder + "/out.gpkg"); }); };
  Nomenclature without = two_classes();
  without.classes.pop_back();
  EXPECT_THAT(message_of([&] { vectorise_zone(maps, without, options, nullptr, 0, {folder + "/out.gpkg"}, silent.context); }),
              HasSubstr("map.tif: holds the class 300, which the nomenclature two does not have"));
  write_map<std::uint8_t>(maps.confidence, 3, 15, {1, 2, 3});
  EXPECT_THAT(refusal(), HasSubstr("confidence.tif: expected the grid of the map"));
  maps.confidence = maps.map;
  EXPECT_THAT(refusal(), HasSubstr("expected the pixel size of the other maps"));
  write_map<std::uint8_t>(folder + "/part.tif", 8, 10, std::vector<std::uint8_t>(8 * 2, 80));
  maps.confidence = folder + "/part.tif";
  EXPECT_THAT(refusal(), HasSubstr("part.tif: expected to cover the map"));
  maps.confidence = maps.map;
  EXPECT_THAT(message_of([&] { nomenclature_of_map("", maps.map); }), HasSubstr("has no palette"));
  maps.confidence = "";
  maps.map = folder + "/float.tif";
  write_map<float>(maps.map, 2, 20, {0.5f, 2});
  EXPECT_THAT(refusal(), HasSubstr("float.tif: "));
}

}  // namespace
}  // namespace millesime
