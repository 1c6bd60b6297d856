#include "pipeline/stages/statistics.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/io/geodesy.h"
#include "pipeline/io/raster_file.h"
#include "tests/support/message_of.h"
#include "tests/support/silent_context.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

Polygon box(double x0, double y0, double x1, double y1) { return {{{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}, {x0, y0}}}}; }

class StatisticsTest : public ::testing::Test {
 protected:
  StatisticsTest() {
    command.map = folder + "/map.tif", command.nomenclature = "oso23", command.output = folder + "/out.csv";
    write(command.map, {1, 1, 1, 23,  //
                        1, 1, 23, 0});
  }
  template <class T>
  void write(const std::string& path, const std::vector<T>& samples) const {
    Raster<T> map(grid);
    map.samples = samples;
    write_raster(path, map, {});
  }
  void write(const std::string& path, const std::vector<std::uint8_t>& samples) const { write<std::uint8_t>(path, samples); }
  void zones(const std::vector<std::pair<std::string, Polygon>>& polygons) {
    std::vector<OutputFeature> features;
    for (const auto& [name, polygon] : polygons) features.push_back({{polygon}, {name}});
    command.zones.path = folder + "/zones.gpkg", command.zones.field = "code";
    write_polygons(command.zones.path, "zones", "EPSG:2154", {"code"}, features);
  }

  Grid grid{"EPSG:2154", 700000, 6600000, 100, 100, 4, 2};  // hectares
  double true_ha = pixel_areas(grid)->m2(1, 1) / 1e4;
  std::string folder = testing::temp_dir();
  testing::SilentContext silent;
  StatisticsCommand command;
};

TEST_F(StatisticsTest, TheWholeMap) {
  command.confidence = folder + "/confidence.tif";
  write(command.confidence, {80, 80, 80, 50, 80, 60, 60, 10});
  const StatisticsResult result = zone_statistics(command, silent.context);
  ASSERT_EQ(result.each.size(), 1u);
  const ZoneStatistics& map = result.each[0];
  EXPECT_NEAR(static_cast<double>(map.classes[0].cm2) / 1e8, 5 * true_ha, 1e-5);
  EXPECT_NEAR(static_cast<double>(map.unmapped_cm2) / 1e8, true_ha, 1e-5);
  EXPECT_DOUBLE_EQ(map.mean_confidence(), 490.0 / 7);
  const std::string csv = statistics_csv(result);
  EXPECT_THAT(csv, HasSubstr("zone,code,name,ha,percent,confidence\nmap,1,Dense built-up area,5."));
  command.names.language = "fr";
  EXPECT_THAT(statistics_csv(zone_statistics(command, silent.context)), HasSubstr("\nmap,1,Urbain dense,5."));
  EXPECT_THAT(csv, HasSubstr(",71.4286,76.00\n"));
}

TEST_F(StatisticsTest, APixelBelongsToTheZoneThatHoldsItsCentreOrIsShared) {
  zones({{"west", box(700000, 6599700, 700140, 6600100)}, {"east", box(700140, 6599700, 700500, 6600100)}});
  const auto ha = [&](std::size_t zone, std::size_t index) {
    return static_cast<double>(zone_statistics(command, silent.context).each[zone].classes[index].cm2) / 1e8 / true_ha;
  };
  EXPECT_NEAR(ha(0, 0), 2, 1e-4);
  EXPECT_NEAR(ha(1, 0), 3, 1e-4);
  command.pixels = "share";
  EXPECT_NEAR(ha(0, 0), 2.8, 1e-4);
  EXPECT_NEAR(ha(1, 0), 2.2, 1e-4);
  EXPECT_NEAR(ha(1, 22), 2, 1e-4);
}

TEST_F(StatisticsTest, WhatLiesBeyondTheMapIsSaid) {
  command.confidence = folder + "/confidence.tif";
  write(command.confidence, {80, 80, 80, 50, 80, 60, 60, 10});
  command.second = command.map;
  // The two eastern columns and as much again beside the map; a row above and one below it; one that holds no centre.
  zones({{"east", box(700200, 6599800, 700600, 6600000)},
         {"west", box(700000, 6599700, 700100, 6600100)},
         {"sliver", box(700110, 6599900, 700120, 6599980)}});
  for (const char* rule : {"centre", "share"}) {
    command.pixels = rule;
    const StatisticsResult result = zone_statistics(command, silent.context);
    EXPECT_NEAR(static_cast<double>(result.each[0].beyond_cm2) / 1e8, 4 * true_ha, 1e-4);
    EXPECT_NEAR(static_cast<double>(result.each[0].mapped_cm2()) / 1e8, 3 * true_ha, 1e-4);
    EXPECT_NEAR(static_cast<double>(result.each[1].beyond_cm2) / 1e8, 2 * true_ha, 1e-4);
    EXPECT_EQ(result.each[2].beyond_cm2, 0);
  }
  command.pixels = "centre";
  const std::vector<std::string> lines = statistics(command, silent.context);
  EXPECT_THAT(lines[0], HasSubstr(" ha not, 4.0"));
  EXPECT_THAT(lines[0], HasSubstr(" ha beyond the map, confidence "));
  EXPECT_THAT(lines[2], ::testing::AllOf(HasSubstr("no pixel has its centre"), ::testing::Not(HasSubstr("nan"))));
  command.output = folder + "/beyond.gpkg";
  statistics(command, silent.context);
  EXPECT_NEAR(std::stod(read_polygons(command.output, "", {"beyond"}, "").features.at(0).attributes.at("beyond")), 4 * true_ha, 1e-4);
}

TEST_F(StatisticsTest, WhatChanged) {
  command.second = folder + "/second.tif";
  write(command.second, {1, 1, 23, 23, 1, 0, 23, 23});
  command.output = folder + "/change.gpkg";
  zones({{"all", box(600000, 6500000, 800000, 6700000)}, {"far", box(0, 0, 10, 10)}});
  const auto lines = statistics(command, silent.context);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], HasSubstr("16.67 % changed"));  // of six pixels with a class in both
  EXPECT_THAT(lines[1], HasSubstr("1 zone lies outside of the map: far"));
  const VectorLayer layer = read_polygons(command.output, "", {"zone"}, "");
  ASSERT_EQ(layer.features.size(), 1u);
  EXPECT_NEAR(std::stod(layer.features[0].attributes.at("changed")), true_ha, 1e-5);
  EXPECT_NEAR(std::stod(layer.features[0].attributes.at("UrbainDens")), 100 * 5.0 / 7, 1e-3);
  const StatisticsResult result = zone_statistics(command, silent.context);
  EXPECT_NEAR(static_cast<double>(result.each[0].classes[0].lost_cm2) / 1e8, true_ha, 1e-5);
  EXPECT_NEAR(static_cast<double>(result.each[0].classes[22].gained_cm2) / 1e8, true_ha, 1e-5);
  EXPECT_NEAR(static_cast<double>(result.each[0].classes[22].second_cm2) / 1e8, 4 * true_ha, 1e-5);
}

TEST_F(StatisticsTest, BadInput) {
  zones({{"west", box(700000, 6599700, 700300, 6600100)}, {"east", box(700100, 6599700, 700500, 6600100)}});
  const auto refusal = [&] { return message_of([&] { statistics(command, silent.context); }); };
  for (const char* rule : {"centre", "share"}) {
    command.pixels = rule;
    EXPECT_THAT(refusal(), HasSubstr("the zone \"east\" overlaps another one"));
  }
  command.pixels = "centre";
  command.zones.overlap = "last";
  EXPECT_NEAR(static_cast<double>(zone_statistics(command, silent.context).each[0].classes[0].cm2) / 1e8, 2 * true_ha, 1e-5);
  command.nomenclature = "oso17";
  EXPECT_THAT(refusal(), HasSubstr("holds the class 1, which the nomenclature oso17"));
  command.nomenclature = "";
  EXPECT_THAT(refusal(), HasSubstr("has no palette"));
  command.nomenclature = "oso23";
  command.output = folder + "/out.xlsx";
  EXPECT_THAT(refusal(), HasSubstr("unknown vector format"));
}

}  // namespace
}  // namespace millesime
