// Polygons of maps of labels: that they tile the plane, exactly, whatever simplifies them; values of small maps worked out by hand.

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include <gtest/gtest.h>

#include "pipeline/coverage/coverage.h"
#include "pipeline/coverage/internal/arrangement.h"
#include "tests/support/sanitized.h"

namespace millesime {
namespace {

struct LabelledMap {
  int cols, rows;
  std::vector<std::uint32_t> labels;
  std::uint32_t at(int c, int r) const {
    return c < 0 || r < 0 || c >= cols || r >= rows
               ? 0
               : labels[static_cast<std::size_t>(r) * static_cast<std::size_t>(cols) + static_cast<std::size_t>(c)];
  }
};

LabelledMap map_of(const std::vector<std::string>& lines) {
  LabelledMap map{static_cast<int>(lines[0].size()), static_cast<int>(lines.size()), {}};
  for (const std::string& line : lines)
    for (const char c : line) map.labels.push_back(c == '.' ? 0 : static_cast<std::uint32_t>(c - '0'));
  return map;
}

// Patches of any shape: around one place in each square of `size` pixels, with single pixels of noise, and nothing in a corner.
LabelledMap random_map(int cols, int rows, int classes, int size, std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  struct Place {
    int x, y;
    std::uint32_t label;
  };
  const int across = cols / size + 3;
  std::vector<Place> places;
  for (int r = -1; r <= rows / size + 1; ++r)
    for (int c = -1; c <= cols / size + 1; ++c)
      places.push_back({c * size + below(size), r * size + below(size), static_cast<std::uint32_t>(1 + below(classes))});
  LabelledMap map{cols, rows, {}};
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < cols; ++c) {
      int nearest = 1 << 30;
      std::uint32_t label = 1;
      for (int j = 0; j < 3; ++j)
        for (int i = 0; i < 3; ++i) {
          const Place& place = places[static_cast<std::size_t>((r / size + j) * across + c / size + i)];
          const int d = (place.x - c) * (place.x - c) + (place.y - r) * (place.y - r) + below(7);
          if (d < nearest) nearest = d, label = place.label;
        }
      if (below(23) == 0) label = static_cast<std::uint32_t>(1 + below(classes));
      map.labels.push_back(c + r < cols / 5 ? 0 : label);
    }
  return map;
}

struct Result {
  std::vector<CoveragePolygon> polygons;
  OutlineCounts counts;
};

Result polygons_of(const LabelledMap& map, const OutlineOptions& options, PixelRule rule = PixelRule::centre, int fine = 1,
                   int threads = 1) {
  Result result;
  Coverage coverage(
      options, rule, [](std::uint32_t) { return true; }, threads,
      [&](std::vector<CoveragePolygon>&& some) {
        for (CoveragePolygon& polygon : some) result.polygons.push_back(std::move(polygon));
      });
  const BlockRange range = blocks_of({0, 0, map.cols, map.rows});
  for (int row = 0; row < range.rows; ++row) {
    const Window window = pixels_of(range, row, map.cols, map.rows);
    CoverageStrip strip;
    strip.col = window.col, strip.row = window.row, strip.cols = window.width, strip.rows = window.height, strip.fine = fine;
    strip.class_count = 3;
    for (int r = 0; r < window.height; ++r)
      for (int c = 0; c < window.width; ++c) {
        strip.labels.push_back(map.at(window.col + c, window.row + r));
        strip.cm2.push_back(1'000'000);
      }
    for (int r = 0; r < window.height * fine; ++r)
      for (int c = 0; c < window.width * fine; ++c) {
        const int col = window.col * fine + c, row_of = window.row * fine + r;
        strip.classes.push_back(static_cast<std::uint16_t>(((col * 7 + row_of * 3) % 4 + 4) % 4));
        strip.confidence.push_back(static_cast<std::uint8_t>((col + 512) % 101));
        strip.validity.push_back(static_cast<std::uint8_t>((row_of + 512) % 50));
      }
    coverage.add(strip);
  }
  result.counts = coverage.finish();
  return result;
}

std::int64_t twice_area(const CoveragePolygon& polygon) {
  std::int64_t sum = 0;
  std::uint32_t begin = 0;
  for (const std::uint32_t end : polygon.ring_ends) {
    for (std::uint32_t i = begin; i + 1 < end; ++i)
      sum -= (std::int64_t{polygon.vertices[i].x} + polygon.vertices[i + 1].x) *
             (std::int64_t{polygon.vertices[i + 1].y} - polygon.vertices[i].y);
    begin = end;
  }
  return sum;
}

std::vector<std::pair<Vertex, Vertex>> edges_of(const CoveragePolygon& polygon) {
  std::vector<std::pair<Vertex, Vertex>> edges;
  std::uint32_t begin = 0;
  for (const std::uint32_t end : polygon.ring_ends) {
    for (std::uint32_t i = begin; i + 1 < end; ++i) edges.emplace_back(polygon.vertices[i], polygon.vertices[i + 1]);
    begin = end;
  }
  return edges;
}

// Every edge once in each direction, but for the outline of what is mapped; no two edges meet elsewhere than in their ends; rings touch
// themselves nowhere; areas are positive and add up.
void expect_tiling(const LabelledMap& map, const Result& result) {
  std::set<std::pair<std::uint64_t, std::uint64_t>> directed;
  std::int64_t area = 0;
  std::vector<std::pair<Vertex, Vertex>> edges;
  for (const CoveragePolygon& polygon : result.polygons) {
    EXPECT_GT(twice_area(polygon), 0);
    area += twice_area(polygon);
    std::uint32_t begin = 0;
    for (const std::uint32_t end : polygon.ring_ends) {
      ASSERT_GE(end - begin, 4u);
      EXPECT_EQ(polygon.vertices[begin], polygon.vertices[end - 1]);
      std::set<std::uint64_t> once;
      for (std::uint32_t i = begin; i + 1 < end; ++i)
        EXPECT_TRUE(once.insert(key_of(polygon.vertices[i])).second) << "a ring touches itself";
      begin = end;
    }
    for (const auto& [a, b] : edges_of(polygon)) {
      EXPECT_TRUE(directed.insert({key_of(a), key_of(b)}).second) << "an edge twice";
      edges.emplace_back(a, b);
    }
  }
  const auto mapped = std::ranges::count_if(map.labels, [](std::uint32_t label) { return label != 0; });
  EXPECT_EQ(area, 2 * std::int64_t{kPixel} * kPixel * mapped);

  std::map<std::pair<int, int>, std::vector<std::size_t>> cells;
  for (std::size_t e = 0; e < edges.size(); ++e) {
    const auto& [a, b] = edges[e];
    for (int x = std::min(a.x, b.x) >> 14; x <= std::max(a.x, b.x) >> 14; ++x)
      for (int y = std::min(a.y, b.y) >> 14; y <= std::max(a.y, b.y) >> 14; ++y) cells[{x, y}].push_back(e);
  }
  for (const auto& [cell, inside] : cells)
    for (std::size_t i = 0; i < inside.size(); ++i)
      for (std::size_t j = i + 1; j < inside.size(); ++j) {
        const auto& [a, b] = edges[inside[i]];
        const auto& [c, d] = edges[inside[j]];
        if (a == d && b == c) continue;  // the two sides of one border
        ASSERT_FALSE(segments_conflict(a, b, c, d))
            << a.x << "," << a.y << " - " << b.x << "," << b.y << " meets " << c.x << "," << c.y << " - " << d.x << "," << d.y;
      }
  for (const auto& [a, b] : edges)
    if (!directed.contains({key_of(b), key_of(a)})) {  // the outline of what is mapped: along pixel edges
      EXPECT_TRUE(a.x == b.x || a.y == b.y);
      EXPECT_EQ((a.x | a.y | b.x | b.y) % kPixel, 0);
    }
}

// Label of each polygon and its area in pixels, sorted.
std::vector<std::pair<std::uint32_t, double>> areas_of(const Result& result) {
  std::vector<std::pair<std::uint32_t, double>> areas;
  for (const CoveragePolygon& polygon : result.polygons)
    areas.emplace_back(polygon.label, static_cast<double>(twice_area(polygon)) / 2 / kPixel / kPixel);
  std::ranges::sort(areas);
  return areas;
}

constexpr OutlineOptions kPixels{
    .simplification = Simplification::none, .smoothing = Smoothing::none, .tolerance_px = 0.5, .smoothing_px = 0.5, .diagonals = false};

TEST(Coverage, OnePixelIsASquare) {
  const Result result = polygons_of(map_of({"1"}), {});
  ASSERT_EQ(result.polygons.size(), 1u);
  const std::vector<Vertex> square = {{0, 0}, {0, kPixel}, {kPixel, kPixel}, {kPixel, 0}, {0, 0}};
  EXPECT_EQ(result.polygons[0].vertices, square);
}

TEST(Coverage, NothingMappedGivesNothing) { EXPECT_TRUE(polygons_of(map_of({"...", "..."}), {}).polygons.empty()); }

TEST(Coverage, PatchesAreFourConnectedAndHolesAreHoles) {
  // Two pixels of class 2 that touch at a corner are two polygons, and two holes of the polygon around them.
  const Result result = polygons_of(map_of({"1111", "1211", "1121", "1111"}), kPixels);
  EXPECT_EQ(areas_of(result), (std::vector<std::pair<std::uint32_t, double>>{{1, 14}, {2, 1}, {2, 1}}));
  const auto around = std::ranges::find(result.polygons, 1u, &CoveragePolygon::label);
  EXPECT_EQ(around->ring_ends.size(), 3u);
}

TEST(Coverage, ARingThatMeetsItselfAtACornerHasAHoleThere) {
  // Class 1 closes at a corner: what it encloses is a hole that touches the outer ring.
  const LabelledMap map = map_of({"2111", "1221", "1221", "1111"});
  const Result result = polygons_of(map, kPixels);
  const auto around = std::ranges::find(result.polygons, 1u, &CoveragePolygon::label);
  EXPECT_EQ(around->ring_ends.size(), 2u);
  expect_tiling(map, result);
}

TEST(Coverage, StepsBecomeDiagonals) {
  // A border that goes down in steps of a pixel: a straight diagonal between the middles of pixel edges.
  const Result result = polygons_of(map_of({"12222", "11222", "11122", "11112", "11111"}), {});
  const auto upper = std::ranges::find(result.polygons, 2u, &CoveragePolygon::label);
  // Corners of the map, the two ends of the border, and a vertex in each of the two bends next to them.
  EXPECT_LE(upper->vertices.size(), 6u);
  expect_tiling(map_of({"12222", "11222", "11122", "11112", "11111"}), result);
}

TEST(Coverage, APatchThatTheToleranceWouldTakeIsKeptAndCounted) {
  const LabelledMap map = map_of({"11111", "12111", "11111", "11131", "11111"});
  OutlineOptions options;
  for (const Simplification how : {Simplification::douglas_peucker, Simplification::visvalingam}) {
    options.simplification = how;
    options.tolerance_px = 10;
    const Result result = polygons_of(map, options);
    EXPECT_EQ(result.polygons.size(), 3u);
    EXPECT_EQ(result.counts.collapsing, 2);
    expect_tiling(map, result);
  }
}

struct Shape {
  Simplification simplification;
  Smoothing smoothing;
  double tolerance;
  bool diagonals;
};

class Shapes : public ::testing::TestWithParam<Shape> {};

TEST_P(Shapes, TileThePlaneAcrossBlocks) {
  const Shape shape = GetParam();
  OutlineOptions options;
  options.simplification = shape.simplification, options.smoothing = shape.smoothing;
  options.tolerance_px = shape.tolerance, options.diagonals = shape.diagonals;
  for (const auto& [size, seed] : {std::pair(3, 1u), std::pair(12, 2u)}) {
    if (testing::kSanitized && size == 3) continue;  // nine tenths of the polygons
    const LabelledMap map = random_map(300, 280, 4, size, seed);
    const Result result = polygons_of(map, options);
    expect_tiling(map, result);
    const Result exact = polygons_of(map, kPixels);
    EXPECT_EQ(result.polygons.size(), exact.polygons.size());  // no patch is lost
    const Result threads = polygons_of(map, options, PixelRule::centre, 1, 3);
    ASSERT_EQ(threads.polygons.size(), result.polygons.size());
    for (std::size_t i = 0; i < threads.polygons.size(); ++i) ASSERT_EQ(threads.polygons[i].vertices, result.polygons[i].vertices);
  }
}

INSTANTIATE_TEST_SUITE_P(Coverage, Shapes,
                         ::testing::Values(Shape{Simplification::none, Smoothing::none, 0, true},
                                           Shape{Simplification::none, Smoothing::none, 0, false},
                                           Shape{Simplification::douglas_peucker, Smoothing::none, 0.5, true},
                                           Shape{Simplification::douglas_peucker, Smoothing::none, 3, true},
                                           Shape{Simplification::douglas_peucker, Smoothing::none, 50, false},
                                           Shape{Simplification::douglas_peucker, Smoothing::chaikin, 1, true},
                                           Shape{Simplification::douglas_peucker, Smoothing::hermite, 1, true},
                                           Shape{Simplification::none, Smoothing::hermite, 1, false},
                                           Shape{Simplification::visvalingam, Smoothing::none, 1, true},
                                           Shape{Simplification::visvalingam, Smoothing::chaikin, 4, true},
                                           Shape{Simplification::visvalingam, Smoothing::hermite, 2, false}));

TEST(Coverage, TheSameWhateverPartOfTheMapIsRead) {
  const LabelledMap map = random_map(600, 300, 4, 9, 5);
  const Result whole = polygons_of(map, {});
  // The polygons of a window alone: the blocks around it.
  const Window window{300, 20, 60, 60};
  LabelledMap marked = map;
  for (int r = 0; r < map.rows; ++r)
    for (int c = 0; c < map.cols; ++c)
      if (window.contains(c, r)) marked.labels[static_cast<std::size_t>(r * map.cols + c)] |= 1u << 16;
  const Result all = polygons_of(marked, {});
  std::vector<CoveragePolygon> part;
  Coverage coverage(
      {}, PixelRule::centre, [](std::uint32_t label) { return label >> 16 == 1; }, 1,
      [&](std::vector<CoveragePolygon>&& some) {
        for (auto& polygon : some) part.push_back(std::move(polygon));
      });
  const BlockRange range = blocks_of(window);
  EXPECT_EQ(range.cols, 1);
  for (int row = 0; row < range.rows; ++row) {
    const Window read = pixels_of(range, row, map.cols, map.rows);
    CoverageStrip strip;
    strip.col = read.col, strip.row = read.row, strip.cols = read.width, strip.rows = read.height;
    for (int r = 0; r < read.height; ++r)
      for (int c = 0; c < read.width; ++c) strip.labels.push_back(marked.at(read.col + c, read.row + r));
    coverage.add(strip);
  }
  coverage.finish();
  std::set<std::vector<std::pair<int, int>>> expected, got;
  const auto points = [](const CoveragePolygon& polygon) {
    std::vector<std::pair<int, int>> list;
    for (const Vertex& v : polygon.vertices) list.emplace_back(v.x, v.y);
    return list;
  };
  for (const auto& polygon : all.polygons)
    if (polygon.label >> 16 == 1) expected.insert(points(polygon));
  for (const auto& polygon : part) got.insert(points(polygon));
  EXPECT_FALSE(got.empty());
  EXPECT_EQ(got, expected);
}

// Sums by brute force: every pixel of the statistics whose centre a polygon holds.
TEST(Coverage, SumsAreThoseOfThePixelsInThePolygon) {
  constexpr int kFine = 2;
  const LabelledMap map = random_map(60, 50, 3, 9, 9);
  OutlineOptions options;
  options.tolerance_px = 1.3, options.smoothing = Smoothing::chaikin;
  const Result result = polygons_of(map, options, PixelRule::centre, kFine);
  std::int64_t all = 0;
  for (const CoveragePolygon& polygon : result.polygons) {
    std::int64_t pixels = 0, classified = 0, confidence = 0, validity = 0, on_edge = 0;
    const auto edges = edges_of(polygon);
    const auto [west, east] = std::ranges::minmax(polygon.vertices, {}, &Vertex::x);
    const auto [north, south] = std::ranges::minmax(polygon.vertices, {}, &Vertex::y);
    for (int r = north.y * kFine / kPixel; r <= std::min(south.y * kFine / kPixel, map.rows * kFine - 1); ++r)
      for (int c = west.x * kFine / kPixel; c <= std::min(east.x * kFine / kPixel, map.cols * kFine - 1); ++c) {
        const Vertex centre{(2 * c + 1) * kPixel / (2 * kFine), (2 * r + 1) * kPixel / (2 * kFine)};
        int winding = 0;
        bool edge = false;
        for (const auto& [a, b] : edges) {
          edge = edge || on_segment(centre, a, b);
          if (a.y <= centre.y && b.y > centre.y && cross(a, b, centre) > 0) ++winding;
          if (b.y <= centre.y && a.y > centre.y && cross(a, b, centre) < 0) --winding;
        }
        if (edge) {
          ++on_edge;
          continue;
        }
        if (winding == 0) continue;
        ++pixels;
        if ((c * 7 + r * 3) % 4 > 0) ++classified, confidence += (c + 512) % 101, validity += (r + 512) % 50;
      }
    all += polygon.sums.pixels;
    EXPECT_GE(polygon.sums.pixels, pixels * kWholePixel);
    EXPECT_LE(polygon.sums.pixels, (pixels + on_edge) * kWholePixel);  // a centre on a border belongs to one side
    if (on_edge > 0) continue;
    EXPECT_EQ(polygon.sums.classified, classified * kWholePixel);
    EXPECT_EQ(polygon.sums.confidence, confidence * kWholePixel);
    EXPECT_EQ(polygon.sums.validity, validity * kWholePixel);
    std::int64_t by_class = 0;
    for (const std::int64_t weight : polygon.sums.classes) by_class += weight;
    EXPECT_EQ(by_class, polygon.sums.classified);
  }
  const auto mapped = std::ranges::count_if(map.labels, [](std::uint32_t label) { return label != 0; });
  EXPECT_EQ(all, mapped * kFine * kFine * kWholePixel);
}

TEST(Coverage, SharesOfPixelsAreTheAreaOfThePolygon) {
  constexpr int kFine = 2;
  const LabelledMap map = random_map(60, 50, 3, 9, 11);
  OutlineOptions options;
  options.tolerance_px = 1.3, options.smoothing = Smoothing::hermite;
  const Result result = polygons_of(map, options, PixelRule::share, kFine);
  for (const CoveragePolygon& polygon : result.polygons) {
    const double pixels = static_cast<double>(twice_area(polygon)) / 2 / kPixel / kPixel;
    EXPECT_NEAR(static_cast<double>(polygon.sums.pixels) / kWholePixel / kFine / kFine, pixels, 1e-3);
    EXPECT_NEAR(static_cast<double>(polygon.sums.cm2) / 1e6, pixels, 1e-4);
  }
}

}  // namespace
}  // namespace millesime
