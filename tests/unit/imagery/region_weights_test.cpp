#include "pipeline/imagery/region_weights.h"

#include <cmath>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/core/error.h"
#include "tests/support/message_of.h"
#include "tests/support/temp_dir.h"

namespace millesime {
namespace {

TEST(DistanceTo, EqualsTheDistanceFoundByTryingEveryPair) {
  std::mt19937 random(7);
  for (const auto& [width, height] : {std::pair{1, 1}, {13, 1}, {1, 9}, {17, 11}}) {
    std::vector<std::uint8_t> marked(static_cast<std::size_t>(width * height));
    for (auto& mark : marked) mark = random() % 7 == 0;
    const auto distance = distance_to(marked, width, height);
    for (int row = 0; row < height; ++row)
      for (int col = 0; col < width; ++col) {
        double best = std::numeric_limits<double>::infinity();
        for (int r = 0; r < height; ++r)
          for (int c = 0; c < width; ++c)
            if (marked[static_cast<std::size_t>(r * width + c)]) best = std::min(best, std::hypot(r - row, c - col));
        EXPECT_EQ(distance[static_cast<std::size_t>(row * width + col)], static_cast<float>(best))
            << width << " x " << height << " at " << col << "," << row;
      }
  }
}

TEST(DistanceTo, IsExactAcrossAWholeTile) {
  constexpr int kWidth = 11200, kHeight = 600;
  std::mt19937 random(3);
  std::vector<std::uint8_t> marked(std::size_t{kWidth} * kHeight, 0);
  std::vector<std::pair<int, int>> points;
  for (int i = 0; i < 100; ++i) {
    points.emplace_back(random() % kWidth, random() % kHeight);
    marked[static_cast<std::size_t>(points.back().second) * kWidth + static_cast<std::size_t>(points.back().first)] = 1;
  }
  const auto distance = distance_to(marked, kWidth, kHeight);
  for (int row = 0; row < kHeight; row += 37)
    for (int col = 0; col < kWidth; col += 11) {
      double best = std::numeric_limits<double>::infinity();
      for (const auto& [c, r] : points) best = std::min(best, std::hypot(c - col, r - row));
      ASSERT_EQ(distance[static_cast<std::size_t>(row) * kWidth + static_cast<std::size_t>(col)], static_cast<float>(best))
          << col << "," << row;
    }
}

TEST(DistanceTo, NothingMarkedIsInfinitelyFar) {
  for (const float d : distance_to(std::vector<std::uint8_t>(12, 0), 4, 3)) EXPECT_TRUE(std::isinf(d));
}

class RegionWeightsTest : public ::testing::Test {
 protected:
  RegionWeightsTest() {
    // West and east of x = 1000, and a gap from x = 1500 on.
    const auto box = [](double x0, double x1) { return std::vector<Polygon>{{{{{x0, 0}, {x1, 0}, {x1, 1000}, {x0, 1000}, {x0, 0}}}}}; };
    file = testing::temp_dir() + "/regions.gpkg";
    write_polygons(file, "regions", grid.crs, {"region"},
                   {{box(0, 1000), {std::string("west")}}, {box(1000, 1500), {std::string("east")}}});
  }
  RegionOptions options(double blend_m) const { return {.path = file, .layer = "", .field = "region", .blend_m = blend_m}; }
  Grid grid{"EPSG:32631", 0, 1000, 10, 10, 200, 100};
  std::string file;
};

TEST_F(RegionWeightsTest, WeighTheSameAtTheBorderAndFadeWithDistance) {
  const RegionWeights regions(options(100), grid);
  ASSERT_EQ(regions.names(), (std::vector<std::string>{"east", "west"}));
  const auto present = regions.present(grid.whole());
  ASSERT_EQ(present.size(), 2u);
  const auto weights = regions.weights(grid.whole(), present);
  const auto at = [&](int region, int col) {
    return weights[static_cast<std::size_t>(region) * 20000 + 50 * 200 + static_cast<std::size_t>(col)];
  };
  EXPECT_EQ(at(1, 10), 1);
  EXPECT_EQ(at(0, 10), 0);
  EXPECT_FLOAT_EQ(at(0, 99), 0.9f);  // one pixel of ten from the border
  EXPECT_EQ(at(1, 99), 1);
  EXPECT_FLOAT_EQ(at(1, 104), 0.5f);
  EXPECT_EQ(at(1, 120), 0);
  EXPECT_EQ(at(0, 180), 0);  // outside all regions
}

// blend_m is metres on the ground, where a degree of longitude is shorter than one of latitude.
TEST_F(RegionWeightsTest, BlendByMetresInDegrees) {
  const auto box = [](double y0, double y1) { return std::vector<Polygon>{{{{{3, y0}, {3.02, y0}, {3.02, y1}, {3, y1}, {3, y0}}}}}; };
  const Grid degrees{"EPSG:4326", 3, 44.01, 1e-4, 1e-4, 200, 200};
  const auto weights_of = [&](const std::vector<OutputFeature>& features) {
    write_polygons(file, "regions", degrees.crs, {"region"}, features);
    const RegionWeights regions(options(100), degrees);
    return regions.weights(degrees.whole(), regions.present(degrees.whole()));
  };
  const auto south = weights_of({{box(43.99, 44), {std::string("south")}}});
  const auto above = [&](int rows) { return south[static_cast<std::size_t>((100 - rows) * 200 + 100)]; };
  EXPECT_NEAR(above(3), 1 - 3 * 11.11 / 100, 1e-3);
  EXPECT_EQ(above(10), 0);
  const std::vector<Polygon> west_half{{{{{3, 43.99}, {3.01, 43.99}, {3.01, 44.01}, {3, 44.01}, {3, 43.99}}}}};
  const auto west = weights_of({{west_half, {std::string("west")}}});
  const auto right = [&](int cols) { return west[static_cast<std::size_t>(100 * 200 + 99 + cols)]; };
  EXPECT_NEAR(right(3), 1 - 3 * 8.03 / 100, 1e-3);
  EXPECT_GT(right(12), 0);
  EXPECT_EQ(right(13), 0);
}

TEST_F(RegionWeightsTest, DoNotDependOnTheWindows) {
  const RegionWeights regions(options(137), grid);
  const std::vector<int> both{0, 1};
  const auto whole = regions.weights(grid.whole(), both);
  for (const Window& window : split(grid.whole(), 37, 23, 1)) {
    const auto part = regions.weights(window, both);
    for (int k = 0; k < 2; ++k)
      for (int row = 0; row < window.height; ++row)
        for (int col = 0; col < window.width; ++col)
          ASSERT_EQ(part[static_cast<std::size_t>(k * window.pixels() + row * window.width + col)],
                    whole[static_cast<std::size_t>(k * grid.pixels() + (window.row + row) * grid.cols + window.col + col)]);
  }
}

TEST_F(RegionWeightsTest, WithoutBlendingEveryPixelHasItsRegionOnly) {
  const RegionWeights regions(options(0), grid);
  const auto weights = regions.weights(grid.whole(), {0, 1});
  for (std::size_t p = 0; p < 20000; ++p) EXPECT_EQ(weights[p] + weights[20000 + p], p % 200 < 150 ? 1 : 0);
}

TEST_F(RegionWeightsTest, OverlapsAreCountedWhateverTheOrder) {
  const auto box = [](double x0, double x1) { return std::vector<Polygon>{{{{{x0, 0}, {x1, 0}, {x1, 1000}, {x0, 1000}, {x0, 0}}}}}; };
  EXPECT_TRUE(overlaps_of(read_regions(options(100), grid, true), grid).empty()) << "a common border is none";
  const OutputFeature west{box(0, 1000), {std::string("west")}}, more{box(0, 500), {std::string("west")}},
      east{box(970, 1500), {std::string("east")}};
  std::vector<float> weights;
  for (const std::vector<OutputFeature>& features : {std::vector{west, more, east}, std::vector{east, more, west}}) {
    write_polygons(file, "regions", grid.crs, {"region"}, features);
    const auto overlaps = overlaps_of(read_regions(options(100), grid, true), grid);
    ASSERT_EQ(overlaps.size(), 1u) << "a region may consist of features that overlap";
    EXPECT_EQ(overlaps[0].first, "east");
    EXPECT_EQ(overlaps[0].second, "west");
    EXPECT_EQ(overlaps[0].pixels, 3 * 100);
    const auto now = RegionWeights(options(100), grid).weights({90, 0, 20, 4}, {0, 1});
    if (!weights.empty()) {
      EXPECT_EQ(now, weights);
    }
    weights = now;
  }
}

TEST_F(RegionWeightsTest, RegionsThatCannotBeUsedAreRefused) {
  const auto around = [](double w, double s, double e, double n) {
    return std::vector<Polygon>{{{{{w, s}, {e, s}, {e, n}, {w, n}, {w, s}}}}};
  };
  const Grid lambert{"EPSG:2154", 700000, 6600000, 10, 10, 8, 4};  // of France, without a south pole
  const OutputFeature here{around(2.9, 46.4, 3.1, 46.6), {std::string("here")}}, earth{around(-180, -90, 180, 90), {std::string("all")}},
      far{around(-180, -90, 180, -60), {std::string("Antarctica")}};
  write_polygons(file, "regions", "EPSG:4326", {"region"}, {here, earth});
  for (const bool only_near : {false, true})
    EXPECT_THAT(testing::message_of([&] { read_regions(options(100), lambert, only_near); }),
                ::testing::AllOf(::testing::HasSubstr(file), ::testing::HasSubstr("feature 2: reaches to where EPSG:2154 is not defined")));
  write_polygons(file, "regions", "EPSG:4326", {"region"}, {here, far});
  EXPECT_EQ(RegionWeights(options(100), lambert).names(), std::vector<std::string>{"here"}) << "others lie where this tile cannot";
  write_polygons(file, "regions", "EPSG:4326", {"region"}, {here, {{}, {std::string("nothing")}}});
  EXPECT_THAT(testing::message_of([&] { require_regions(options(100)); }), ::testing::HasSubstr("feature 2: no geometry"));
}

TEST_F(RegionWeightsTest, AMissingFieldIsNamed) { EXPECT_THROW(RegionWeights({file, "", "regionn"}, grid), UserError); }

}  // namespace
}  // namespace millesime
