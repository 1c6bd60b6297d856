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
#include "tests/support/silent_context.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;

// A map of three stripes of 60, 30 and 10 columns; a column of nothing.
class DesignTest : public ::testing::Test {
 protected:
  DesignTest() {
    Raster<std::uint8_t> map(grid, 0);
    for (int row = 0; row < grid.rows; ++row)
      for (int col = 0; col < 100; ++col) map.at(col, row) = class_at(col);
    write_raster(folder + "/map.tif", map, {});
    command.map = folder + "/map.tif", command.nomenclature = "oso23", command.output = folder + "/sample.gpkg";
    command.points = 200, command.least = 40;
    validation.classification = command.map, validation.reference = command.output, validation.output = folder + "/accuracy";
  }
  static std::uint8_t class_at(int col) { return col < 60 ? 1 : col < 90 ? 2 : 3; }

  // The file as interpreters give it back: what is wrong in the map, on every tenth column, is of class 4.
  void interpret(const std::string& second_label = "", double moved = 0) {
    PointLayer points{kDesignPoints, {"id", "label", "label_1", "label_2"}, {}, {}};
    int skipped = 0;
    for (const PointRow& row : read_points(command.output, kDesignPoints, {"id"}, grid.crs)) {
      if (skipped++ < without) continue;
      const int col = static_cast<int>(grid.col(row.point->x));
      const std::int64_t label = col % 10 == 0 ? 4 : class_at(col);
      points.points.push_back({row.point->x + moved, row.point->y});
      points.rows.push_back({std::stoll(row.attributes.at("id")), std::string(), std::to_string(label),
                             second_label.empty() ? std::to_string(label) : second_label});
    }
    std::vector<PointLayer> layers{points};
    for (const char* name : {kDesignHidden, kDesignStrata}) {
      PointLayer layer{name, {}, {}, {}};
      for (const PointRow& row : read_points(command.output, name, {}, grid.crs)) {
        layer.rows.emplace_back();
        layer.fields.clear();
        for (const auto& [field, text] : row.attributes) layer.fields.push_back(field), layer.rows.back().emplace_back(text);
        if (row.point) layer.points.push_back(*row.point);
      }
      layers.push_back(layer);
    }
    validation.reference = folder + "/interpreted.gpkg";
    write_point_layers(validation.reference, grid.crs, layers);
  }
  nlohmann::json result() {
    validate(validation, silent.context);
    return nlohmann::json::parse(read_text(validation.output + "/accuracy.json"));
  }

  Grid grid{"EPSG:2154", 700000, 6600000, 10, 10, 101, 100};
  std::string folder = testing::temp_dir();
  int without = 0;  // points that interpreters do not give back
  testing::SilentContext silent;
  DesignCommand command;
  ValidateCommand validation;
};

TEST_F(DesignTest, DrawsPixelsOfTheStrataAndHidesTheirClass) {
  const auto strata = design(command, silent.context);
  ASSERT_EQ(strata.size(), 3u);
  EXPECT_EQ(strata[0].pixels, 6000);
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
  EXPECT_THAT(styles[0].attributes.at("styleQML"),
              AllOf(HasSubstr("<field name=\"label_2\"><editWidget type=\"ValueMap\">"), HasSubstr("name=\"13 Prairies\" value=\"13\"/>")));
  const std::string bytes = read_text(command.output);
  design(command, silent.context);
  EXPECT_EQ(read_text(command.output), bytes);
  command.seed = 2;
  design(command, silent.context);
  EXPECT_NE(read_text(command.output), bytes);
  command.expected_of = {"9=90"};
  EXPECT_THAT(message_of([&] { design(command, silent.context); }), HasSubstr("CODE=PERCENT"));
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
  EXPECT_EQ(design(command, silent.context)[1].pixels, 5000);
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
  EXPECT_EQ(drawn[0].pixels, 8000);
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
  EXPECT_EQ(strata[0].pixels, 10000);
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
