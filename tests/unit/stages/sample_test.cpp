#include "pipeline/stages/sample.h"

#include <algorithm>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/imagery/reference.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/sensor.h"
#include "pipeline/io/vector_file.h"
#include "pipeline/stages/layout.h"
#include "tests/support/muscate_product.h"
#include "tests/unit/stages/sample_production.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MuscateProduct;

TEST_F(SampleStage, PixelsCarryTheSeriesOfTheirPlace) {
  make_tile("T31TCJ");
  write_reference({{2, 3, 4, 2, "6"}, {28, 10, 4, 1, "Prairies"}});
  const auto counts = run();
  EXPECT_EQ(counts["samples"], 12);
  EXPECT_EQ(counts["classes"]["6"]["pixels"], 8);
  EXPECT_EQ(counts["lone_polygons"].size(), 2u);
  const Samples s = samples();
  EXPECT_EQ(s.tile, "T31TCJ");
  EXPECT_EQ(s.year, 2018);
  ASSERT_EQ(s.size(), 12);
  EXPECT_EQ(s.series[0].source, "sentinel2");
  EXPECT_THAT(s.series[0].bands, ElementsAre("B2", "B5"));
  ASSERT_EQ(s.series[0].dates.size(), 3u);
  std::set<std::pair<int, int>> places;
  for (std::size_t i = 0; i < 12; ++i) {
    const int col = s.col[i], row = s.row[i];
    places.insert({col, row});
    const bool meadow = s.label[i] == 13;
    EXPECT_EQ(meadow, row == 10);
    EXPECT_EQ(s.x[i], kLeft + col * 10 + 5);
    EXPECT_EQ(s.y[i], kTop - row * 10 - 5);
    EXPECT_EQ(s.split_of(static_cast<std::int64_t>(i), 0), Split::learn);  // lone polygons judge nothing
    for (std::size_t d = 0; d < 3; ++d) {
      const bool cloudy = d == 1 && col >= 30;
      EXPECT_EQ(s.series[0].valid[i * 3 + d], cloudy ? 0 : 1);
      const int month = std::vector<int>{1, 5, 9}[d];
      EXPECT_EQ(s.series[0].values[(i * 3 + d) * 2], cloudy ? kNodata : month * 1000 + row * 20 + col % 20);
      EXPECT_EQ(s.series[0].values[(i * 3 + d) * 2 + 1],
                cloudy ? kNodata : month * 1000 + row / 2 * 20 + col / 2 % 20);  // nearest 20 m pixel
    }
  }
  EXPECT_EQ(places.size(), 12u);
}

TEST_F(SampleStage, SaysWhatItLeftOut) {
  make_tile("T31TCJ");
  write_reference({{2, 3, 4, 2, "6"}, {28, 10, 4, 1, ""}});
  EXPECT_EQ(text_of_sample_counts(run()), "8 samples of 1 polygon; left out: 1 polygon without a class");
  EXPECT_TRUE(progress.notes.empty());

  MuscateProduct cloudy;
  cloudy.date = "20180211", cloudy.tile = "T31TDJ", cloudy.bands = {"B2", "B5"};
  cloudy.grid = {"EPSG:32631", kLeft, kTop, 10, 10, 60, 40};
  cloudy.mask = [](const std::string& mask, int, int) { return static_cast<std::uint8_t>(mask == "CLM"); };
  testing::write_product(config.sources.front().root, cloudy);
  take_census("T31TDJ");
  write_raster(Layout(config).footprint("T31TDJ"), Raster<std::uint8_t>(cloudy.grid, 1), {});
  tiles = {"T31TDJ"};
  EXPECT_EQ(text_of_sample_counts(run("T31TDJ")),
            "0 samples of 1 polygon; left out: 1 polygon without a class, 8 pixels without a valid observation");
  EXPECT_THAT(progress.notes, ElementsAre(HasSubstr("tile T31TDJ: no pixel of the polygons has a valid observation (8 pixels)")));
}

TEST_F(SampleStage, DoesNotDependOnThreadsOrMemory) {
  make_tile("T31TCJ");
  std::vector<LabelledPatch> patches;
  for (int i = 0; i < 12; ++i) patches.push_back({i * 5, (i * 7) % 36, 4, 3, i % 2 ? "5" : "16"});
  write_reference(patches);
  config.reference.seeds = 2;
  run();
  const std::string once = read_text(Layout(config).samples("T31TCJ"));
  run("T31TCJ", 4, 1 << 20);
  EXPECT_EQ(read_text(Layout(config).samples("T31TCJ")), once);
}

TEST_F(SampleStage, ReferenceInAnotherSystemComesToTheSamePixels) {
  make_tile("T31TCJ");
  const std::vector<LabelledPatch> patches{{2, 3, 4, 2, "6"}, {28, 10, 5, 3, "13"}, {40, 20, 6, 6, "6"}};
  write_reference(patches);
  run();
  const Samples expected = samples();
  const CoordinateTransform to_degrees("EPSG:32631", "EPSG:4326");
  std::vector<OutputFeature> features;
  for (const LabelledPatch& patch : patches) {
    OutputFeature feature = feature_of(patch);
    for (Point& point : feature.parts[0].rings[0]) point = to_degrees(point);
    features.push_back(feature);
  }
  config.reference.path = folder + "/degrees.geojson";
  write_polygons(config.reference.path, "degrees", "EPSG:4326", {"CODE"}, features);
  run();
  const Samples s = samples();
  EXPECT_EQ(s.col, expected.col);
  EXPECT_EQ(s.row, expected.row);
  EXPECT_EQ(s.label, expected.label);
}

TEST_F(SampleStage, ErosionLeavesOutTheBorder) {
  make_tile("T31TCJ");
  write_reference({{2, 3, 6, 5, "6"}, {20, 3, 2, 2, "13"}, {30, 3, 6, 6, "13"}});
  config.reference.erosion_m = 10;
  const auto counts = run();
  EXPECT_EQ(counts["classes"]["6"]["pixels"], 4 * 3);
  EXPECT_EQ(counts["polygons_without_pixel"], 1);
  EXPECT_EQ(counts["classes"]["13"]["pixels"], 16);
  EXPECT_EQ(counts["lone_polygons"].size(), 2u);  // polygons without pixels are not in the split
}

TEST_F(SampleStage, PixelsUnderTwoClassesAreLeftOut) {
  make_tile("T31TCJ");
  write_reference({{2, 3, 4, 4, "6"}, {4, 3, 4, 4, "13"}, {20, 20, 4, 4, "6"}, {22, 20, 4, 4, "6"}});
  const auto counts = run();
  EXPECT_EQ(counts["pixels_of_two_classes"], 8);
  EXPECT_EQ(counts["classes"]["6"]["pixels"], 8 + 16 + 8);
  EXPECT_EQ(counts["classes"]["13"]["pixels"], 8);
}

// The same file twice, say: a copy is told as such, and one of each is kept.
TEST_F(SampleStage, PolygonsDrawnTwiceAreTold) {
  make_tile("T31TCJ");
  write_reference({{2, 3, 4, 4, "6"}, {20, 20, 4, 4, "6"}});
  run();
  const Samples once = samples();
  write_reference({{2, 3, 4, 4, "6"}, {20, 20, 4, 4, "6"}, {2, 3, 4, 4, "6"}, {40, 20, 4, 4, "6"}, {40, 20, 4, 4, "13"}});
  progress.notes.clear();
  const auto counts = run();
  EXPECT_EQ(counts["copied"], nlohmann::json::parse("[[3, 1]]"));
  EXPECT_EQ(counts["contradicted"], nlohmann::json::parse("[[5, 4]]"));
  EXPECT_EQ(counts["polygons_without_pixel"], 0);
  EXPECT_EQ(counts["pixels_of_two_classes"], 16);
  EXPECT_EQ(samples().label, once.label);
  EXPECT_EQ(samples().polygon, once.polygon);
  EXPECT_EQ(text_of_sample_counts(counts),
            "32 samples of 4 polygons; left out: 16 pixels of two classes, 1 polygon drawn before, 2 polygons drawn in two classes");
  EXPECT_THAT(progress.notes, ElementsAre(HasSubstr("1 polygon with the corners and the class of another (feature 3 of 1); one of each is"),
                                          HasSubstr("different classes (feature 5 of 4); their pixels count for none")));
}

TEST_F(SampleStage, RegionsThatOverlapAreTold) {
  make_tile("T31TCJ");
  config.regions.path = folder + "/regions.gpkg";
  config.regions.field = "region";
  write_polygons(config.regions.path, "regions", "EPSG:32631", {"region"},
                 {{{rectangle(kLeft, kTop - 400, kLeft + 200, kTop)}, {std::string("4")}},
                  {{rectangle(kLeft + 150, kTop - 400, kLeft + 600, kTop)}, {std::string("1")}}});
  write_reference({{2, 3, 4, 4, "6"}, {16, 3, 3, 4, "6"}});
  EXPECT_EQ(run()["regions_overlap"], nlohmann::json::parse(R"([{"regions": ["1", "4"], "pixels": 200}])"));
  EXPECT_THAT(progress.notes, ElementsAre(HasSubstr("the regions \"1\" and \"4\" overlap in 200 pixels (2.0 ha)")));
  const Samples s = samples();
  EXPECT_EQ(s.region_names.at(static_cast<std::size_t>(s.region.back())), "1");
}

TEST_F(SampleStage, RegionsAreTakenByCentroidAndSplitApart) {
  make_tile("T31TCJ");
  config.regions.path = folder + "/regions.gpkg";
  config.regions.field = "region";
  write_polygons(config.regions.path, "regions", "EPSG:32631", {"region"},
                 {{{rectangle(kLeft, kTop - 400, kLeft + 200, kTop)}, {std::string("4")}},
                  {{rectangle(kLeft + 200, kTop - 400, kLeft + 400, kTop)}, {std::string("1")}}});
  write_reference({{2, 3, 4, 4, "6"}, {17, 3, 4, 4, "6"}, {30, 3, 4, 4, "6"}, {50, 3, 4, 4, "6"}});
  const auto counts = run();
  const Samples s = samples();
  EXPECT_THAT(s.region_names, ElementsAre("1", "4"));
  EXPECT_EQ(counts["polygons_outside_regions"], 1);
  std::map<std::int64_t, std::string> region;
  for (std::size_t i = 0; i < s.polygon.size(); ++i) region[s.polygon[i]] = s.region_names[static_cast<std::size_t>(s.region[i])];
  EXPECT_EQ(region, (std::map<std::int64_t, std::string>{{1, "4"}, {2, "4"}, {3, "1"}}));
  EXPECT_EQ(counts["lone_polygons"].size(), 1u);  // class 6 has two polygons in region 4, one in region 1
}

TEST_F(SampleStage, LearnersAreSelectedAndTestersStay) {
  make_tile("T31TCJ");
  write_reference({{2, 3, 10, 10, "6"}, {20, 3, 10, 10, "6"}, {40, 3, 3, 3, "13"}, {50, 20, 6, 6, "16"}});
  config.sample.strategy = "constant";
  config.sample.number = 20;
  const auto counts = run();
  EXPECT_EQ(counts["classes"]["6"]["learn_pixels"][0], 20);
  EXPECT_EQ(counts["classes"]["6"]["test_pixels"][0], 100);
  EXPECT_EQ(counts["pixels_not_selected"], 80 + 16);
  EXPECT_EQ(counts["classes"]["13"]["learn_pixels"][0], 9);
  EXPECT_EQ(counts["classes"]["16"]["learn_pixels"][0], 20);  // a lone polygon
  EXPECT_EQ(counts["classes"]["16"]["test_pixels"][0], 0);
  config.reference.seeds = 2;
  const auto two = run();  // of the two polygons of class 6 one judges the final map, the other learns in both seeds
  EXPECT_EQ(two["classes"]["6"]["learn_pixels"][1], 20);
  EXPECT_EQ(two["classes"]["6"]["test_pixels"][1], 0);
  EXPECT_EQ(two["classes"]["6"]["final_polygons"], 1);
  EXPECT_EQ(two["classes"]["6"]["final_pixels"], 100);
}

TEST_F(SampleStage, PixelsThatNoDateSeesAreLeftOut) {
  make_tile("T31TCJ");
  for (const std::string date : {"20180111", "20180911"}) {  // now cloudy everywhere from column 30 on
    MuscateProduct product;
    product.date = date;
    product.grid = Grid{"EPSG:32631", kLeft, kTop, 10, 10, 60, 40};
    product.bands = {"B2", "B5"};
    product.mask = [](const std::string& mask, int col, int) { return static_cast<std::uint8_t>(mask == "CLM" && col >= 30); };
    testing::write_product(config.sources.front().root, product);
  }
  take_census("T31TCJ");
  write_reference({{28, 10, 4, 2, "6"}, {40, 10, 4, 2, "13"}});
  const auto counts = run();
  EXPECT_EQ(counts["pixels_without_observation"], 4 + 8);
  EXPECT_EQ(samples().size(), 4);
}

TEST_F(SampleStage, ClassZeroAndNoClassAreNoLabel) {
  make_tile("T31TCJ");
  write_reference({{2, 3, 4, 2, "6"}, {12, 3, 4, 2, "0"}, {22, 3, 4, 2, ""}});
  EXPECT_EQ(run()["polygons_without_class"], 2);
  EXPECT_EQ(samples().label, std::vector<std::int32_t>(8, 6));
  write_reference({{12, 3, 4, 2, "0"}});
  EXPECT_EQ(run()["note"], "no reference polygon of this tile has a class and is in a region");
}

// The same rule as in validate and in tables (code_of_class).
TEST_F(SampleStage, ClassesAreNamedInAnyWay) {
  make_tile("T31TCJ");
  write_reference({{2, 3, 4, 2, "6"},
                   {2, 10, 4, 2, " 006 "},
                   {12, 10, 4, 2, "6.0"},
                   {22, 10, 4, 2, "nan"},
                   {32, 10, 4, 2, "  "},
                   {42, 10, 4, 2, "NULL"}});
  EXPECT_EQ(run()["polygons_without_class"], 3);
  EXPECT_EQ(samples().label, std::vector<std::int32_t>(24, 6));
}

TEST_F(SampleStage, ColoursOfTheNomenclatureDoNotDrawItsSamplesAgain) {
  make_tile("T31TCJ");
  write_reference({{2, 3, 4, 2, "6"}});
  config.nomenclature = folder + "/n.toml";
  config.tiles.names = {"T31TCJ"};
  const auto facts = [&](const std::string& text) {
    write_text(config.nomenclature, text);
    return sample_stage().plan(config)->front().facts;
  };
  const auto before = facts("class = [{ code = 6, name = 'wheat', color = '#ff0000' }]\n");
  EXPECT_EQ(facts("class = [{ code = 6, name = 'wheat', color = '#00ff00' }]\n"), before);
  EXPECT_NE(facts("class = [{ code = 6, name = 'maize', color = '#ff0000' }]\n"), before);  // the reference may have names
}

TEST_F(SampleStage, StaticInputsComeAlong) {
  make_tile("T31TCJ");
  write_reference({{2, 3, 2, 1, "6"}});
  Raster<float> height(Grid{"EPSG:32631", kLeft, kTop, 10, 10, 60, 40});
  for (int row = 0; row < 40; ++row)
    for (int col = 0; col < 60; ++col) height.at(col, row) = static_cast<float>(row * 100 + col);
  write_raster(folder + "/height.tif", height, {});
  config.exogenous = {{"height", folder + "/height.tif"}};
  run();
  EXPECT_THAT(samples().static_names, ElementsAre("height"));
  EXPECT_THAT(samples().statics, ElementsAre(302, 303));
}

TEST_F(SampleStage, ATileWithoutPolygonsGivesAnEmptyFileAndSaysSo) {
  make_tile("T31TCJ", 0);
  make_tile("T31TDJ", 100);
  write_reference({{2, 3, 4, 4, "6"}});
  const auto counts = run("T31TDJ");
  EXPECT_EQ(counts["samples"], 0);
  EXPECT_EQ(counts["note"], "no reference polygon in this tile");
  EXPECT_THAT(progress.notes, ElementsAre("T31TDJ: no reference polygon in this tile"));
  const Samples s = samples("T31TDJ");
  EXPECT_EQ(s.size(), 0);
  EXPECT_THAT(s.series[0].bands, ElementsAre("B2", "B5"));
}

TEST_F(SampleStage, MistakesInTheReferenceAreExplained) {
  make_tile("T31TCJ");
  write_reference({{2, 3, 4, 4, "6"}, {10, 3, 4, 4, "99"}, {20, 3, 4, 4, "99"}, {30, 3, 4, 4, "Wheat"}});
  EXPECT_THAT(refusal(),
              HasSubstr("field CODE: 2 values that the nomenclature oso23 does not have: \"99\" (2 polygons), \"Wheat\" (1 polygon)"));
  write_reference({{2000, 3, 4, 4, "6"}});
  EXPECT_THAT(refusal(), HasSubstr("of its 1 polygon, none lies in a tile (1 tile); the polygons cover x 320000 to 320040"));
  config.reference.class_field = "CODES";
  EXPECT_THAT(refusal(), HasSubstr("no field \"CODES\""));
  config.reference.path = folder + "/none.shp";
  EXPECT_THAT(refusal(), HasSubstr("none.shp"));
}

TEST_F(SampleStage, OneBlockOfPolygonsLeavesNothingToTest) {
  make_tile("T31TCJ");
  write_reference({{2, 3, 4, 4, "6"}, {10, 3, 4, 4, "6"}, {20, 3, 4, 4, "5"}});
  config.reference.split = "block", config.reference.block_km = 5;
  EXPECT_THAT(refusal(), AllOf(HasSubstr("all 3 polygons"), HasSubstr("one block of 5 km"), HasSubstr("reference.block_km")));
  // Two blocks, of which each has the only polygon of a class.
  write_reference({{2, 3, 4, 4, "6"}, {40, 3, 4, 4, "5"}});
  config.reference.block_km = 0.2;
  EXPECT_THAT(refusal(), AllOf(HasSubstr("lie in 2 blocks of 0.2 km, each of which some class has to learn from")));
  config.reference.split = "auto";
  EXPECT_EQ(refusal(), "no error");
}

TEST_F(SampleStage, OfSeveralTilesOneMayTestNothing) {
  make_tile("T31TCJ");
  make_tile("T31TDJ", 60);
  write_reference({{2, 3, 4, 4, "6"}, {10, 3, 4, 4, "5"}});
  config.reference.split = "block", config.reference.block_km = 5;
  EXPECT_EQ(refusal(), "no error");
  EXPECT_THAT(progress.notes, ::testing::Contains(AllOf(HasSubstr("tile T31TCJ"), HasSubstr("nothing is left to test"))));
}

// The samples go to the disk; reading images needs memory all the same.
TEST_F(SampleStage, TooLittleMemoryToReadImagesIsRefusedWithAdvice) {
  make_tile("T31TCJ");
  write_reference({{2, 3, 20, 20, "6"}});
  try {
    run("T31TCJ", 1, 1000);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("use at least --memory"));
  }
}

TEST_F(SampleStage, TheUnitNamesWhatShapesIt) {
  make_tile("T31TCJ", 0);
  make_tile("T31TDJ", 40);
  write_reference({{2, 3, 4, 4, "6"}});
  config.tiles.names = tiles;
  const auto units = sample_stage().plan(config);
  ASSERT_TRUE(units.has_value());
  ASSERT_EQ(units->size(), 2u);
  const Unit& unit = units->front();
  const Layout layout(config);
  EXPECT_EQ(unit.name(), "sample/T31TCJ");
  EXPECT_THAT(unit.inputs,
              ElementsAre(layout.census("T31TCJ"), layout.footprint("T31TCJ"), layout.footprint("T31TDJ"), config.reference.path));
  EXPECT_THAT(unit.outputs, ElementsAre(layout.samples("T31TCJ"), layout.blocks("T31TCJ")));
  const Options options = config.declare();
  for (const auto& key : unit.config_keys)
    EXPECT_TRUE(std::ranges::any_of(options.all(), [&](const Option& o) { return o.key() == key || o.key().starts_with(key + "."); }))
        << key;
  config.reference.path.clear();
  EXPECT_TRUE(sample_stage().plan(config)->empty());
}

// Five real dates, the land cover of a Slovenian register, pixels of 9.9948 x 9.9974 m.
TEST_F(SampleStage, RealPolygonsGetRealSeries) {
  const std::string data = testing::real_data("eolearn_s2_slovenia");
  if (data.empty()) GTEST_SKIP() << "the real data are not here";
  config.year = 2015;
  config.sources.front().root = data + "/derived_muscate_L1C_pixels";
  config.sources.front().bands = {"B2", "B4", "B8", "B11"};
  config.reference.path = data + "/LULC.gpkg";
  config.reference.class_field = "LULC_ID";
  config.nomenclature = folder + "/slovenia.txt";
  write_text(config.nomenclature,
             "cultivated:1\nforest:2\ngrassland:3\nshrubland:4\nwater:5\nwetland:6\ntundra:7\nartificial:8\nbare:9\nsnow:10\n");
  const Layout layout(config);
  const SourceCensus census = make_sensor("sentinel2_theia")
                                  ->take_census(config.sources.front().root, "T33TVL", config.sources.front().bands,
                                                Date::from_ymd(2015, 1, 1), Date::from_ymd(2015, 12, 31));
  write_text(layout.census("T33TVL"), TileImages::of(census).to_json().dump());
  write_raster(layout.footprint("T33TVL"), Raster<std::uint8_t>(census.grid, 1), {});
  tiles = {"T33TVL"};
  const auto counts = run("T33TVL");
  const Samples s = samples("T33TVL");
  EXPECT_EQ(counts["polygons_without_class"], 4);
  EXPECT_EQ(s.series[0].dates.size(), 5u);
  // The register's own raster of this patch has so many pixels of each class.
  for (const auto& [code, pixels] : std::map<std::string, int>{{"1", 11}, {"2", 7601}, {"3", 1777}, {"4", 358}, {"8", 198}}) {
    EXPECT_NEAR(counts["classes"][code]["pixels"].get<int>(), pixels, 0.02 * pixels + 3) << code;
  }
  // Two of the five dates are wholly cloudy.
  const auto invalid = std::ranges::count(s.series[0].valid, 0);
  EXPECT_GE(invalid, 2 * s.size());
  for (const std::int64_t polygon : s.polygon) ASSERT_GT(polygon, 0);
}

}  // namespace
}  // namespace millesime
