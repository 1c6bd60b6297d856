// Two maps of one grid.

#include "pipeline/stages/compare.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/io/raster_file.h"
#include "tests/support/message_of.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Compare : public ::testing::Test {
 protected:
  Compare() {
    context.progress = &progress;
    context.memory_bytes = 1;  // windows of one block
    command.first = write("a.tif", {1, 1, 1, 2, 2, 0, 0, 3});
    command.second = write("b.tif", {1, 1, 2, 2, 1, 1, 0, 0});
    write_text(
        folder + "/n.toml",
        "name = \"n\"\nclass = [{ code = 1, name = \"Wheat, durum\" }, { code = 2, name = \"Forest\" }, { code = 3, name = \"Water\" }]\n");
    command.nomenclature = folder + "/n.toml";
  }
  std::string write(const std::string& name, const std::vector<std::uint8_t>& samples, double left = 500000,
                    const char* crs = "EPSG:2154") {
    Raster<std::uint8_t> raster;
    raster.grid = Grid{crs, left, 6500000, 10, 10, 4, 2};
    raster.samples = samples;
    write_raster(folder + "/" + name, raster, {});
    return folder + "/" + name;
  }
  testing::SilentProgress progress;
  Context context;
  std::string folder = testing::temp_dir();
  CompareCommand command;
};

TEST_F(Compare, CountsWhatAgreesWhatChangedAndWhatOnlyOneMapHas) {
  const Comparison c = compare_maps(command, context);
  EXPECT_EQ(c.compared(), 5);
  EXPECT_EQ(c.changed(), 2);
  EXPECT_EQ(c.changes.count(1, 2), 1);
  EXPECT_EQ(c.changes.count(2, 1), 1);
  EXPECT_EQ(c.only_first, 1);
  EXPECT_EQ(c.only_second, 1);
  EXPECT_EQ(c.neither, 1);
  const auto json = to_json(c);
  EXPECT_DOUBLE_EQ(json["agreement"].get<double>(), 0.6);
  EXPECT_NEAR(json["classes"][0]["first_ha"].get<double>(), 0.03, 0.03 * 2e-3);  // of Lambert-93 at 45.5° N
  EXPECT_DOUBLE_EQ(json["classes"][0]["kept"].get<double>(), 2.0 / 3);
  EXPECT_EQ(json["changes"][0]["from_name"], "Wheat, durum");
  EXPECT_EQ(json["changes"].size(), 2u);
  EXPECT_THAT(to_text(c),
              AllOf(HasSubstr("0.6000"), HasSubstr("Wheat, durum -> Forest"), HasSubstr("1 px in the first, 1 px in the second")));
}

TEST_F(Compare, TheMapOfChangesHasTheNewClassWhereAnotherWas) {
  command.output = folder + "/out";
  command.map = true;
  compare_maps(command, context);
  const auto map = RasterReader(folder + "/out/changes.tif").read_all<std::uint8_t>();
  EXPECT_EQ(map.samples, (std::vector<std::uint8_t>{0, 0, 2, 0, 1, 0, 0, 0}));
  EXPECT_THAT(read_text(folder + "/out/changes.csv"), HasSubstr("1,\"Wheat, durum\",2,Forest,1,0.0100"));
  EXPECT_TRUE(std::filesystem::exists(folder + "/out/comparison.json"));
  command.output.clear();
  EXPECT_THAT(testing::message_of([&] { compare_maps(command, context); }), HasSubstr("--output"));
}

TEST_F(Compare, WhatDoesNotFitIsAnError) {
  command.second = write("moved.tif", std::vector<std::uint8_t>(8, 1), 500010);
  EXPECT_THAT(testing::message_of([&] { compare_maps(command, context); }), AllOf(HasSubstr("a.tif"), HasSubstr("moved.tif")));
  command.second = write("empty.tif", std::vector<std::uint8_t>(8, 0));
  EXPECT_THAT(testing::message_of([&] { compare_maps(command, context); }), HasSubstr("no pixel has a class in both"));
  command.second = write("other.tif", std::vector<std::uint8_t>(8, 9));
  EXPECT_THAT(testing::message_of([&] { compare_maps(command, context); }), HasSubstr("9"));
  command.nomenclature.clear();
  EXPECT_EQ(compare_maps(command, context).changes.count(1, 9), 3);
}

TEST_F(Compare, TheConfidenceOfTheMapsExplainsAShareOfTheDifference) {
  command.first_confidence = write("ca.tif", {90, 90, 49, 90, 99, 90, 90, 90});
  EXPECT_THAT(testing::message_of([&] { compare_maps(command, context); }), HasSubstr("got one"));
  command.second_confidence = write("cb.tif", {90, 90, 100, 90, 79, 90, 90, 90});
  command.output = folder + "/out";
  command.map = true;
  const Comparison c = compare_maps(command, context);
  // Pixels 1 -> 2 and 2 -> 1: 49 % and 99 % are 0.495 and 0.995 in the middle of the step, 100 % is 1, 79 % is 0.795.
  EXPECT_DOUBLE_EQ(c.both_right->at({1, 2}), 0.495);
  EXPECT_DOUBLE_EQ(c.both_right->at({2, 1}), 0.791);
  EXPECT_DOUBLE_EQ(c.explained(), 1 - (0.495 + 0.791) / 2);
  EXPECT_THAT(to_text(c),
              AllOf(HasSubstr("both labels are right at 64.3 %"), HasSubstr("35.7 % are explained"), HasSubstr("no lasting change")));
  EXPECT_DOUBLE_EQ(to_json(c)["confidence"]["explained"].get<double>(), c.explained());
  EXPECT_EQ(RasterReader(folder + "/out/changes_confidence.tif").read_all<std::uint8_t>().samples,
            (std::vector<std::uint8_t>{0, 0, 49, 0, 79, 0, 0, 0}));
  EXPECT_THAT(read_text(folder + "/out/matrix.csv"), HasSubstr("\"1 Wheat, durum\",0.0200,0.0100\n"));
  command.second_confidence = write("moved.tif", std::vector<std::uint8_t>(8, 90), 500010);
  EXPECT_THAT(testing::message_of([&] { compare_maps(command, context); }), AllOf(HasSubstr("a.tif"), HasSubstr("moved.tif")));
}

TEST_F(Compare, SeventeenAndTwentyThreeClassesAreComparedInSeventeen) {
  // 2017: summer crops, winter crops, broad-leaved, water; 2021: maize, rapeseed, coniferous, water, straw cereals.
  command.first = write("OCS_2017.tif", {11, 12, 31, 51, 12, 0, 211, 211});
  command.second = write("OCS_2021.tif", {10, 5, 17, 23, 6, 1, 13, 13});
  command.nomenclature = "oso23";
  command.output = folder + "/out";
  command.map = true;
  const Comparison c = compare_maps(command, context);
  EXPECT_EQ(c.nomenclature.name, "oso17");
  EXPECT_EQ(c.changed(), 1);
  EXPECT_EQ(c.changes.count(31, 32), 1);
  EXPECT_EQ(c.changes.count(12, 12), 2);
  ASSERT_EQ(c.notes.size(), 1u);
  EXPECT_THAT(c.notes[0], AllOf(HasSubstr("OCS_2021.tif"), HasSubstr("compared as those of oso17")));
  EXPECT_EQ(RasterReader(folder + "/out/changes.tif").read_all<std::uint8_t>().samples,
            (std::vector<std::uint8_t>{0, 0, 32, 0, 0, 0, 0, 0}));
  command.nomenclature = "oso17";
  EXPECT_EQ(compare_maps(command, context).changes, c.changes) << "found from either name";
  command.nomenclature.clear(), command.first_nomenclature = "oso17", command.second_nomenclature = "oso23";
  EXPECT_EQ(compare_maps(command, context).changes, c.changes) << "or said for each map";
}

TEST_F(Compare, TheLegendsOfTheMapsSayWhatTheirCodesMean) {
  const auto write_with = [&](const std::string& name, const std::vector<std::uint8_t>& samples, const Nomenclature& legend) {
    Raster<std::uint8_t> raster(Grid{"EPSG:2154", 500000, 6500000, 10, 10, 4, 2});
    raster.samples = samples;
    RasterOptions options;
    options.nomenclature = &legend;
    write_raster(folder + "/" + name, raster, options);
    return folder + "/" + name;
  };
  command.nomenclature.clear();
  // Both legends are shipped nomenclatures: the maps of the test above, without a word about their classes.
  command.first = write_with("OCS_2017.tif", {11, 12, 31, 51, 12, 0, 211, 211}, Nomenclature::load("oso17"));
  command.second = write_with("OCS_2021.tif", {10, 5, 17, 23, 6, 1, 13, 13}, Nomenclature::load("oso23"));
  const Comparison c = compare_maps(command, context);
  EXPECT_EQ(c.nomenclature.name, "oso17");
  EXPECT_EQ(c.changed(), 1);
  // Own legends: their names; and a note where they do not agree.
  Nomenclature own = Nomenclature::load(folder + "/n.toml");
  command.first = write_with("a.tif", {1, 1, 1, 2, 2, 0, 0, 3}, own);
  own.classes[1].name = "Sand";
  command.second = write_with("b.tif", {1, 1, 2, 2, 1, 1, 0, 0}, own);
  const Comparison named = compare_maps(command, context);
  EXPECT_EQ(to_json(named)["changes"][0]["from_name"], "Wheat, durum");
  ASSERT_EQ(named.notes.size(), 1u);
  EXPECT_THAT(named.notes[0], HasSubstr("name class 2 differently: \"Forest\" and \"Sand\""));
  // No legend, and codes of another kind: said, not compared in silence.
  command.first = write("plain.tif", {11, 12, 31, 51, 12, 0, 211, 211});
  command.second = write("other.tif", {10, 5, 17, 23, 6, 1, 13, 13});
  ASSERT_EQ(compare_maps(command, context).notes.size(), 1u);
  EXPECT_THAT(compare_maps(command, context).notes[0], HasSubstr("0 of 5 and 7 codes in common"));
}

TEST_F(Compare, EqualMapsAgree) {
  command.second = command.first;
  EXPECT_EQ(compare_maps(command, context).changed(), 0);
}

TEST_F(Compare, HectaresAreThoseOfTheEarthAndNotOfTheProjection) {
  const auto hectares_of = [&](const Grid& grid) {
    Raster<std::uint8_t> raster;
    raster.grid = grid;
    raster.samples.assign(static_cast<std::size_t>(grid.pixels()), 2);
    command.first = command.second = folder + "/areas.tif";
    write_raster(command.first, raster, {});
    return to_json(compare_maps(command, context))["classes"][0]["first_ha"];
  };
  // The same square degree between 45° and 46° N in degrees and in Web Mercator; its area on WGS 84 by Snyder 1987, equation 3-12.
  const double square_degree_ha = 868649.4957;
  EXPECT_NEAR(hectares_of({"EPSG:4326", 2, 46, 0.01, 0.01, 100, 100}).get<double>(), square_degree_ha, 0.1);
  EXPECT_NEAR(
      hectares_of({"EPSG:3857", 2 * 111319.49079327, 5780349.220256, 111319.49079327 / 100, 158827.7340643 / 100, 100, 100}).get<double>(),
      square_degree_ha, 0.1);
  EXPECT_TRUE(hectares_of({R"(LOCAL_CS["building site",UNIT["metre",1]])", 0, 0, 10, 10, 4, 2}).is_null());
  EXPECT_THAT(to_text(compare_maps(command, context)), HasSubstr("first, px"));
}

}  // namespace
}  // namespace millesime
