#include "pipeline/coverage/polygon_pixels.h"

#include <algorithm>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millesime {
namespace {

// A triangle with its hole, in pixels.
const PixelRings kTriangle = {{{0.2, 0.1}, {9.7, 4.3}, {1.5, 8.9}, {0.2, 0.1}}, {{2, 3}, {4, 4}, {2, 5}, {2, 3}}};

double weight_of(const PixelRings& rings, PixelRule rule, int first_row, int row_end) {
  std::vector<PixelTransfer> pixels;
  add_pixels_of(rings, rule, first_row, row_end, pixels);
  double sum = 0;
  for (const PixelTransfer& run : pixels) sum += static_cast<double>(run.weight) * (run.col_end - run.col);
  return sum / static_cast<double>(kWholePixel);
}

TEST(PolygonPixels, SharesAddUpToTheArea) {
  // Twice the areas: (9.5 x 8.8 - 4.2 x 1.3) - 2 x 2.
  const double area = (9.5 * 8.8 - 4.2 * 1.3) / 2 - 2;
  EXPECT_NEAR(weight_of(kTriangle, PixelRule::share, -5, 20), area, 1e-3);
  EXPECT_NEAR(weight_of(kTriangle, PixelRule::share, -5, 4) + weight_of(kTriangle, PixelRule::share, 4, 20), area, 1e-3);
  PixelRings turned = kTriangle;
  for (auto& ring : turned) std::ranges::reverse(ring);
  EXPECT_NEAR(weight_of(turned, PixelRule::share, -5, 20), area, 1e-3);
}

TEST(PolygonPixels, CentresInside) {
  const PixelRings rectangle = {{{0.4, 0.6}, {2.6, 0.6}, {2.6, 2.5}, {0.4, 2.5}, {0.4, 0.6}}};
  std::vector<PixelTransfer> pixels;
  add_pixels_of(rectangle, PixelRule::centre, 0, 10, pixels);
  // Row 0 has its centres above; those of row 2 lie on the lower edge, which belongs to what is below.
  std::vector<std::pair<int, int>> inside;
  for (const PixelTransfer& run : pixels) {
    EXPECT_EQ(run.weight, kWholePixel);
    for (int col = run.col; col < run.col_end; ++col) inside.emplace_back(run.row, col);
  }
  EXPECT_THAT(inside, ::testing::ElementsAre(std::pair(1, 0), std::pair(1, 1), std::pair(1, 2)));
}

TEST(PolygonPixels, NeighboursShareNoCentre) {
  const PixelRings west = {{{0, 0}, {3, 0}, {5, 8}, {0, 8}, {0, 0}}}, east = {{{3, 0}, {9, 0}, {9, 8}, {5, 8}, {3, 0}}};
  EXPECT_EQ(weight_of(west, PixelRule::centre, 0, 8) + weight_of(east, PixelRule::centre, 0, 8), 72);
}

}  // namespace
}  // namespace millesime
