// majority_filter, connected_components, sieve: against a plain statement of each contract, and on maps by hand.

#include <omp.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/ops/connected_components.impl.h"
#include "kernels/ops/majority_filter.h"
#include "kernels/ops/sieve.h"
#include "kernels/ops/smooth.h"
#include "pipeline/core/error.h"
#include "tests/support/guarded.h"

namespace millesime::testing {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Integers = std::vector<std::int32_t>;

struct Map {
  int width, height;
  Bytes labels;
  int at(int row, int col) const { return labels[static_cast<std::size_t>(row * width + col)]; }
  bool holds(int row, int col) const { return row >= 0 && row < height && col >= 0 && col < width; }
  std::int64_t pixels() const { return std::int64_t{width} * height; }
};

// `grain`: 1 is noise, more gives patches.
Map random_map(int width, int height, int n_labels, int grain, unsigned seed) {
  std::mt19937 random(seed);
  Map map{width, height, Bytes(static_cast<std::size_t>(width * height))};
  const int coarse = width / grain + 1;
  Bytes seeds(static_cast<std::size_t>(coarse * (height / grain + 1)));
  for (auto& label : seeds) label = static_cast<std::uint8_t>(random() % static_cast<unsigned>(n_labels));
  for (int row = 0; row < height; ++row)
    for (int col = 0; col < width; ++col)
      map.labels[static_cast<std::size_t>(row * width + col)] = random() % 10 == 0
                                                                    ? static_cast<std::uint8_t>(random() % 4)
                                                                    : seeds[static_cast<std::size_t>(row / grain * coarse + col / grain)];
  return map;
}

std::vector<Map> maps() {
  std::vector<Map> list = {{1, 1, {7}}, {1, 1, {0}}, {3, 1, {1, 0, 1}}, {200, 3, Bytes(600, 9)}, {130, 2, Bytes(260, 0)}};
  list.push_back(random_map(150, 40, 3, 1, 1));
  list.push_back(random_map(67, 90, 5, 6, 2));
  list.push_back(random_map(1, 70, 3, 2, 3));
  list.push_back(random_map(300, 17, 256, 3, 4));
  return list;
}

Bytes filtered(const Map& map, int size) {
  Guarded<std::uint8_t> out(map.pixels());
  MajorityFilterArgs args;
  args.size = size;
  args.cols = args.width = map.width, args.rows = args.height = map.height;
  args.labels = map.labels.data(), args.filtered = out.data();
  majority_filter(Device{}, args);
  out.expect_untouched_bands("filtered");
  return out.values();
}

Bytes plainly_filtered(const Map& map, int size) {
  Bytes result;
  for (int row = 0; row < map.height; ++row)
    for (int col = 0; col < map.width; ++col) {
      std::map<int, int> votes;
      for (int r = row - size / 2; r <= row + size / 2; ++r)
        for (int c = col - size / 2; c <= col + size / 2; ++c)
          if (map.holds(r, c) && map.at(r, c) != 0) ++votes[map.at(r, c)];
      int winner = map.at(row, col);
      if (winner != 0)
        for (const auto& [label, n] : votes)
          if (n > votes[winner] || (n == votes[winner] && winner != map.at(row, col) && label < winner)) winner = label;
      result.push_back(static_cast<std::uint8_t>(winner));
    }
  return result;
}

// Probabilities [class][row][col] of three classes.
std::vector<float> random_probabilities(int cols, int rows, unsigned seed) {
  std::mt19937 random(seed);
  const std::size_t n = static_cast<std::size_t>(cols) * static_cast<std::size_t>(rows);
  std::vector<float> p(3 * n);
  for (std::size_t i = 0; i < n; ++i) {
    float sum = 0;
    for (std::size_t c = 0; c < 3; ++c) sum += p[c * n + i] = static_cast<float>(1 + random() % 100);
    for (std::size_t c = 0; c < 3; ++c) p[c * n + i] /= sum;
  }
  return p;
}

std::vector<float> smoothed(const std::vector<float>& p, const Bytes& counts, int cols, int rows, int reach = 2, float tolerance = 0.2f) {
  Guarded<float> out(static_cast<std::int64_t>(p.size()));
  smooth(Device{}, {cols, rows, 3, reach, tolerance, p.data(), counts.data(), out.data()});
  out.expect_untouched_bands("smoothed");
  return out.values();
}

TEST(Smooth, IsItsContract) {
  for (const auto& [cols, rows, reach] : {std::array{1, 1, 2}, std::array{150, 9, 2}, std::array{3, 40, 3}, std::array{300, 2, 1}}) {
    const auto n = static_cast<std::size_t>(cols * rows);
    const std::vector<float> p = random_probabilities(cols, rows, 1);
    Bytes counts(n, 1);
    for (std::size_t i = 3; i < n; i += 7) counts[i] = 0;
    const std::vector<float> out = smoothed(p, counts, cols, rows, reach);
    for (int row = 0; row < rows; ++row)
      for (int col = 0; col < cols; ++col) {
        const auto i = static_cast<std::size_t>(row * cols + col);
        double sum[3] = {}, total = 0;
        for (int r = std::max(0, row - reach); r <= std::min(rows - 1, row + reach); ++r)
          for (int q = std::max(0, col - reach); q <= std::min(cols - 1, col + reach); ++q) {
            const auto j = static_cast<std::size_t>(r * cols + q);
            if (counts[j] == 0) continue;
            double distance = 0;
            for (std::size_t c = 0; c < 3; ++c)
              distance += std::abs(static_cast<double>(p[c * n + i]) - static_cast<double>(p[c * n + j])) / 2;
            const double weight = std::exp(-distance / 0.2);
            total += weight;
            for (std::size_t c = 0; c < 3; ++c) sum[c] += weight * static_cast<double>(p[c * n + j]);
          }
        for (std::size_t c = 0; c < 3; ++c)
          ASSERT_NEAR(out[c * n + i], counts[i] == 0 ? static_cast<double>(p[c * n + i]) : sum[c] / total, 1e-6) << col << ", " << row;
      }
  }
}

// Noise in a field goes, a road of one pixel through it stays.
TEST(Smooth, KeepsLinesAndRemovesNoise) {
  constexpr int kCols = 40, kRows = 20;
  constexpr std::size_t kPixels = kCols * kRows;
  std::mt19937 random(3);
  std::vector<float> p(3 * kPixels);
  const auto road = [](std::size_t i) { return i / kCols == 9; };
  for (std::size_t i = 0; i < kPixels; ++i) {
    const float noise = static_cast<float>(random() % 1000) / 1000;
    p[2 * kPixels + i] = road(i) ? 0.8f - 0.2f * noise : 0.05f;
    const float rest = 1 - p[2 * kPixels + i];
    p[i] = rest * (0.42f + 0.3f * noise), p[kPixels + i] = rest - p[i];
  }
  const auto wrong = [&](const std::vector<float>& q, bool on_road) {
    int n = 0;
    for (std::size_t i = 0; i < kPixels; ++i) {
      const float highest = std::max({q[i], q[kPixels + i], q[2 * kPixels + i]});
      if (road(i) == on_road) n += q[(on_road ? 2 * kPixels : 0) + i] != highest;
    }
    return n;
  };
  EXPECT_GT(wrong(p, false), 150);
  const Bytes counts(kPixels, 1);
  std::vector<float> q = p;
  for (int pass = 0; pass < 2; ++pass) q = smoothed(q, counts, kCols, kRows);
  EXPECT_LT(wrong(q, false), 50);
  EXPECT_LE(wrong(q, true), 4) << "of 40; a third pass would lose 34";
}

TEST(MajorityFilter, IsItsContract) {
  for (const Map& map : maps())
    for (const int size : {3, 5, 7, 15}) EXPECT_EQ(filtered(map, size), plainly_filtered(map, size)) << map.width << " wide, size " << size;
}

TEST(MajorityFilter, TiesAndNoData) {
  // Two of each around the corner: the own label stays; without a vote of its own among the winners, the lowest wins.
  EXPECT_EQ(filtered({2, 2, {2, 1, 1, 2}}, 3), (Bytes{2, 1, 1, 2}));
  EXPECT_EQ(filtered({3, 3, {5, 5, 5, 4, 9, 4, 4, 0, 5}}, 3)[4], 5);
  EXPECT_EQ(filtered({3, 3, {5, 5, 0, 4, 9, 4, 0, 0, 0}}, 3)[4], 4);
  EXPECT_EQ(filtered({3, 1, {1, 0, 1}}, 3), (Bytes{1, 0, 1})) << "no data is neither filled nor spread";
  EXPECT_EQ(filtered({3, 3, {255, 255, 255, 255, 1, 254, 254, 254, 254}}, 3)[4], 254);
}

TEST(MajorityFilter, AWindowEqualsItsPartOfTheMap) {
  const Map map = random_map(170, 60, 4, 3, 9);
  const Bytes whole = filtered(map, 7);
  for (const auto& [col, row, width, height] : {std::array{0, 0, 40, 20}, std::array{30, 17, 131, 23}, std::array{169, 59, 1, 1}}) {
    Guarded<std::uint8_t> out(std::int64_t{width} * height);
    majority_filter(Device{}, {7, map.width, map.height, width, height, col, row, map.labels.data(), out.data()});
    out.expect_untouched_bands("filtered");
    for (int r = 0; r < height; ++r)
      for (int c = 0; c < width; ++c)
        ASSERT_EQ(out.data()[r * width + c], whole[static_cast<std::size_t>((row + r) * map.width + col + c)]) << r << ", " << c;
  }
  MajorityFilterArgs outside{7, map.width, map.height, 10, 10, 165, 0, map.labels.data(), nullptr};
  EXPECT_ANY_THROW(majority_filter(Device{}, outside));
}

struct Components {
  Integers component, size;
  bool operator==(const Components&) const = default;
};

Components components_of(const Map& map, int connectivity) {
  Guarded<std::int32_t> component(map.pixels()), size(map.pixels());
  connected_components(Device{}, {map.width, map.height, connectivity, map.labels.data(), component.data(), size.data()});
  component.expect_untouched_bands("component");
  size.expect_untouched_bands("size");
  return {component.values(), size.values()};
}

// By flooding from each pixel that no component has yet.
Components plain_components(const Map& map, int connectivity) {
  const auto n = static_cast<std::size_t>(map.pixels());
  Components result{Integers(n, kNoComponent), Integers(n, 0)};
  for (int first = 0; first < map.pixels(); ++first) {
    if (map.labels[static_cast<std::size_t>(first)] == 0 || result.component[static_cast<std::size_t>(first)] != kNoComponent) continue;
    std::vector<int> open = {first};
    result.component[static_cast<std::size_t>(first)] = first;
    while (!open.empty()) {
      const int row = open.back() / map.width, col = open.back() % map.width;
      open.pop_back();
      ++result.size[static_cast<std::size_t>(first)];
      for (int down = -1; down <= 1; ++down)
        for (int right = -1; right <= 1; ++right) {
          if ((connectivity == 4 && down != 0 && right != 0) || !map.holds(row + down, col + right)) continue;
          const int next = (row + down) * map.width + col + right;
          if (map.at(row + down, col + right) != map.at(row, col) || result.component[static_cast<std::size_t>(next)] != kNoComponent)
            continue;
          result.component[static_cast<std::size_t>(next)] = first;
          open.push_back(next);
        }
    }
  }
  return result;
}

TEST(ConnectedComponents, AreTheirContract) {
  for (const Map& map : maps())
    for (const int connectivity : {4, 8}) {
      const Components got = components_of(map, connectivity), expected = plain_components(map, connectivity);
      EXPECT_EQ(got.component, expected.component) << map.width << " wide, connectivity " << connectivity;
      EXPECT_EQ(got.size, expected.size) << map.width << " wide, connectivity " << connectivity;
    }
}

TEST(ConnectedComponents, OfACombAndOfCorners) {
  // A comb whose teeth meet only in the last row: every union goes through its spine.
  Map comb{129, 33, Bytes(129 * 33)};
  for (int row = 0; row < comb.height; ++row)
    for (int col = 0; col < comb.width; ++col)
      comb.labels[static_cast<std::size_t>(row * comb.width + col)] = col % 2 == 0 || row == comb.height - 1 ? 4 : 0;
  const Components got = components_of(comb, 4);
  EXPECT_EQ(got.size[0], 65 * 33 + 64);
  EXPECT_EQ(std::ranges::count(got.component, 0), got.size[0]);
  // Corners: one component for 8 neighbours, one a pixel for 4.
  const Map diagonal{3, 3, {1, 0, 1, 0, 1, 0, 1, 0, 1}};
  EXPECT_EQ(components_of(diagonal, 8).size[0], 5);
  EXPECT_EQ(components_of(diagonal, 4).component, (Integers{0, -1, 2, -1, 4, -1, 6, -1, 8}));
}

TEST(ConnectedComponents, DoNotDependOnThreads) {
  const Map map = random_map(500, 300, 3, 1, 12);
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);
  const Components one = components_of(map, 8);
  for (const int n : {2, 3, 8}) {
    omp_set_num_threads(n);
    for (int repeat = 0; repeat < 5; ++repeat) EXPECT_TRUE(components_of(map, 8) == one) << n << " threads";
  }
  omp_set_num_threads(threads);
}

// Threads write their roots at the same time: what one writes for another's pixels could come after the other's root.
TEST(ConnectedComponents, WriteRootsToTheirOwnRunAlone) {
  constexpr int kRows = 7;
  const Bytes labels(kRows, 9);
  Integers parents, size(kRows, 0);
  for (int row = 0; row < kRows; ++row) parents.push_back(std::max(row - 1, 0));
  for (int row = 0; row < kRows; ++row) {
    Integers component = parents, expected = parents;
    ComponentRoots{{{1, kRows, 4, labels.data(), component.data(), size.data()}}}(row);
    expected[static_cast<std::size_t>(row)] = 0;
    EXPECT_EQ(component, expected) << "row " << row;
  }
  EXPECT_EQ(size[0], kRows);
}

TEST(ConnectedComponents, RefuseMoreThanAnIndexHolds) {
  EXPECT_ANY_THROW(connected_components(Device{}, {1 << 16, 1 << 15, 4, nullptr, nullptr, nullptr}));
  EXPECT_ANY_THROW(connected_components(Device{}, {1, 1, 6, nullptr, nullptr, nullptr}));
}

Bytes sieved(const Map& map, int connectivity, int min_pixels, const Bytes& group = {}) {
  const Components components = components_of(map, connectivity);
  Bytes classes;
  for (int label = 1; label < 256; ++label)
    if (std::ranges::find(map.labels, label) != map.labels.end()) classes.push_back(static_cast<std::uint8_t>(label));
  Guarded<std::int32_t> contact(map.pixels()), most_contact(map.pixels());
  Guarded<std::uint8_t> winner(map.pixels()), out(map.pixels());
  SieveArgs args{map.width,
                 map.height,
                 connectivity,
                 min_pixels,
                 map.labels.data(),
                 components.component.data(),
                 components.size.data(),
                 classes.data(),
                 static_cast<int>(classes.size()),
                 group.empty() ? nullptr : group.data(),
                 contact.data(),
                 most_contact.data(),
                 winner.data(),
                 out.data()};
  sieve(Device{}, args);
  for (const auto* work : {&contact, &most_contact}) work->expect_untouched_bands("contact");
  for (const auto* bytes : {&winner, &out}) bytes->expect_untouched_bands("sieved");
  return out.values();
}

Bytes plainly_sieved(const Map& map, int connectivity, int min_pixels, const Bytes& group) {
  const Components components = plain_components(map, connectivity);
  const auto size_at = [&](int row, int col) {
    return components.size[static_cast<std::size_t>(components.component[static_cast<std::size_t>(row * map.width + col)])];
  };
  std::map<int, std::map<int, int>> contacts;  // of small components, by label
  for (int row = 0; row < map.height; ++row)
    for (int col = 0; col < map.width; ++col) {
      if (map.at(row, col) == 0 || size_at(row, col) >= min_pixels) continue;
      for (int r = row - 1; r <= row + 1; ++r)
        for (int c = col - 1; c <= col + 1; ++c)
          if (map.holds(r, c) && (connectivity == 8 || r == row || c == col) && map.at(r, c) != 0 && size_at(r, c) >= min_pixels &&
              group[map.at(r, c)] == group[map.at(row, col)])
            ++contacts[components.component[static_cast<std::size_t>(row * map.width + col)]][map.at(r, c)];
    }
  Bytes result = map.labels;
  for (std::size_t pixel = 0; pixel < result.size(); ++pixel) {
    int most = 0;
    for (const auto& [label, n] : contacts[components.component[pixel]])
      if (n > most) most = n, result[pixel] = static_cast<std::uint8_t>(label);
  }
  return result;
}

TEST(Sieve, IsItsContract) {
  Bytes one_group(256, 0), two_groups(256);
  for (std::size_t label = 0; label < two_groups.size(); ++label) two_groups[label] = label % 2;
  for (const Map& map : maps())
    for (const int connectivity : {4, 8})
      for (const int min_pixels : {1, 2, 6, 40}) {
        const std::string what = join_text(map.width, " wide, connectivity ", connectivity, ", from ", min_pixels, " px");
        EXPECT_EQ(sieved(map, connectivity, min_pixels), plainly_sieved(map, connectivity, min_pixels, one_group)) << what;
        EXPECT_EQ(sieved(map, connectivity, min_pixels, two_groups), plainly_sieved(map, connectivity, min_pixels, two_groups)) << what;
      }
}

TEST(Sieve, MostContactThenLowestLabel) {
  // The 9 touches 5 three times and 4 once; the 8 touches 5 and 4 twice each.
  EXPECT_EQ(sieved({4, 3, {5, 5, 5, 4, 5, 9, 4, 4, 5, 5, 4, 4}}, 4, 3), (Bytes{5, 5, 5, 4, 5, 5, 4, 4, 5, 5, 4, 4}));
  EXPECT_EQ(sieved({3, 3, {5, 5, 4, 5, 8, 4, 5, 4, 4}}, 4, 3)[4], 4);
  EXPECT_EQ(sieved({3, 1, {7, 0, 0}}, 4, 3), (Bytes{7, 0, 0})) << "an island has nothing to take";
  EXPECT_EQ(sieved({4, 3, {5, 5, 5, 4, 5, 9, 4, 4, 5, 5, 4, 4}}, 4, 3, {0, 0, 0, 0, 1, 2, 0, 0, 0, 1})[5], 4) << "of its group";
  EXPECT_EQ(sieved({3, 1, {1, 2, 3}}, 4, 2), (Bytes{1, 2, 3})) << "small ones give no contact";
}

}  // namespace
}  // namespace millesime::testing
