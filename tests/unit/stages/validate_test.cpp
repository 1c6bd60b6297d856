#include "pipeline/stages/validate.h"

#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/sensor.h"
#include "pipeline/io/vector_file.h"
#include "pipeline/io/virtual_raster.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/mosaic.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::HasSubstr;

// West half class 1, east half class 2; the last row is no data.
const Grid kGrid{"EPSG:32631", 300000, 4900020, 10, 10, 40, 30};

LabelMap two_halves() {
  LabelMap map(kGrid);
  for (int row = 0; row < kGrid.rows - 1; ++row)
    for (int col = 0; col < kGrid.cols; ++col) map.at(col, row) = col < 20 ? 1 : 2;
  return map;
}

OutputFeature rectangle(const Window& window, const std::string& name, int code) {
  const Box b = kGrid.extent(window);
  return {{Polygon{{Ring{{b.min_x, b.min_y}, {b.min_x, b.max_y}, {b.max_x, b.max_y}, {b.max_x, b.min_y}, {b.min_x, b.min_y}}}}},
          {name, std::int64_t{code}}};
}

std::string nomenclature_file() {
  std::string file = testing::temp_dir() + "/classes.txt";
  write_text(file, "Water:1\nForest:2\n");
  return file;
}

class ValidateTest : public ::testing::Test {
 protected:
  ValidateTest() : folder(testing::temp_dir()) {
    context.progress = &progress;
    command.classification = folder + "/map.tif";
    write_raster(command.classification, two_halves(), {});
    command.reference = folder + "/reference.gpkg";
    command.field = "name";
    command.nomenclature = nomenclature_file();
    command.output = folder + "/out";
    // 5 x 4 px of water, right; 6 x 2 px of forest of which 4 columns lie on water; 3 px of forest, two of them without a class.
    write({rectangle({2, 3, 5, 4}, "Water", 1), rectangle({16, 10, 6, 2}, "forest", 2), rectangle({30, 27, 1, 3}, "Forest", 2)});
  }
  void write(const std::vector<OutputFeature>& features) {
    write_polygons(command.reference, "polygons", kGrid.crs, {"name", "code"}, features);
  }
  std::string message() {
    try {
      validate(command, context);
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  }

  std::string folder;
  testing::SilentProgress progress;
  Context context;
  ValidateCommand command;
};

TEST_F(ValidateTest, CountsPixelsOfPolygons) {
  const AccuracyReport report = validate(command, context);
  const ConfusionMatrix& confusion = report.runs.front().confusion;
  EXPECT_EQ(confusion.count(1, 1), 20);
  EXPECT_EQ(confusion.count(2, 1), 8);
  EXPECT_EQ(confusion.count(2, 2), 4 + 2);
  EXPECT_EQ(confusion.total(), 34);
  EXPECT_EQ(report.runs.front().unmapped, 1);
  EXPECT_EQ(read_confusion_csv(command.output + "/confusion.csv"), confusion);
  EXPECT_EQ(read_accuracy(command.output + "/accuracy.json").runs.front().confusion, confusion);
  EXPECT_THAT(read_text(command.output + "/RESULTS.txt"), AllOf(HasSubstr("Forest"), HasSubstr("OA : 0.765")));
}

TEST_F(ValidateTest, SaysWhichClassesAreConfusedAndWhere) {
  write({rectangle({2, 3, 5, 4}, "Water", 1), rectangle({14, 10, 3, 2}, "forest", 2), rectangle({12, 20, 2, 2}, "Forest", 2)});
  std::vector<std::string> lines;
  const AccuracyReport report = validate(command, context, &lines);
  ASSERT_EQ(report.confusions.size(), 1u);
  const PlacedConfusion& confused = report.confusions.front();
  EXPECT_EQ(std::tuple(confused.reference, confused.produced, confused.pixels, confused.polygons, confused.in_one_polygon, confused.there),
            std::tuple(2, 1, 10, 2, 6, 10));
  const Point middle =
      CoordinateTransform(kGrid.crs, "EPSG:4326")(Point{kGrid.x((6 * 15.5 + 4 * 13) / 10), kGrid.y((6 * 11 + 4 * 21) / 10.0)});
  EXPECT_NEAR(confused.longitude, middle.x, 1e-6);
  EXPECT_NEAR(confused.latitude, middle.y, 1e-6);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines.front(), HasSubstr("Forest shown as Water: 10 pixels in 2 polygons, 10 of them around longitude "));
  EXPECT_EQ(read_accuracy(command.output + "/accuracy.json").confusions, report.confusions);
}

TEST_F(ValidateTest, RightOrWrongJudgesThePixelsOfTheMatrix) {
  command.right_or_wrong = true;
  write({rectangle({2, 3, 5, 4}, "Water", 1), rectangle({6, 3, 4, 4}, "Forest", 2), rectangle({30, 28, 3, 2}, "Forest", 2)});
  const MapAccuracy run = validate(command, context).runs.front();
  EXPECT_EQ(run.of_two_classes, 4);
  EXPECT_GT(run.unmapped, 0);
  std::int64_t wrong = 0, right = 0;
  for (const std::uint8_t value : RasterReader(command.output + "/right_or_wrong.tif").read_all<std::uint8_t>().samples)
    wrong += value == 1, right += value == 2;
  EXPECT_EQ(right, run.confusion.count(1, 1) + run.confusion.count(2, 2));
  EXPECT_EQ(right + wrong, run.confusion.total());
}

TEST_F(ValidateTest, RightOrWrongIsAMapBesideTheReference) {
  command.right_or_wrong = true;
  // Learned from: 2 columns of the first polygon of water (both kinds), and forest on water (wrong).
  command.learned = folder + "/learned.gpkg";
  write_polygons(command.learned, "polygons", kGrid.crs, {"name", "code"},
                 {rectangle({2, 3, 2, 4}, "Water", 1), rectangle({0, 20, 3, 1}, "Forest", 2), rectangle({30, 20, 3, 1}, "Forest", 2)});
  Raster<std::uint8_t> confidence(kGrid), validity(kGrid);
  for (int row = 0; row < kGrid.rows; ++row)
    for (int col = 0; col < kGrid.cols; ++col) confidence.at(col, row) = col < 16 ? 90 : 40, validity.at(col, row) = 7;
  command.confidence = folder + "/confidence.tif", command.validity = folder + "/validity.tif";
  write_raster(command.confidence, confidence, {});
  write_raster(command.validity, validity, {});
  for (const std::int64_t memory : {std::int64_t{1} << 30, std::int64_t{1}}) {
    context.memory_bytes = memory;
    validate(command, context);
    const auto map = RasterReader(command.output + "/right_or_wrong.tif").read_all<std::uint8_t>();
    EXPECT_EQ(map.at(0, 0), 0);
    EXPECT_EQ(map.at(6, 3), 2);    // water, right
    EXPECT_EQ(map.at(2, 3), 6);    // and learned from
    EXPECT_EQ(map.at(16, 10), 1);  // forest on water
    EXPECT_EQ(map.at(20, 10), 2);
    EXPECT_EQ(map.at(30, 29), 0);  // unmapped: not judged
    EXPECT_EQ(map.at(0, 20), 3);   // learned from, wrong
    EXPECT_EQ(map.at(30, 20), 4);  // learned from, right
    EXPECT_EQ(read_text(command.output + "/histograms.csv"),
              "layer,value,right,wrong\nconfidence,40,6,8\nconfidence,90,20,0\nvalidity,7,26,8\n");
  }
}

TEST_F(ValidateTest, MatricesOfTilesAreAddedIntoOneAndWrittenInShares) {
  ConfusionMatrix west, east;
  west.add(1, 1, 30), west.add(2, 1, 10), west.add(2, 2, 10);
  east.add(2, 2, 20), east.add(2, 3, 60);
  write_confusion_csv(west, folder + "/west.csv");
  write_confusion_csv(east, folder + "/east.csv");
  ValidateCommand parts;
  parts.confusion = {folder + "/west.csv", folder + "/east.csv"};
  parts.output = folder + "/added";
  parts.add = parts.normalised = true;
  const AccuracyReport report = validate(parts, context);
  ASSERT_EQ(report.runs.size(), 1U);
  ConfusionMatrix sum = west;
  sum.merge(east);
  EXPECT_EQ(report.runs.front().confusion, sum);
  EXPECT_EQ(read_confusion_csv(parts.output + "/confusion.csv"), sum);
  EXPECT_EQ(read_text(parts.output + "/confusion_by_reference.csv"),
            "#Reference labels (rows):1,2,3\n#Produced labels (columns):1,2,3\n"
            "1.000000,0.000000,0.000000\n0.100000,0.300000,0.600000\n,,\n");
  EXPECT_EQ(read_text(parts.output + "/confusion_by_map.csv"),
            "#Reference labels (rows):1,2,3\n#Produced labels (columns):1,2,3\n"
            "0.750000,0.000000,0.000000\n0.250000,1.000000,1.000000\n0.000000,0.000000,0.000000\n");
}

TEST_F(ValidateTest, NamesOfClassesAreThoseOfTheLegendOfTheMap) {
  const Nomenclature classes = Nomenclature::load(nomenclature_file());
  write_raster(folder + "/named.tif", two_halves(), {.nodata = 0, .nomenclature = &classes, .band_names = {}});
  command.classification = folder + "/named.tif";
  command.nomenclature = "";
  validate(command, context);
  EXPECT_THAT(read_text(command.output + "/RESULTS.txt"), HasSubstr("Forest"));
}

TEST_F(ValidateTest, MemoryDoesNotChangeTheResult) {
  const ConfusionMatrix whole = validate(command, context).runs.front().confusion;
  context.memory_bytes = 1;
  EXPECT_EQ(validate(command, context).runs.front().confusion, whole);
}

TEST_F(ValidateTest, CodesConfidenceAndAnotherSystemOfCoordinates) {
  command.field = "code";
  command.nomenclature.clear();
  command.confidence = folder + "/confidence.tif";
  write_raster(command.confidence, LabelMap(kGrid, 80), {});
  const AccuracyReport with_codes = validate(command, context);
  EXPECT_EQ(with_codes.runs.front().confusion.count(2, 1), 8);
  // Whole percents are truncated: 80 stands for 80.5 on average; a map of probabilities is as exact as it is.
  EXPECT_NEAR(with_codes.runs.front().calibration->expected_error(), 0.805 - 26.0 / 34, 1e-6);
  write_raster(folder + "/exact.tif", Raster<float>(kGrid, 0.8f), {});
  command.confidence = folder + "/exact.tif";
  EXPECT_NEAR(validate(command, context).runs.front().calibration->expected_error(), 0.8 - 26.0 / 34, 1e-6);
  EXPECT_THAT(read_text(command.output + "/RESULTS.txt"), HasSubstr("|1|2\n"));

  // The same polygons in longitude and latitude.
  const CoordinateTransform to_wgs84(kGrid.crs, "EPSG:4326");
  std::vector<OutputFeature> features = {rectangle({2, 3, 5, 4}, "Water", 1), rectangle({16, 10, 6, 2}, "Forest", 2)};
  for (OutputFeature& feature : features)
    for (Point& point : feature.parts[0].rings[0]) point = to_wgs84(point);
  command.reference = folder + "/wgs84.gpkg";
  write_polygons(command.reference, "polygons", "EPSG:4326", {"name", "code"}, features);
  const AccuracyReport transformed = validate(command, context);
  EXPECT_EQ(transformed.runs.front().confusion.count(1, 1), 20);
  EXPECT_EQ(transformed.runs.front().confusion.count(2, 1), 8);
}

TEST_F(ValidateTest, SaysWhatDoesNotFit) {
  write({rectangle({2, 3, 5, 4}, "Watre", 1), rectangle({2, 8, 5, 4}, "Watre", 1)});
  EXPECT_THAT(message(), AllOf(HasSubstr("reference.gpkg"), HasSubstr("\"Watre\" (2 polygons)")));
  command.field = "nothing";
  EXPECT_THAT(message(), HasSubstr("nothing"));
  command.field = "name";
  write({rectangle({100, 100, 5, 4}, "Water", 1)});
  EXPECT_THAT(message(), HasSubstr("none on a mapped pixel"));
  command.nomenclature = folder + "/water_only.txt";
  write_text(command.nomenclature, "Water:1\n");
  write({rectangle({18, 3, 5, 4}, "Water", 1)});
  EXPECT_THAT(message(), HasSubstr("2 (reference 0 px, map 12 px)"));
  command.confusion = {"a.csv"};
  EXPECT_THAT(message(), HasSubstr("either"));
}

TEST_F(ValidateTest, PolygonsWithoutAClassAreLeftOutAndCounted) {
  const std::vector<OutputFeature> known = {rectangle({2, 3, 5, 4}, "Water", 1), rectangle({16, 10, 6, 2}, "Forest", 2)};
  write(known);
  const AccuracyReport expected = validate(command, context);
  std::vector<OutputFeature> all = known;
  for (const char* name : {"", "  ", "0"}) all.push_back(rectangle({2, 3, 5, 4}, name, 0));
  write(all);
  for (const auto& [field, nomenclature] :
       {std::pair("name", command.nomenclature), std::pair("code", command.nomenclature), std::pair("code", std::string())}) {
    command.field = field, command.nomenclature = nomenclature;
    const AccuracyReport report = validate(command, context);
    EXPECT_EQ(report.runs.front().confusion, expected.runs.front().confusion) << field;
    EXPECT_EQ(report.reference, "pixels of the polygons of reference.gpkg (3 without a class are left out)");
  }
}

TEST_F(ValidateTest, PixelsOfTwoClassesCountForNoneWhateverTheOrder) {
  // Water and forest share 2 x 4 px of water; a third polygon, of water again, lies over both.
  const auto water = rectangle({2, 3, 5, 4}, "Water", 1), forest = rectangle({5, 3, 5, 4}, "Forest", 2),
             again = rectangle({4, 3, 2, 4}, "Water", 1);
  std::optional<ConfusionMatrix> first;
  for (const auto& order :
       std::vector<std::vector<OutputFeature>>{{water, forest, again}, {forest, again, water}, {again, water, forest}}) {
    write(order);
    const MapAccuracy run = validate(command, context).runs.front();
    EXPECT_EQ(run.of_two_classes, 8);
    EXPECT_EQ(run.confusion.total(), 3 * 4 + 3 * 4);  // columns 2 to 4 and 7 to 9
    if (!first) first = run.confusion;
    EXPECT_EQ(run.confusion, *first);
  }
}

TEST_F(ValidateTest, ConfusionMatricesOfSeveralRuns) {
  command = {};
  command.output = folder + "/out";
  for (const int right : {9, 7}) {
    ConfusionMatrix confusion({1, 2});
    confusion.add(1, 1, right), confusion.add(2, 1, 10 - right), confusion.add(2, 2, 10);
    command.confusion.push_back(join_text(folder, "/run_", right, ".csv"));
    write_confusion_csv(confusion, command.confusion.back());
  }
  EXPECT_EQ(validate(command, context).runs.size(), 2u);
  EXPECT_THAT(read_text(command.output + "/RESULTS.txt"), HasSubstr("OA : 0.900 +- "));
}

// The stage: two tiles, two seeds. Sample i of a tile lies at column i of its first row; even samples learn in seed 0, odd ones in seed 1,
// the fifth one judges the final map alone, the sixth, of a class with this polygon only, learns in both.
TEST(ValidateStage, OnlyPixelsThatWereNotLearnedFromCount) {
  Config config;
  config.year = 2021;
  config.output = testing::temp_dir();
  config.nomenclature = nomenclature_file();
  config.reference.path = "reference.gpkg";
  config.reference.seeds = 2;
  config.tiles.names = {"T31TCJ", "T31TDJ"};
  const Layout layout(config);
  const Grid grid{"EPSG:32631", 300000, 4900020, 10, 10, 6, 2};
  for (const std::string& tile : config.tiles.names) {
    Samples samples;
    samples.tile = tile;
    samples.year = 2021;
    samples.region_names = {""};
    samples.n_seeds = 2;
    for (int i = 0; i < 6; ++i) {
      samples.label.push_back(i == 5 ? 2 : 1);
      samples.polygon.push_back(i);
      samples.region.push_back(0);
      samples.x.push_back(0), samples.y.push_back(0);
      samples.col.push_back(i), samples.row.push_back(0);
      for (int seed = 0; seed < 2; ++seed)
        samples.split.push_back(static_cast<std::uint8_t>(i == 4                    ? Split::final_map
                                                          : i == 5 || i % 2 == seed ? Split::learn
                                                                                    : Split::test));
    }
    write_samples(samples, layout.samples(tile));
    write_text(layout.blocks(tile), "polygon,block\n0,10\n1,11\n2,12\n3,13\n4,14\n5,15\n");
    SourceCensus census;
    census.tile = tile;
    census.sensor = "sentinel2_theia";
    census.grid = grid;
    write_text(layout.census(tile), TileImages::of(census).to_json().dump());
    LabelMap map(grid, 1), confidence(grid, 90);
    map.at(1, 0) = 2;  // wrong where seed 0 tests
    write_raster(layout.classification(tile, 0), map, {});
    map.at(1, 0) = 1;
    map.at(2, 0) = 0;  // nothing mapped where seed 1 tests
    write_raster(layout.classification(tile, 1), map, {});
    for (const std::string& file : {layout.confidence(tile, 0), layout.confidence(tile, 1)}) write_raster(file, confidence, {});
  }
  // The two tiles cover the same ground. Whatever their maps say, the mosaic has class 2.
  config.mosaic.crs = grid.crs;
  const MosaicMaps mosaic = mosaic_maps(config);
  for (const auto& [file, value] : {std::pair{mosaic.classification, 2}, {mosaic.confidence, 60}}) {
    write_raster(file + ".tif", LabelMap(grid, static_cast<std::uint8_t>(value)), {});
    write_virtual_raster(file, grid, {{file + ".tif", grid.whole()}}, PixelType::u8);
  }

  const auto units = validate_stage().plan(config);
  ASSERT_TRUE(units);
  ASSERT_EQ(units->size(), 1u);
  std::size_t of_mosaic = 0;
  const auto sheets = mosaic_stage().plan(config);
  for (const Unit& unit : *sheets) of_mosaic += unit.outputs.size();
  EXPECT_EQ(units->front().inputs.size(), 2u * (2 + 4) + of_mosaic);
  testing::SilentProgress progress;
  Context context;
  context.progress = &progress;
  const auto counts = units->front().run(context);

  const AccuracyReport report = read_accuracy(layout.accuracy());
  ASSERT_EQ(report.runs.size(), 2u);
  EXPECT_EQ(report.runs[0].confusion.count(1, 2), 2);  // column 1 of both tiles
  EXPECT_EQ(report.runs[0].confusion.total(), 4);      // columns 1, 3; column 4 is for the final map
  EXPECT_EQ(report.runs[1].confusion.total(), 2);      // column 0; column 2 is not mapped
  EXPECT_EQ(report.runs[1].unmapped, 2);
  EXPECT_EQ(report.runs[0].polygons, 4);  // two of each tile
  EXPECT_EQ(report.runs[1].polygons, 2);
  EXPECT_EQ(report.runs[0].not_judged, std::vector<int>{2});
  EXPECT_EQ(report.final_map->polygons, 1);
  EXPECT_EQ(report.final_map->not_judged, std::vector<int>{2});
  // Only what was held out from every seed, on the mosaic, and its pixel once, although both tiles have it.
  EXPECT_EQ(report.final_map->confusion.total(), 1);
  EXPECT_EQ(report.final_map->confusion.count(1, 2), 1);
  EXPECT_EQ(report.final_map->calibration->bins().at(9).n, 1);  // 60 % stands for 0.6 to 0.61: in (9/15, 10/15]
  EXPECT_EQ(counts.at("pixels"), 1);
  // Nothing learned in the block of the fifth polygon: of six blocks it alone judges as a place without polygons of its own.
  ASSERT_TRUE(report.far_from_learners && report.near_learners);
  EXPECT_EQ(report.far_from_learners->confusion.count(1, 2), 1);
  EXPECT_EQ(report.far_from_learners->blocks, 1);
  EXPECT_EQ(report.far_from_learners->polygons, 1);
  EXPECT_EQ(report.near_learners->confusion.total(), 0);
  EXPECT_EQ(report.far_from_learners->not_judged, std::vector<int>{2});
  EXPECT_EQ(report.near_learners->not_judged, (std::vector<int>{1, 2}));
  ASSERT_EQ(report.confusions.size(), 1u);
  const PlacedConfusion& confused = report.confusions.front();
  EXPECT_EQ(std::tuple(confused.reference, confused.produced, confused.pixels, confused.polygons, confused.there),
            std::tuple(1, 2, 1, 1, 1));
  EXPECT_NEAR(confused.longitude, 0.4965, 1e-4);  // easting 300 045 m of zone 31
  EXPECT_NEAR(confused.latitude, 44.2259, 1e-4);
  EXPECT_EQ(report.learned_polygons, (std::map<int, std::int64_t>{{1, 8}, {2, 2}}));
  EXPECT_EQ(read_confusion_csv(layout.confusion(0)), report.runs[0].confusion);
  EXPECT_THAT(read_text(layout.results()), HasSubstr("Water"));
}

TEST(ValidatePlan, NothingWithoutReference) {
  Config config;
  config.tiles.names = {"T31TCJ"};
  EXPECT_TRUE(validate_stage().plan(config)->empty());
}

}  // namespace
}  // namespace millesime
