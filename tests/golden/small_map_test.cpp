// A map that can be drawn by hand: two classes that cannot be confused, clouds at known positions, an image edge. The expected result is
// drawn here, with the reason why it is right.

#include <filesystem>

#include <gtest/gtest.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/vector_file.h"
#include "tests/support/muscate_product.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

using testing::MuscateProduct;
using testing::run_program;

constexpr int kCols = 24, kRows = 20;

// West of a stair there is forest, east of it water. Its steps are whole pixels of 20 m, so that no pixel of any band is mixed.
bool is_forest(int col, int row) { return col < 8 + 2 * (row / 4); }

// Day 1 is clear, but the image has no pixels in its last two columns; day 2 has a cloud in the upper left corner; day 3 a shadow of one
// column. The forest is bright in the near infrared in summer; water is dark always.
MuscateProduct product(int day) {
  static constexpr const char* kDates[] = {"20210110", "20210511", "20210905"};
  MuscateProduct p;
  p.date = kDates[day];
  p.value = [day](const std::string& band, int col, int row) {
    const bool ten_metres = testing::is_10m(band);
    const int c = ten_metres ? col : 2 * col, r = ten_metres ? row : 2 * row;
    const bool infrared = band == "B8" || band == "B8A" || band == "B7" || band == "B6";
    return static_cast<std::int16_t>(is_forest(c, r) ? (infrared ? 2500 + 700 * (day == 1) : 400) : (infrared ? 150 : 300));
  };
  p.mask = [day](const std::string& mask, int col, int row) -> std::uint8_t {
    if (mask == "EDG") return day == 0 && col >= kCols - 2;
    if (mask == "CLM") return (day == 1 && col < 4 && row < 3) || (day == 2 && col == 10);
    return 0;
  };
  return p;
}

std::string draw(const Raster<std::uint8_t>& raster, const std::string& symbols) {
  std::string picture;
  for (int row = 0; row < raster.grid.rows; ++row) {
    for (int col = 0; col < raster.grid.cols; ++col) picture += symbols.at(raster.at(col, row));
    picture += '\n';
  }
  return picture;
}

TEST(SmallMap, IsTheOneThatWasDrawn) {
  const std::string folder = testing::temp_dir();
  for (int day = 0; day < 3; ++day) write_product(folder + "/l2a", product(day));
  std::vector<OutputFeature> polygons;
  const auto add_box = [&](const std::string& code, int col, int row) {  // two pixels by two
    const double left = 300000 + 10 * col, top = 4900020 - 10 * row;
    polygons.push_back({{{{{{left, top - 20}, {left + 20, top - 20}, {left + 20, top}, {left, top}, {left, top - 20}}}}}, {code}});
  };
  for (const int row : {1, 6, 11, 16}) add_box("16", 1, row), add_box("16", 5, row), add_box("23", 19, row), add_box("23", 21, row);
  write_polygons(folder + "/reference.gpkg", "reference", "EPSG:32631", {"CODE"}, polygons);
  write_text(folder + "/c.toml",
             "year = 2021\n[[source]]\nsensor = \"sentinel2_theia\"\nroot = \"l2a\"\nresampling = \"nearest\"\n[reference]\npath = "
             "\"reference.gpkg\"\n"
             "class_field = \"CODE\"\n[model]\nname = \"random_forest\"\n[train]\ntrees = 15\nmin_leaf = 1\n[mosaic]\ncrs = "
             "\"EPSG:32631\"\n");
  const auto result = run_program({"run", folder + "/c.toml", "--quiet"});
  ASSERT_EQ(result.code, 0) << result.err;

  // f: forest (16), w: water (23). Every pixel was seen at least once, so every pixel has a class: that of its side of the stair, also
  // under the clouds (the series is filled from the other dates) and where the first image has no pixels.
  std::string symbols(256, '?');
  symbols[0] = '.', symbols[16] = 'f', symbols[23] = 'w';
  EXPECT_EQ(draw(RasterReader(folder + "/out/2021/OCS_2021.tif").read_all<std::uint8_t>(), symbols),
            "ffffffffwwwwwwwwwwwwwwww\n"
            "ffffffffwwwwwwwwwwwwwwww\n"
            "ffffffffwwwwwwwwwwwwwwww\n"
            "ffffffffwwwwwwwwwwwwwwww\n"
            "ffffffffffwwwwwwwwwwwwww\n"
            "ffffffffffwwwwwwwwwwwwww\n"
            "ffffffffffwwwwwwwwwwwwww\n"
            "ffffffffffwwwwwwwwwwwwww\n"
            "ffffffffffffwwwwwwwwwwww\n"
            "ffffffffffffwwwwwwwwwwww\n"
            "ffffffffffffwwwwwwwwwwww\n"
            "ffffffffffffwwwwwwwwwwww\n"
            "ffffffffffffffwwwwwwwwww\n"
            "ffffffffffffffwwwwwwwwww\n"
            "ffffffffffffffwwwwwwwwww\n"
            "ffffffffffffffwwwwwwwwww\n"
            "ffffffffffffffffwwwwwwww\n"
            "ffffffffffffffffwwwwwwww\n"
            "ffffffffffffffffwwwwwwww\n"
            "ffffffffffffffffwwwwwwww\n");

  // Valid acquisitions: three, less one under the cloud of day 2, in the shadow of day 3, and beyond the edge of day 1.
  const std::string cloudy = "222233333323333333333322\n", clear = "333333333323333333333322\n";
  std::string validity = cloudy + cloudy + cloudy;
  for (int row = 3; row < kRows; ++row) validity += clear;
  EXPECT_EQ(draw(RasterReader(folder + "/out/2021/OCS_2021_validity.tif").read_all<std::uint8_t>(), "0123456789"), validity);

  // All trees agree on what is separable, also under the cloud.
  const auto confidence = RasterReader(folder + "/out/2021/OCS_2021_confidence.tif").read_all<std::uint8_t>();
  EXPECT_EQ(confidence.at(2, 10), 100);
  EXPECT_EQ(confidence.at(21, 10), 100);
  EXPECT_EQ(confidence.at(0, 0), 100);
}

}  // namespace
}  // namespace millesime
