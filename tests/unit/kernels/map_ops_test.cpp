// reconcile, fuse_maps, confusion, mosaic_rule.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/ops/confusion.h"
#include "kernels/ops/fuse_maps.h"
#include "kernels/ops/mosaic_rule.h"
#include "kernels/ops/reconcile.h"
#include "pipeline/core/error.h"
#include "tests/support/guarded.h"
#include "tests/support/series_world.h"

namespace millesime::testing {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Every path of classes through the years, one by one.
TEST(Reconcile, IsTheSumOverAllPaths) {
  constexpr int kYears = 4, kStates = 3, kPaths = 81, kThreshold = 40;
  constexpr std::size_t kPixels = 150;  // more than a block
  const std::vector<float> initial = {0.5f, 0.3f, 0.2f},
                           transition = {0.9f, 0.06f, 0.04f, 0.1f, 0.5f, 0.4f,  0.0f,  0.3f, 0.7f, 0.8f, 0.1f, 0.1f, 0.2f, 0.5f,
                                         0.3f, 0.1f,  0.3f,  0.6f, 0.9f, 0.06f, 0.04f, 0.1f, 0.5f, 0.4f, 0.0f, 0.3f, 0.7f};
  const Bytes unit = {0, 1, 1};
  std::mt19937 random(3);
  std::vector<float> evidence(kYears * kStates * kPixels);
  for (float& e : evidence) e = static_cast<float>(random() % 1000 + 20) / 1000;
  for (int c = 0; c < kStates; ++c) {
    evidence[static_cast<std::size_t>(2 * kStates + c) * kPixels + 7] = 0;                                     // not seen in one year
    for (int t = 0; t < kYears; ++t) evidence[static_cast<std::size_t>(t * kStates + c) * kPixels + 140] = 0;  // nor in any
  }
  Guarded<std::uint8_t> label(kYears * kPixels), confidence(kYears * kPixels), change(kPixels), year(kPixels);
  reconcile(Device{}, {kPixels, kYears, kStates, evidence.data(), initial.data(), transition.data(), unit.data(), label.data(),
                       confidence.data(), change.data(), year.data(), kThreshold});
  for (const auto* out : {&label, &confidence, &change, &year}) out->expect_untouched_bands("reconcile");
  int pixels_shown = 0;
  for (std::size_t p = 0; p < kPixels; ++p) {
    if (p == 140) {
      for (std::size_t t = 0; t < kYears; ++t) EXPECT_EQ(label.values()[t * kPixels + p], kNoClassIndex);
      EXPECT_EQ(change.values()[p] + year.values()[p] + confidence.values()[p], 0);
      continue;
    }
    double all = 0, of_class[kYears][kStates] = {}, lasting = 0, best = 0, best_lasting = 0, of_labels = 0;
    int change_of_labels = 0;
    for (int path = 0; path < kPaths; ++path) {
      const int x[kYears] = {path % 3, path / 3 % 3, path / 9 % 3, path / 27};
      double weight = initial[static_cast<std::size_t>(x[0])];
      int changes = 0, last = 0;
      for (int t = 0; t < kYears; ++t) {
        const double e = evidence[static_cast<std::size_t>(t * kStates + x[t]) * kPixels + p];
        weight *= p == 7 && t == 2 ? 1 : e;
        if (t > 0) weight *= transition[static_cast<std::size_t>(((t - 1) * kStates + x[t - 1]) * kStates + x[t])];
        if (t > 0 && unit[static_cast<std::size_t>(x[t - 1])] != unit[static_cast<std::size_t>(x[t])]) ++changes, last = t;
      }
      all += weight;
      for (int t = 0; t < kYears; ++t) of_class[t][x[t]] += weight;
      best = std::max(best, weight);
      if (changes == 1) lasting += weight, best_lasting = std::max(best_lasting, weight);
      bool labels = true;
      for (std::size_t t = 0; t < kYears; ++t) labels = labels && label.values()[t * kPixels + p] == x[t];
      if (labels) of_labels = weight, change_of_labels = changes == 1 ? last : 0;
    }
    const bool shown = change.values()[p] >= kThreshold;
    EXPECT_NEAR(of_labels, shown ? best_lasting : best, 1e-5 * all) << p << ": the labels are the best path";
    EXPECT_EQ(year.values()[p], shown ? change_of_labels : 0) << p << ": the year is that in which the labels change";
    pixels_shown += shown;
    for (int t = 0; t < kYears; ++t) {
      const auto at = static_cast<std::size_t>(t) * kPixels + p;
      EXPECT_NEAR(confidence.values()[at] + 0.5, 100 * of_class[t][label.values()[at]] / all, 0.51) << p << ", " << t;
    }
    EXPECT_NEAR(change.values()[p] + 0.5, 100 * lasting / all, 0.51) << p;
  }
  EXPECT_GT(pixels_shown, 10);
  EXPECT_LT(pixels_shown, 140);
}

using Labels = std::vector<std::uint16_t>;
constexpr std::uint16_t kUndecided = 300;
constexpr int kMassLabels = 256;

struct Fused {
  Labels label;
  Bytes confidence;
};
// labels and confidences: [pixel][map] here, for readability
Fused fused(const std::vector<Labels>& labels, const std::vector<Bytes>& confidences, Fusion method, bool resolve,
            const std::vector<float>& mass = {}) {
  const std::size_t pixels = labels.size(), maps = labels.empty() ? 1 : labels[0].size();
  Labels by_map;
  Bytes sure;
  for (std::size_t m = 0; m < maps; ++m) {
    for (std::size_t p = 0; p < pixels; ++p) {
      by_map.push_back(labels[p][m]);
      if (!confidences.empty()) sure.push_back(confidences[p][m]);
    }
  }
  Guarded<std::uint16_t> label(static_cast<std::int64_t>(pixels));
  Guarded<std::uint8_t> confidence(static_cast<std::int64_t>(pixels));
  FuseMapsArgs args;
  args.pixels = static_cast<std::int64_t>(pixels);
  args.n_maps = static_cast<int>(maps);
  args.method = method;
  args.resolve = resolve;
  args.undecided = kUndecided;
  args.n_labels = kMassLabels;
  args.labels = by_map.data();
  args.confidences = sure.empty() ? nullptr : sure.data();
  args.mass = mass.empty() ? nullptr : mass.data();
  args.label = label.data();
  args.confidence = confidence.data();
  fuse_maps(Device{}, args);
  label.expect_untouched_bands("fused label");
  confidence.expect_untouched_bands("fused confidence");
  return {label.values(), confidence.values()};
}

TEST(FuseMaps, Majority) {
  const std::vector<Labels> labels = {{1, 1, 2}, {1, 2, 3}, {1, 2, 0}, {5, 4, 0}, {0, 0, 0}, {0, 7, 0}};
  const std::vector<Bytes> confidences = {{10, 20, 99}, {30, 80, 70}, {60, 40, 90}, {50, 50, 0}, {9, 9, 9}, {1, 33, 99}};
  const Fused strict = fused(labels, confidences, Fusion::majority, false);
  EXPECT_EQ(strict.label, (Labels{1, 2, 1, kUndecided, 0, 7}));
  EXPECT_EQ(strict.confidence, (Bytes{20, 80, 60, 50, 0, 33}));
  EXPECT_EQ(fused(labels, confidences, Fusion::majority, true).label, (Labels{1, 2, 1, 4, 0, 7}));
  EXPECT_EQ(fused(labels, {}, Fusion::majority, false).label, (Labels{1, kUndecided, kUndecided, kUndecided, 0, 7}));
  // Codes beyond a byte, and 255, are labels like any other.
  EXPECT_EQ(fused({{255, 255, 256}, {65535, 256, 256}, {255, 65535, 0}}, {}, Fusion::majority, false).label,
            (Labels{255, 256, kUndecided}));
  EXPECT_TRUE(fused({}, {}, Fusion::majority, false).label.empty());
}

TEST(FuseMaps, ThreeWayTieIsUndecidedOnlyBetweenTheBest) {
  // 1 and 2 tie in votes and confidence, then 3 beats them by confidence
  EXPECT_EQ(fused({{1, 2, 3}}, {{50, 50, 60}}, Fusion::majority, false).label, Labels{3});
  EXPECT_EQ(fused({{3, 1, 2}}, {{60, 50, 50}}, Fusion::majority, false).label, Labels{3});
  EXPECT_EQ(fused({{2, 1, 3}}, {{60, 60, 50}}, Fusion::majority, true).label, Labels{1});
}

// Dempster's rule by enumerating all intersections, for simple support functions on singletons.
std::vector<double> dempster(const Labels& labels, const std::vector<double>& mass) {
  std::vector<double> belief(257, 0.0);  // [label], 256: any class
  belief[256] = 1;
  for (std::size_t m = 0; m < labels.size(); ++m) {
    if (labels[m] == 0) continue;
    std::vector<double> next(257, 0.0);
    for (std::size_t a = 1; a < 257; ++a) {
      next[a] += belief[a] * (1 - mass[m]);                                    // with "any class"
      if (a == 256 || a == labels[m]) next[labels[m]] += belief[a] * mass[m];  // with the map's label
    }
    belief = next;
  }
  const double sum = std::accumulate(belief.begin(), belief.end(), 0.0);
  for (double& b : belief) b /= sum;
  return belief;
}

TEST(FuseMaps, DempsterShaferIsDempstersRule) {
  std::mt19937 random(4);
  constexpr std::size_t kMaps = 4;
  std::vector<float> mass(kMaps * kMassLabels);
  for (float& m : mass) m = static_cast<float>(random() % 95) / 100.0f + 0.01f;
  std::vector<Labels> labels;
  for (int p = 0; p < 300; ++p) {
    Labels row;
    for (std::size_t m = 0; m < kMaps; ++m) row.push_back(static_cast<std::uint16_t>(random() % 4));
    labels.push_back(row);
  }
  const Fused got = fused(labels, {}, Fusion::dempster_shafer, false, mass);
  for (std::size_t p = 0; p < labels.size(); ++p) {
    std::vector<double> own;
    for (std::size_t m = 0; m < kMaps; ++m) own.push_back(mass[m * kMassLabels + labels[p][m]]);
    auto belief = dempster(labels[p], own);
    belief[256] = 0;
    const auto best = static_cast<std::size_t>(std::max_element(belief.begin(), belief.end()) - belief.begin());
    if (belief[best] == 0) {
      EXPECT_EQ(got.label[p], 0);
      continue;
    }
    EXPECT_EQ(got.label[p], best) << p;
    EXPECT_NEAR(got.confidence[p], belief[best] * 100 - 0.5, 0.51) << p;
  }
}

TEST(FuseMaps, DempsterShaferCertainties) {
  std::vector<float> mass(2 * kMassLabels, 0.6f);
  EXPECT_EQ(fused({{1, 2}}, {}, Fusion::dempster_shafer, false, mass).label, Labels{kUndecided});  // equal belief
  EXPECT_EQ(fused({{1, 2}}, {}, Fusion::dempster_shafer, true, mass).label, Labels{1});
  std::fill(mass.begin(), mass.end(), 1.0f);
  const Fused agreed = fused({{3, 3}}, {}, Fusion::dempster_shafer, false, mass);
  EXPECT_EQ(agreed.label, Labels{3});
  EXPECT_EQ(agreed.confidence, Bytes{100});
  EXPECT_EQ(fused({{3, 4}}, {}, Fusion::dempster_shafer, false, mass).label, Labels{kUndecided});  // total conflict
}

TEST(Confusion, CountsPairsAndLeavesOutNoData) {
  std::mt19937 random(2);
  constexpr std::size_t kPixels = 5000;
  Bytes reference(kPixels), predicted(kPixels);
  std::vector<std::uint64_t> expected(kLabels * kLabels, 1);  // counts are added to
  for (std::size_t i = 0; i < kPixels; ++i) {
    reference[i] = static_cast<std::uint8_t>(i % 50 < 25 ? random() % 4 : 255);
    predicted[i] = static_cast<std::uint8_t>(random() % 3);
    if (reference[i] && predicted[i]) ++expected[reference[i] * std::size_t{kLabels} + predicted[i]];
  }
  for (const int threads : {1, 3}) {
    with_threads(threads, [&] {
      std::vector<std::uint64_t> counts(kLabels * kLabels, 1);
      confusion(Device{}, {kPixels, reference.data(), predicted.data(), counts.data()});
      EXPECT_EQ(counts, expected);
      confusion(Device{}, {0, nullptr, nullptr, counts.data()});
      EXPECT_EQ(counts, expected);
    });
  }
}

TEST(ClassAreas, CountPixelsOfEachLabel) {
  Bytes labels(5000);
  std::vector<std::uint64_t> expected(kLabels, 7);  // counts are added to
  for (std::size_t i = 0; i < labels.size(); ++i) {
    labels[i] = static_cast<std::uint8_t>(i * i % 251);
    if (labels[i]) ++expected[labels[i]];
  }
  for (const int threads : {1, 3}) {
    with_threads(threads, [&] {
      std::vector<std::uint64_t> counts(kLabels, 7);
      class_areas(Device{}, {static_cast<std::int64_t>(labels.size()), labels.data(), counts.data()});
      class_areas(Device{}, {0, nullptr, counts.data()});
      EXPECT_EQ(counts, expected);
    });
  }
}

TEST(ClassSeries, MeanAndSpreadOfValidSamples) {
  // Two dates, two bands (the second is asked for), four pixels: labels 3, 3, 5, 0.
  const Bytes labels = {3, 3, 5, 0}, valid = {1, 1, 1, 1, 1, 0, 1, 1};
  const std::vector<std::int16_t> samples = {9, 9, 9, 9, 100, -300, 7, 8, 9, 9, 9, 9, 40, 50, -10000, 60};
  std::vector<ClassMoments> moments(2 * kLabels);
  ClassSeriesArgs args;
  args.pixels = 4, args.n_dates = 2, args.n_bands = 2, args.band = 1;
  args.labels = labels.data(), args.samples = samples.data(), args.valid = valid.data(), args.moments = moments.data();
  class_series(Device{}, args);
  EXPECT_EQ(moments[3].n, 2u);
  EXPECT_DOUBLE_EQ(moments[3].mean(), -100);
  EXPECT_DOUBLE_EQ(moments[3].variance(), 40000);
  EXPECT_EQ(moments[5].n, 1u);
  EXPECT_DOUBLE_EQ(moments[5].mean(), 7);
  EXPECT_EQ(moments[0].n, 0u);                        // no data
  EXPECT_DOUBLE_EQ(moments[kLabels + 3].mean(), 40);  // the second pixel is invalid then
  EXPECT_EQ(moments[kLabels + 5].n, 0u);              // missing
  class_series(Device{}, args);                       // is added to
  EXPECT_EQ(moments[3].n, 4u);
  EXPECT_DOUBLE_EQ(moments[3].variance(), 40000);
}

TEST(MosaicRule, DoesNotDependOnTheOrderOfTiles) {
  std::mt19937 random(3);
  constexpr std::size_t kTiles = 5, kPixels = 700;
  struct Tile {
    Labels label;
    Bytes confidence, validity;
  };
  std::vector<Tile> tiles(kTiles);
  for (Tile& tile : tiles) {
    for (std::size_t p = 0; p < kPixels; ++p) {
      tile.label.push_back(static_cast<std::uint16_t>(random() % 3 == 0 ? 0 : 250 + random() % 23));
      tile.confidence.push_back(static_cast<std::uint8_t>(90 + random() % 3));  // many ties
      tile.validity.push_back(static_cast<std::uint8_t>(random() % 2));
    }
  }
  std::vector<std::uint16_t> order = {0, 1, 2, 3, 4};
  Labels first_label;
  Bytes first_confidence, first_validity;
  do {
    Guarded<std::uint8_t> confidence(kPixels), validity(kPixels);
    Guarded<std::uint16_t> label(kPixels), rank(kPixels);
    std::fill_n(label.data(), kPixels, std::uint16_t{0});
    std::fill_n(confidence.data(), kPixels, std::uint8_t{0});
    std::fill_n(validity.data(), kPixels, std::uint8_t{0});
    std::fill_n(rank.data(), kPixels, kNoTile);
    for (const std::uint16_t t : order) {
      const Tile& tile = tiles[t];
      mosaic_rule(Device{}, {kPixels, tile.label.data(), tile.confidence.data(), tile.validity.data(), t, label.data(), confidence.data(),
                             validity.data(), rank.data()});
    }
    label.expect_untouched_bands("mosaic label");
    rank.expect_untouched_bands("mosaic rank");
    if (first_label.empty()) {
      first_label = label.values();
      first_confidence = confidence.values();
      first_validity = validity.values();
      for (std::size_t p = 0; p < kPixels; ++p) {  // a maximum over (confidence, validity, lowest rank)
        std::ptrdiff_t best = -1;
        for (std::size_t t = 0; t < kTiles; ++t) {
          if (tiles[t].label[p] == 0) continue;
          const auto key = [&](std::size_t i) { return std::pair{tiles[i].confidence[p], tiles[i].validity[p]}; };
          if (best < 0 || key(t) > key(static_cast<std::size_t>(best))) best = static_cast<std::ptrdiff_t>(t);
        }
        ASSERT_EQ(label.values()[p], best < 0 ? 0 : tiles[static_cast<std::size_t>(best)].label[p]) << p;
        ASSERT_EQ(rank.values()[p], best < 0 ? kNoTile : best) << p;
      }
    }
    ASSERT_EQ(label.values(), first_label);
    ASSERT_EQ(confidence.values(), first_confidence);
    ASSERT_EQ(validity.values(), first_validity);
  } while (std::next_permutation(order.begin(), order.end()));
}

}  // namespace
}  // namespace millesime::testing
