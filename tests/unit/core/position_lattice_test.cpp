#include "pipeline/core/position_lattice.h"

#include <gtest/gtest.h>

#include <cmath>

namespace millesime {
namespace {

// A position that changes evenly along columns and rows, and with their product, is what the lattice interpolates exactly.
Point bilinear(double col, double row) { return {3 * col - row + col * row / 64, 100 + row / 2}; }

PositionLattice lattice_of(const Window& window) {
  return {window.col,   window.row,
          window.width, window.height,
          16,           [](std::int64_t col, std::int64_t row) { return bilinear(static_cast<double>(col), static_cast<double>(row)); }};
}

TEST(PositionLattice, InterpolatesBetweenNodesAlsoLeftOfTheOrigin) {
  const Window window{-37, -5, 60, 40};
  const PositionLattice lattice = lattice_of(window);
  for (int row = 0; row < window.height; ++row)
    for (int col = 0; col < window.width; ++col) {
      const Point expected = bilinear(window.col + col, window.row + row), got = lattice.at(col, row);
      ASSERT_NEAR(got.x, expected.x, 1e-12) << col << "," << row;
      ASSERT_NEAR(got.y, expected.y, 1e-12) << col << "," << row;
    }
}

TEST(PositionLattice, APixelHasOnePositionInEveryWindow) {
  const auto curved = [](std::int64_t col, std::int64_t row) {
    return Point{std::sin(static_cast<double>(col) / 9), std::cos(static_cast<double>(row * col) / 50)};
  };
  const PositionLattice whole(0, 0, 200, 150, 32, curved), part(77, 31, 5, 3, 32, curved);
  for (int row = 0; row < 3; ++row)
    for (int col = 0; col < 5; ++col) {
      EXPECT_EQ(part.at(col, row).x, whole.at(77 + col, 31 + row).x);
      EXPECT_EQ(part.at(col, row).y, whole.at(77 + col, 31 + row).y);
    }
}

TEST(PositionLattice, NodesAreTransformedInPlaceAndMayHaveNoPosition) {
  PositionLattice lattice = lattice_of({0, 0, 40, 20});
  for (double& x : lattice.x()) x *= 2;
  EXPECT_DOUBLE_EQ(lattice.at(16, 0).x, 2 * bilinear(16, 0).x);
  lattice.x()[0] = NAN;
  EXPECT_TRUE(std::isnan(lattice.at(3, 3).x));
  EXPECT_FALSE(std::isnan(lattice.at(17, 17).x));
  EXPECT_DOUBLE_EQ(lattice.extent().max_y, 100 + 32 / 2);
  for (double& x : lattice.x()) x = NAN;
  EXPECT_TRUE(lattice.extent().empty());
}

}  // namespace
}  // namespace millesime
