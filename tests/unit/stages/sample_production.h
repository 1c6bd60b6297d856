#pragma once
// A production of two small tiles with reference polygons, for the tests of stage sample.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/sensor.h"
#include "pipeline/io/vector_file.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/sample.h"
#include "tests/support/muscate_product.h"
#include "tests/support/silent_progress.h"
#include "tests/support/temp_dir.h"

namespace millesime {

inline constexpr double kLeft = 300000, kTop = 4900020;

struct LabelledPatch {  // a rectangle of pixels of the first tile, in a class
  int col = 0, row = 0, width = 0, height = 0;
  std::string code;
};

inline Polygon rectangle(double min_x, double min_y, double max_x, double max_y) {
  return {{{{min_x, max_y}, {max_x, max_y}, {max_x, min_y}, {min_x, min_y}, {min_x, max_y}}}};
}

inline OutputFeature feature_of(const LabelledPatch& p) {
  return {{rectangle(kLeft + p.col * 10, kTop - (p.row + p.height) * 10, kLeft + (p.col + p.width) * 10, kTop - p.row * 10)}, {p.code}};
}

class SampleStage : public ::testing::Test {
 protected:
  std::string folder = testing::temp_dir();
  Config config;
  testing::SilentProgress progress;
  std::vector<std::string> tiles;

  void SetUp() override {
    config.year = 2018;
    config.nomenclature = "oso23";
    config.output = folder + "/out";
    config.sources.front().root = folder + "/l2a";
    config.sources.front().bands = {"B2", "B5"};
    config.sources.front().resampling = "nearest";
    config.reference.path = folder + "/reference.gpkg";
    config.reference.class_field = "CODE";
    config.reference.learn_ratio = 0.5;
  }

  // Images of three dates, the census and the footprint of a tile of `cols` x 40 pixels whose left border is at pixel `first_col` of the
  // first one. On the second date columns from 30 on are cloudy.
  void make_tile(const std::string& name, int first_col = 0, int cols = 60) {
    const Grid grid{"EPSG:32631", kLeft + first_col * 10, kTop, 10, 10, cols, 40};
    for (const std::string date : {"20180111", "20180511", "20180911"}) {
      testing::MuscateProduct product;
      product.tile = name;
      product.date = date;
      product.grid = grid;
      product.bands = {"B2", "B5"};
      product.value = [date](const std::string&, int col, int row) {
        return static_cast<std::int16_t>(std::stoi(date.substr(4, 2)) * 1000 + row * 20 + col % 20);
      };
      product.mask = [date](const std::string& mask, int col, int) {
        return static_cast<std::uint8_t>(mask == "CLM" && date == "20180511" && col >= 30);
      };
      testing::write_product(config.sources.front().root, product);
    }
    take_census(name);
    write_raster(Layout(config).footprint(name), Raster<std::uint8_t>(grid, 1), {});
    tiles.push_back(name);
  }

  void take_census(const std::string& name) {
    const SourceCensus census = make_sensor("sentinel2_theia")
                                    ->take_census(config.sources.front().root, name, config.sources.front().bands,
                                                  Date::from_ymd(2018, 1, 1), Date::from_ymd(2018, 12, 31));
    write_text(Layout(config).census(name), TileImages::of(census).to_json().dump());
  }

  void write_reference(const std::vector<LabelledPatch>& patches) {
    std::vector<OutputFeature> features;
    for (const LabelledPatch& patch : patches) features.push_back(feature_of(patch));
    write_polygons(config.reference.path, "reference", "EPSG:32631", {"CODE"}, features);
  }

  nlohmann::json run(const std::string& tile = "T31TCJ", int threads = 1, std::int64_t memory = std::int64_t{1} << 30) {
    Context context;
    context.threads = threads;
    context.memory_bytes = memory;
    context.progress = &progress;
    return sample_tile(config, tiles, tile, context);
  }

  Samples samples(const std::string& tile = "T31TCJ") { return read_samples(Layout(config).samples(tile)); }

  std::string refusal() {
    try {
      run();
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  }
};

}  // namespace millesime
