// The pixels that polygons label.
#include "pipeline/imagery/labelled_pixels.h"

#include <gtest/gtest.h>

namespace millesime {
namespace {

// erosion_m is metres on the ground: of 20 x 20 pixels of 8 x 11 m at 44° N, 30 m are four columns and three rows on each side.
TEST(LabelledPixels, ErodeByMetresInDegrees) {
  const Grid grid{"EPSG:4326", 3, 44, 1e-4, 1e-4, 30, 30};
  const double left = 3 + 5e-4, right = 3 + 25e-4, top = 44 - 5e-4, bottom = 44 - 25e-4;
  TileReference reference;
  ReferencePolygon polygon;
  polygon.feature.parts = {{{{{left, top}, {right, top}, {right, bottom}, {left, bottom}, {left, top}}}}};
  polygon.code = 1;
  reference.polygons = {polygon};
  std::int64_t of_two_classes = 0;
  EXPECT_EQ(labelled_pixels(reference, grid, 0, of_two_classes).size(), 20u * 20u);
  EXPECT_EQ(labelled_pixels(reference, grid, 30, of_two_classes).size(), 12u * 14u);
}

}  // namespace
}  // namespace millesime
