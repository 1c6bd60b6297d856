#pragma once
// A map, a sample of it, and interpreters of the sample.

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "pipeline/core/atomic_file.h"
#include "pipeline/io/point_file.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/stages/design.h"
#include "pipeline/stages/validate.h"
#include "tests/support/silent_context.h"
#include "tests/support/temp_dir.h"

namespace millesime::testing {

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
  std::string folder = temp_dir();
  int without = 0;  // points that interpreters do not give back
  SilentContext silent;
  DesignCommand command;
  ValidateCommand validation;
};

}  // namespace millesime::testing
