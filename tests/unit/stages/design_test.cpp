#include "pipeline/stages/design.h"

#include <cmath>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/io/point_file.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/stages/validate.h"
#include "tests/support/message_of.h"
#include "tests/unit/stages/design_fixture.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;

using testing::DesignTest;

TEST_F(DesignTest, DrawsPixelsOfTheStrataAndHidesTheirClass) {
  const auto strata = design(command, silent.context);
  ASSERT_EQ(strata.size(), 3u);
  EXPECT_EQ(strata[0].units, 6000);
  EXPECT_EQ(strata[2].points, 40);
  const auto points = read_points(command.output, kDesignPoints, {"id", "label", "label_1", "interpreter_2"}, "");
  ASSERT_EQ(points.size(), 200u);
  EXPECT_FALSE(points[0].attributes.contains("map_class"));
  std::map<int, int> drawn;
  std::set<std::pair<double, double>> places;
  for (const PointRow& row : points) {
    ++drawn[class_at(static_cast<int>(grid.col(row.point->x)))];
    places.insert({row.point->x, row.point->y});
  }
  EXPECT_EQ(places.size(), 200u);
  for (const Stratum& stratum : strata) EXPECT_EQ(drawn[stratum.code], stratum.points);
  const auto styles = read_points(command.output, "layer_styles", {"f_table_name", "useAsDefault", "styleQML"}, "");
  ASSERT_EQ(styles.size(), 1u);
  EXPECT_EQ(styles[0].attributes.at("f_table_name"), kDesignPoints);
  EXPECT_THAT(styles[0].attributes.at("styleQML"), AllOf(HasSubstr("<field name=\"label_2\"><editWidget type=\"ValueMap\">"),
                                                         HasSubstr("name=\"13 Grasslands\" value=\"13\"/>")));
  const std::string bytes = read_text(command.output);
  design(command, silent.context);
  EXPECT_EQ(read_text(command.output), bytes);
  command.seed = 2;
  design(command, silent.context);
  EXPECT_NE(read_text(command.output), bytes);
  command.expected_of = {"9=90"};
  EXPECT_THAT(message_of([&] { design(command, silent.context); }), HasSubstr("CODE=PERCENT"));
}

TEST_F(DesignTest, DrawsAsManyAsAreAskedForOrSaysWhy) {
  command.least = 2;
  for (const int points : {199, 200, 201, 203}) {
    command.points = points;
    design(command, silent.context);
    EXPECT_EQ(read_points(command.output, kDesignPoints, {"id"}, "").size(), static_cast<std::size_t>(points));
  }
}

TEST_F(DesignTest, AnUnknownLabelIsNamedWithItsPoints) {
  design(command, silent.context);
  interpret("zz");
  const std::string refusal = message_of([&] { validate(validation, silent.context); });
  EXPECT_THAT(refusal, AllOf(HasSubstr("got \"zz\" (200 points, id "), HasSubstr(", ...)")));
}

TEST_F(DesignTest, ANomenclatureThatIsNotTheMapsIsRefused) {
  command.nomenclature = "oso17";
  EXPECT_THAT(
      message_of([&] { design(command, silent.context); }),
      HasSubstr("map.tif: expected classes of the nomenclature oso17, got also code 1 (6000 pixels), 2 (3000 pixels), 3 (1000 pixels)"));
}

TEST_F(DesignTest, IsReadBackWithIntervalsAndAgreement) {
  design(command, silent.context);
  EXPECT_THAT(message_of([&] { validate(validation, silent.context); }), HasSubstr("no point has a label"));
  interpret();
  const auto json = result();
  const auto& overall = json["areas"]["overall_accuracy"];
  EXPECT_NEAR(overall["value"].get<double>(), 0.9, 3 * overall["standard_error"].get<double>());
  EXPECT_GT(overall["standard_error"].get<double>(), 0.005);
  EXPECT_EQ(json["areas"]["classes"].size(), 4u);
  EXPECT_EQ(json["points"]["agreement"]["share"], 1);
  const std::string text = read_text(validation.output + "/RESULTS.txt");
  EXPECT_LT(text.find("by the design of the sample"), text.find("without the weights"));
  EXPECT_LT(text.find("without the weights"), text.find("KAPPA"));
  EXPECT_THAT(text, AllOf(HasSubstr("overall accuracy "), HasSubstr(" % (95 % interval)"), HasSubstr(" ha), user's ")));
  interpret("1");
  EXPECT_THAT(message_of([&] { validate(validation, silent.context); }), AllOf(HasSubstr("two that differ"), HasSubstr("--disagreements")));
  validation.disagreements = "leave_out";
  std::vector<std::string> lines;
  validate(validation, silent.context, &lines);
  EXPECT_THAT(lines, Contains(HasSubstr("on which two interpreters disagree: left out")));
  EXPECT_GT(result()["points"]["disagreed"].get<int>(), 50);
  EXPECT_EQ(result()["points"]["without_label"], 0);
  validation.disagreements = "second";
  EXPECT_EQ(result()["runs"][0]["classes"][0]["reference"], 200);
  validation.disagreements = "first";
  EXPECT_NEAR(result()["areas"]["overall_accuracy"]["value"].get<double>(), 0.9, 0.08);
  EXPECT_LT(result()["points"]["agreement"]["kappa"].get<double>(), 0.1);
}

TEST_F(DesignTest, OfStrataOtherThanTheClasses) {
  Raster<std::uint8_t> strata(grid, 1);
  for (int row = 0; row < 50; ++row)
    for (int col = 0; col < grid.cols; ++col) strata.at(col, row) = 2;
  write_raster(folder + "/strata.tif", strata, {});
  command.strata = folder + "/strata.tif";
  EXPECT_EQ(design(command, silent.context)[1].units, 5000);
  interpret();
  EXPECT_NEAR(result()["areas"]["overall_accuracy"]["value"].get<double>(), 0.9, 0.08);
}

// As `compare --map` writes them: 0 where nothing changed, which is most of the map.
TEST_F(DesignTest, WhereTheStrataAre0IsAStratumToo) {
  Raster<std::uint8_t> strata(grid, 0);
  for (int row = 0; row < 20; ++row)
    for (int col = 0; col < grid.cols; ++col) strata.at(col, row) = 7;
  write_raster(folder + "/strata.tif", strata, {});
  command.strata = folder + "/strata.tif";
  const auto drawn = design(command, silent.context);
  ASSERT_EQ(drawn.size(), 2u);
  EXPECT_EQ(drawn[0].code, 0);
  EXPECT_EQ(drawn[0].units, 8000);
  EXPECT_GT(drawn[0].points, 100);
  const auto names = read_points(command.output, kDesignStrata, {"name"}, "");
  EXPECT_EQ(names[0].attributes.at("name"), "elsewhere");
  EXPECT_EQ(names[1].attributes.at("name"), "stratum 7");
  EXPECT_THAT(read_points(command.output, kDesignHidden, {"map_name"}, "")[0].attributes.at("map_name"), Not(HasSubstr("stratum")));
  interpret();
  const auto json = result();
  EXPECT_EQ(json["areas"]["covered_share"], 1);
  double hectares = 0;
  for (const auto& of_class : json["areas"]["classes"]) hectares += of_class["area"]["value"].get<double>();
  EXPECT_NEAR(hectares, 100, 0.5);  // on the ellipsoid
}

TEST_F(DesignTest, InClustersIsEstimatedByThem) {
  command.cluster_points = 5, command.cluster_side = 20;
  const auto strata = design(command, silent.context);
  ASSERT_EQ(strata.size(), 1u);
  EXPECT_EQ(strata[0].units, 10000);
  std::map<std::string, std::set<std::pair<int, int>>> squares;  // of each cluster
  std::map<std::string, int> points;
  for (const PointRow& row : read_points(command.output, kDesignHidden, {"map_class", kDesignCluster}, grid.crs)) {
    const int col = static_cast<int>(grid.col(row.point->x)), line = static_cast<int>(grid.row(row.point->y));
    EXPECT_EQ(row.attributes.at("map_class"), std::to_string(class_at(col)));
    squares[row.attributes.at(kDesignCluster)].insert({col / 20, line / 20}), ++points[row.attributes.at(kDesignCluster)];
  }
  ASSERT_EQ(squares.size(), 40u);  // 200 points
  for (const auto& [cluster, of_cluster] : squares) EXPECT_EQ(of_cluster.size(), 1u) << cluster;
  for (const auto& [cluster, n] : points) EXPECT_EQ(n, 5) << cluster;
  interpret();
  const auto overall = result()["areas"]["overall_accuracy"];
  EXPECT_NEAR(overall["value"].get<double>(), 0.9, 3 * overall["standard_error"].get<double>());
  EXPECT_NEAR(overall["standard_error"].get<double>(), std::sqrt(0.9 * 0.1 / 200), 0.01);  // of errors that clusters do not share
  command.points = 0, command.half_width = 5, command.expected = 90, command.cluster_correlation = 0;
  EXPECT_EQ(design(command, silent.context)[0].points, 150);  // 138 would do; at least 30 clusters
  command.expected_of = {"2=90"};
  EXPECT_THAT(message_of([&] { design(command, silent.context); }), HasSubstr("has no strata"));
}

// Strata are the classes, and all pixels of a class have one confidence: each class is a bin, and counts by its area.
TEST_F(DesignTest, AConfidenceIsJudgedByTheDesign) {
  Raster<std::uint8_t> confidence(grid, 0);
  for (int row = 0; row < grid.rows; ++row)
    for (int col = 0; col < 100; ++col) confidence.at(col, row) = static_cast<std::uint8_t>(100 - 30 * class_at(col));
  write_raster(folder + "/confidence.tif", confidence, {});
  command.allocation = "equal", command.points = 300;
  design(command, silent.context);
  interpret();
  validation.confidence = folder + "/confidence.tif";
  std::vector<std::string> lines;
  validate(validation, silent.context, &lines);
  EXPECT_THAT(lines, Contains(HasSubstr("expected calibration error ")));
  const auto json = nlohmann::json::parse(read_text(validation.output + "/accuracy.json"));
  const auto& calibration = json["runs"][0]["calibration"];
  double error = 0, hectares = 0;
  for (const auto& of_class : json["areas"]["classes"]) hectares += of_class["mapped"].get<double>();
  for (const auto& of_class : json["areas"]["classes"]) {
    if (of_class["mapped"] == 0) continue;
    const double users = of_class["users_accuracy"]["value"].get<double>();
    error += of_class["mapped"].get<double>() / hectares * std::abs(users - (1.005 - 0.3 * of_class["code"].get<double>()));
  }
  EXPECT_NEAR(calibration["expected_error"].get<double>(), error, 1e-6);
  std::vector<double> shares;
  for (const auto& bin : calibration["bins"])
    if (bin["pixels"] != 0) shares.push_back(bin["share"].get<double>());
  ASSERT_EQ(shares.size(), 3u);
  EXPECT_NEAR(shares[0], 0.1, 1e-4);
  EXPECT_NEAR(shares[2], 0.6, 1e-4);
  const auto read = read_accuracy(validation.output + "/accuracy.json").runs[0].calibration;
  EXPECT_NEAR(read->expected_error(), error, 1e-6);
  EXPECT_NEAR(read->error_by_chance(), calibration["error_by_chance"].get<double>(), 1e-9);
  validation.sampling = "none";
  EXPECT_FALSE(result()["runs"][0]["calibration"]["bins"][1].contains("share"));
}

// Confusions of a sample are those of the map: by area, and all together what is not right.
TEST_F(DesignTest, ConfusionsAreOfTheMap) {
  command.allocation = "equal", command.points = 300;
  design(command, silent.context);
  interpret();
  std::vector<std::string> lines;
  const AccuracyReport report = validate(validation, silent.context, &lines);
  ASSERT_EQ(report.confusions.size(), 3u);
  EXPECT_EQ(report.confusions.front().reference, 4);
  EXPECT_EQ(report.confusions.front().produced, 1) << "the largest class, though it has no more points than the others";
  double wrong = 0, hectares = 0;
  for (const PlacedConfusion& pair : report.confusions) {
    wrong += pair.hectares;
    EXPECT_EQ(pair.pixels, pair.polygons);
  }
  for (const AreaEstimate& of_class : report.areas->classes) hectares += of_class.area.value;
  EXPECT_NEAR(wrong, (1 - report.areas->overall.value) * hectares, 1e-6 * hectares);
  EXPECT_NEAR(report.confusions.front().longitude, 3.0, 0.1);
  EXPECT_EQ(read_accuracy(validation.output + "/accuracy.json").confusions, report.confusions);
  EXPECT_THAT(lines, Contains(AllOf(HasSubstr(" shown as "), HasSubstr(" ha by "), HasSubstr(" points, "))));
}

TEST_F(DesignTest, ReachesThePrecisionThatIsAskedFor) {
  command.points = 0, command.half_width = 4,
  command.least = 150;  // in so small a map, `least` leaves the largest stratum less than its part
  testing::SilentProgress progress;
  silent.context.progress = &progress;
  for (const char* rule : {"olofsson", "proportional", "equal", "neyman"}) {
    command.allocation = rule;
    const auto strata = design(command, silent.context);
    EXPECT_LE(expected_half_width(command, strata), 4) << rule;
    EXPECT_GT(expected_half_width(command, strata), 3.8) << rule;
  }
  EXPECT_THAT(progress.notes, Not(Contains(HasSubstr("instead of"))));
  command.allocation = "olofsson", command.points = 200;
  EXPECT_EQ(design(command, silent.context)[0].points, 150);
  EXPECT_THAT(progress.notes, Contains(AllOf(HasSubstr("450 instead of 200"), HasSubstr("at least 150 (--least)"))));
}

TEST_F(DesignTest, LabelsAreNotWrittenOver) {
  design(command, silent.context);
  design(command, silent.context);  // no label yet
  interpret();
  command.output = validation.reference;
  const std::string bytes = read_text(command.output);
  EXPECT_THAT(message_of([&] { design(command, silent.context); }), AllOf(HasSubstr("200 points"), HasSubstr("already have a label")));
  EXPECT_EQ(read_text(command.output), bytes);
}

TEST_F(DesignTest, AFormatOfOneLayerIsRefusedBeforeTheMapIsRead) {
  command.output = folder + "/sample.shp", command.map = folder + "/none.tif";
  EXPECT_THAT(message_of([&] { design(command, silent.context); }),
              AllOf(HasSubstr("sample.shp"), HasSubstr("expected a GeoPackage, .gpkg")));
}

// Since the sample was drawn, the first 30 of 100 columns have lost their class, and five points were removed from the layer.
TEST_F(DesignTest, PointsOnNoDataAreCountedAndNoPartOfTheMap) {
  command.points = 600;
  design(command, silent.context);
  without = 5;
  interpret();
  Raster<std::uint8_t> map(grid, 0);
  for (int row = 0; row < grid.rows; ++row)
    for (int col = 30; col < 100; ++col) map.at(col, row) = class_at(col);
  write_raster(command.map, map, {});
  testing::SilentProgress progress;
  silent.context.progress = &progress;
  const auto json = result();
  EXPECT_EQ(json["points"]["removed"], 5);
  EXPECT_GT(json["points"]["on_no_data"], 100);
  EXPECT_NEAR(json["areas"]["covered_share"].get<double>(), 0.7, 0.05);
  double hectares = 0;
  for (const auto& of_class : json["areas"]["classes"]) hectares += of_class["area"]["value"].get<double>();
  EXPECT_NEAR(hectares, 70, 5);
  EXPECT_THAT(progress.notes, AllOf(Contains(HasSubstr("on no data of")), Contains(HasSubstr("(5 are not in the layer any more)"))));
}

TEST_F(DesignTest, WhatIsNoSampleIsRefused) {
  design(command, silent.context);
  interpret("", 30);
  EXPECT_THAT(message_of([&] { validate(validation, silent.context); }), HasSubstr("was moved by 30"));

  PointLayer points{"p", {"label"}, {}, {}};
  for (int row = 0; row < 5; ++row)
    for (int col = 0; col < 10; ++col) points.points.push_back(grid.centre(col, row)), points.rows.push_back({std::int64_t{1}});
  write_point_layers(folder + "/plain.gpkg", grid.crs, {points});
  validation.reference = folder + "/plain.gpkg";
  EXPECT_THAT(message_of([&] { validate(validation, silent.context); }), HasSubstr("--sampling random"));
  validation.sampling = "random";  // all in one corner
  EXPECT_THAT(message_of([&] { validate(validation, silent.context); }), HasSubstr("points that are drawn at random never do"));
  points.points[7] = {points.points[3].x + 1, points.points[3].y};
  write_point_layers(folder + "/twice.gpkg", grid.crs, {points});
  validation.reference = folder + "/twice.gpkg";
  for (const char* sampling : {"random", "stratified"}) {
    validation.sampling = sampling;
    EXPECT_THAT(message_of([&] { validate(validation, silent.context); }), HasSubstr("points 4 and 8 lie in one pixel"));
  }
  write_text(folder + "/table.csv", "x,y,label\n700005,6599995,1\n");
  validation.reference = folder + "/table.csv";
  EXPECT_THAT(message_of([&] { validate(validation, silent.context); }), HasSubstr("the file holds none"));
  validation.reference = folder + "/plain.gpkg";
  validation.sampling = "none";
  const auto counts = result();
  EXPECT_FALSE(counts.contains("areas"));
  EXPECT_EQ(counts["runs"][0]["pixels"], 50);
}

}  // namespace
}  // namespace millesime
