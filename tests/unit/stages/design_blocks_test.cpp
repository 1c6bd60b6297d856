// A sample whose units are blocks.

#include <cmath>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/error.h"
#include "pipeline/io/vector_file.h"
#include "tests/support/message_of.h"
#include "tests/unit/stages/design_fixture.h"

namespace millesime {
namespace {

using ::testing::AllOf;
using testing::DesignTest;
using ::testing::HasSubstr;
using testing::message_of;

// Blocks of 3 x 3 pixels, those at the edges cut, in which one pixel is of another class: the majority is class_at(). Where (block column)
// % 5 is 0, the ground is of class 4.
class BlockDesignTest : public DesignTest {
 protected:
  BlockDesignTest() {
    for (int row = 0; row < grid.rows; ++row)
      for (int col = 0; col < 100; ++col) map.at(col, row) = col % 3 == 0 && row % 3 == 0 ? 5 : class_at(col);
    write_raster(command.map, map, {});
    command.unit = "block", command.block_size = 30;
  }

  void label() {
    std::vector<PointLayer> layers;
    for (const char* name : {kDesignBlocks, kDesignHidden}) {
      PointLayer layer{name, {}, {}, {}};
      for (const Feature& block : read_polygons(command.output, name, {"id"}, grid.crs).features) {
        auto attributes = block.attributes;
        const Point middle = block.centroid();
        const int col = static_cast<int>(grid.col(middle.x)) / 3 * 3;
        if (layer.name == kDesignBlocks) attributes["label"] = std::to_string(col % 15 == 0 ? 4 : class_at(col));
        layer.fields.clear(), layer.rows.emplace_back(), layer.polygons.push_back(block.parts.front());
        for (const auto& [field, text] : attributes) layer.fields.push_back(field), layer.rows.back().emplace_back(text);
      }
      layers.push_back(layer);
    }
    PointLayer strata{kDesignStrata, {}, {}, {}};
    for (const PointRow& row : read_points(command.output, kDesignStrata, {}, "")) {
      strata.fields.clear(), strata.rows.emplace_back();
      for (const auto& [field, text] : row.attributes) strata.fields.push_back(field), strata.rows.back().emplace_back(text);
    }
    layers.push_back(strata);
    validation.reference = folder + "/interpreted.gpkg";
    write_point_layers(validation.reference, grid.crs, layers);
  }
  Raster<std::uint8_t> map{grid, 0};
};

TEST_F(BlockDesignTest, AreSquaresOfTheGridWithTheClassOfMostOfTheirPixels) {
  const auto strata = design(command, silent.context);
  ASSERT_EQ(strata.size(), 4u);  // in the corner below on the right the only pixel of a block with a class is of class 5
  EXPECT_EQ(strata[0].units, 20 * 34);
  EXPECT_EQ(strata[1].units, 10 * 34);
  EXPECT_EQ(strata[2].units, 4 * 33 + 3);
  EXPECT_EQ(strata[3].units, 1);
  double hectares = 0;
  for (const Stratum& stratum : strata) hectares += stratum.hectares;
  EXPECT_NEAR(hectares, 100, 0.5);  // on the ellipsoid; of pixels with a class alone
  EXPECT_FALSE(has_layer(command.output, kDesignPoints));
  const auto blocks = read_polygons(command.output, kDesignBlocks, {"id", "label_1", "label"}, "").features;
  const auto hidden = read_polygons(command.output, kDesignHidden, {"stratum", "map_class", kDesignPixels}, "").features;
  ASSERT_EQ(std::ssize(blocks), strata[0].points + strata[1].points + strata[2].points + strata[3].points);
  std::set<std::pair<double, double>> corners;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const Box box = blocks[i].extent();
    EXPECT_EQ(box, hidden[i].extent());
    const int col = static_cast<int>(std::lround(grid.col(box.min_x))), row = static_cast<int>(std::lround(grid.row(box.max_y)));
    EXPECT_EQ(col % 3, 0);
    EXPECT_EQ(row % 3, 0);
    EXPECT_NEAR(box.max_x - box.min_x, col == 99 ? 20 : 30, 1e-6);
    EXPECT_NEAR(box.max_y - box.min_y, row == 99 ? 10 : 30, 1e-6);
    const int pixels = (col == 99 ? 1 : 3) * (row == 99 ? 1 : 3);
    EXPECT_EQ(hidden[i].attributes.at(kDesignPixels), std::to_string(pixels));
    EXPECT_EQ(hidden[i].attributes.at("stratum"), std::to_string(pixels == 1 ? 5 : class_at(col)));
    corners.insert({box.min_x, box.min_y});
  }
  EXPECT_EQ(corners.size(), blocks.size());
  const auto style = read_points(command.output, "layer_styles", {"f_table_name", "styleQML"}, "");
  EXPECT_EQ(style.at(0).attributes.at("f_table_name"), kDesignBlocks);
  EXPECT_THAT(style.at(0).attributes.at("styleQML"), HasSubstr("symbol type=\"fill\""));
  const std::string bytes = read_text(command.output);
  design(command, silent.context);
  EXPECT_EQ(read_text(command.output), bytes);
}

// All blocks are the whole map: the estimates are its numbers, without an error, and count what of a block has a class.
TEST_F(BlockDesignTest, AllOfThemGiveTheNumbersOfTheMap) {
  for (int row = 0; row < grid.rows; ++row) map.at(99, row) = class_at(99);
  write_raster(command.map, map, {});
  command.points = 5000, command.allocation = "proportional";
  design(command, silent.context);
  label();
  const auto json = result();
  EXPECT_EQ(json["unit"], "block");
  EXPECT_EQ(json["blocks"]["blocks"], 34 * 34);
  EXPECT_NEAR(json["areas"]["overall_accuracy"]["value"].get<double>(), 0.79, 1e-4);  // 7 columns of blocks are wrong
  EXPECT_LT(json["areas"]["overall_accuracy"]["standard_error"].get<double>(), 1e-9);
  EXPECT_THAT(read_text(validation.output + "/RESULTS.txt"), HasSubstr("Counts of the blocks"));
}

TEST_F(BlockDesignTest, AreEstimatedByTheDesign) {
  command.points = 400;
  for (int row = 0; row < grid.rows; ++row) map.at(99, row) = class_at(99);
  write_raster(command.map, map, {});
  for (const int cluster_points : {0, 8}) {
    command.cluster_points = cluster_points, command.cluster_side = 30,
    command.output = folder + join_text("/sample", cluster_points, ".gpkg");
    design(command, silent.context);
    label();
    const auto overall = result()["areas"]["overall_accuracy"];
    EXPECT_NEAR(overall["value"].get<double>(), 0.79, 4 * overall["standard_error"].get<double>()) << cluster_points;
    EXPECT_NEAR(overall["standard_error"].get<double>(), std::sqrt(0.79 * 0.21 / 400), 0.012) << cluster_points;
  }
}

TEST_F(BlockDesignTest, FitTheMapAndTheCommand) {
  command.block_size = 25;
  EXPECT_THAT(message_of([&] { design(command, silent.context); }), AllOf(HasSubstr("10 x 10 m, got 25 m"), HasSubstr("map.tif")));
  command.block_size = 30, command.unit = "point";
  EXPECT_THAT(message_of([&] { design(command, silent.context); }), HasSubstr("expected also --unit block"));
  command.unit = "block", command.cluster_points = 4, command.cluster_side = 20;
  EXPECT_THAT(message_of([&] { design(command, silent.context); }), HasSubstr("a multiple of the blocks, 3 px, got 20 px"));
  command.cluster_points = 0;
  design(command, silent.context);
  label();
  command.output = validation.reference;
  EXPECT_THAT(message_of([&] { design(command, silent.context); }), HasSubstr("blocks of the sample there already have a label"));
  validation.sampling = "none";
  EXPECT_THAT(message_of([&] { result(); }), HasSubstr("blocks of `millesime design`, and --sampling none"));
  Raster<std::uint8_t> degrees(Grid{"EPSG:4326", 2, 45, 0.0001, 0.0001, 30, 30}, 1);
  write_raster(command.map, degrees, {});
  command.output = folder + "/degrees.gpkg";
  EXPECT_THAT(message_of([&] { design(command, silent.context); }), AllOf(HasSubstr("in degrees"), HasSubstr("--unit point")));
}

}  // namespace
}  // namespace millesime
