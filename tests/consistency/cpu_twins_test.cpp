// The CPU twins (kernels/ops/NAME.cpu.h) give the bits of the shared bodies that they stand in for.

#include "tests/support/fibers_backend.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/ops/block_resampler.h"
#include "kernels/ops/feature_writer.h"
#include "kernels/ops/forest.cpu.h"
#include "pipeline/core/error.h"
#include "tests/support/guarded.h"
#include "tests/support/random_forest.h"

namespace millesime::testing {
namespace {

struct Geometry {
  double scale, offset;  // of columns and rows: group pixels a pixel of the window
  int cols, rows;        // of the group
};

// Whole, half, third and sixth resolutions, finer ones, edges on both sides, and positions that are no fractions.
const Geometry kGeometries[] = {
    {0.5, 0.75, 140, 9},   {0.5, -0.25, 134, 6}, {0.5, 0.25, 20, 6},   {0.5, 0.5, 140, 9},   {0.5, 0.0, 134, 6},
    {0.5, 0.3, 140, 9},    {1.0, 0.0, 262, 9},   {1.0, 0.25, 262, 9},  {1.0, -3.5, 255, 7},  {1.0 / 3, 0.1, 90, 5},
    {1.0 / 6, 0.4, 48, 4}, {2.0, 0.5, 530, 20},  {1.1, -2.0, 300, 12}, {0.123, 7.9, 30, 10}, {0.5, 0.75, 1, 1},
};

constexpr int kTwinWidth = 259, kTwinHeight = 7;  // two blocks of lanes and three pixels

// Compares every block of the window; the twin may say that a value is missing where none is, but not the other way round.
template <int kTaps>
void expect_the_same_samples(const Geometry& geometry, double missing) {
  SCOPED_TRACE(join_text(kTaps, " taps, scale ", geometry.scale, ", offset ", geometry.offset, ", group ", geometry.cols, " x ",
                         geometry.rows, ", missing ", missing));
  std::minstd_rand random(7);
  std::vector<std::int16_t> plane(static_cast<std::size_t>(geometry.cols * geometry.rows));
  for (auto& value : plane) {
    value = static_cast<std::int16_t>(static_cast<int>(random() % 65536) - 32768);
    if (random() % 1000 < 1000 * missing) value = kMissing;
  }
  plane[plane.size() / 2] = kMissing + 1;  // sums around the value that means "missing"
  BandGroupView group;
  group.cols = geometry.cols, group.rows = geometry.rows;
  group.col_scale = group.row_scale = geometry.scale;
  group.col_offset = group.row_offset = geometry.offset;

  const std::int64_t blocks = row_block_count(kTwinWidth, kTwinHeight, kCpuLanes);
  for (std::int64_t item = 0; item < blocks; ++item) {
    const RowBlock<kCpuLanes> block(kTwinWidth, std::int64_t{kTwinWidth} * kTwinHeight, item);
    alignas(64) std::int16_t got[kCpuLanes];
    const bool may_miss = BlockResampler<kTaps, kCpuLanes>(group, block, false).row(plane.data(), got);
    for (int lane = 0; lane < block.n(); ++lane) {
      const RowBlock<1> pixel(kTwinWidth, std::int64_t{kTwinWidth} * kTwinHeight, block.first + lane);
      std::int16_t expected = 0;
      BlockResampler<kTaps, 1>(group, pixel, false).row(plane.data(), &expected);
      ASSERT_EQ(got[lane], expected) << "row " << block.row << ", column " << block.col + lane;
      ASSERT_TRUE(may_miss || expected != kMissing) << "row " << block.row << ", column " << block.col + lane;
    }
  }
}

TEST(CpuTwins, TheBlockResamplerEqualsTheSharedBody) {
  for (const Geometry& geometry : kGeometries) {
    for (const double missing : {0.0, 0.001, 0.2, 1.0}) {
      expect_the_same_samples<1>(geometry, missing);
      expect_the_same_samples<2>(geometry, missing);
      expect_the_same_samples<4>(geometry, missing);
    }
  }
}

TEST(CpuTwins, TheBlockResamplerCopiesAGroupOnTheWindowsGrid) {
  std::vector<std::int16_t> plane(std::size_t{kTwinWidth} * kTwinHeight);
  for (std::size_t i = 0; i < plane.size(); ++i) plane[i] = static_cast<std::int16_t>(i % 400 == 0 ? kMissing : static_cast<int>(i));
  const BandGroupView group;
  for (std::int64_t item = 0; item < row_block_count(kTwinWidth, kTwinHeight, kCpuLanes); ++item) {
    const RowBlock<kCpuLanes> block(kTwinWidth, std::int64_t{kTwinWidth} * kTwinHeight, item);
    alignas(64) std::int16_t got[kCpuLanes];
    const bool may_miss = BlockResampler<2, kCpuLanes>(group, block, true).row(plane.data(), got);
    const std::vector<std::int16_t> expected(plane.begin() + block.first, plane.begin() + block.first + block.n());
    ASSERT_EQ(std::vector<std::int16_t>(got, got + block.n()), expected);
    ASSERT_EQ(may_miss, std::count(expected.begin(), expected.end(), kMissing) > 0);
  }
}

// array[pixel][feature] of rows[feature][pixel]: a pixel a thread with the shared body, packs of pixels with the twin.
template <int kLanes, class Number>
struct WriteFeatures {
  static constexpr bool kWholeWarps = kLanes == 1;
  const float* rows;
  std::int64_t pixels, features;
  Number* array;

  void operator()(std::int64_t item, const Scratch& scratch) const {
    const std::int64_t first = item * kLanes;
    const int n = static_cast<int>(std::clamp<std::int64_t>(pixels - first, 0, kLanes));
    FeatureWriter<kLanes, Number> writer(array, features, pixels, first, n, item, scratch);
    for (std::int64_t f = 0; f < features; ++f) {
      float* row = writer.row();
      for (int lane = 0; lane < kLanes; ++lane) row[lane] = lane < n ? rows[f * pixels + first + lane] : 0.0f;
      writer.put();
    }
    writer.finish();
  }
};

template <class Number, class Bits>
void expect_the_same_features(std::int64_t pixels, std::int64_t features, std::int64_t shift) {
  SCOPED_TRACE(join_text(pixels, " pixels, ", features, " features, array shifted by ", shift, ", ", sizeof(Number), " bytes"));
  std::mt19937 random(11);
  std::normal_distribution<float> normal(0, 100);
  std::vector<float> rows(static_cast<std::size_t>(pixels * features));
  for (float& value : rows) value = normal(random);

  constexpr int kPack = kPackLanes<kCpuLanes>;
  Guarded<Bits> shared(shift + pixels * features), twin(shift + pixels * features);
  const auto array_of = [&](Guarded<Bits>& guarded) { return reinterpret_cast<Number*>(guarded.data() + shift); };
  for (std::int64_t i = 0; i < shift; ++i) shared.data()[i] = twin.data()[i] = 0;
  parallel_for(Fibers{}, "write", pixels, WriteFeatures<1, Number>{rows.data(), pixels, features, array_of(shared)});
  const WriteFeatures<kPack, Number> write{rows.data(), pixels, features, array_of(twin)};
  for (std::int64_t item = 0; item < block_count(pixels, kPack); ++item) write(item, Scratch{});
  finish_stores();

  shared.expect_untouched_bands("shared body");
  twin.expect_untouched_bands("twin");
  ASSERT_TRUE(twin.values() == shared.values());
  for (std::int64_t p = 0; p < pixels; ++p)
    for (std::int64_t f = 0; f < features; ++f) {
      const auto expected = as_number<Number>(rows[static_cast<std::size_t>(f * pixels + p)]);
      // The bits count. NOLINTNEXTLINE(bugprone-suspicious-memory-comparison)
      ASSERT_EQ(std::memcmp(array_of(twin) + p * features + f, &expected, sizeof expected), 0) << "pixel " << p << ", feature " << f;
    }
}

TEST(CpuTwins, TheFeatureWriterEqualsTheSharedBody) {
  for (const std::int64_t pixels : {1, 31, 32, 70})
    for (const std::int64_t features : {1, 7, 8, 15, 16, 17, 63, 64, 65, 128, 300, 481})
      for (const std::int64_t shift : {0, 5}) {  // numbers between the beginning of a line of memory and the array
        expect_the_same_features<float, std::uint32_t>(pixels, features, shift);
        expect_the_same_features<Bfloat16, std::uint16_t>(pixels, features, shift);
      }
}

#if MILLESIME_FOREST_IN_REGISTERS
// Trees of one node, of fewer nodes than are read at once, and deep ones; pixels that do not fill a block; numbers that are missing.
TEST(CpuTwins, AForestInRegistersEqualsTheSharedBody) {
  if (!walks_trees_in_registers()) GTEST_SKIP() << "this processor has no AVX-512";
  for (const ForestShape& shape : {ForestShape{3, 1, 1, 2, 1}, {7, 9, 5, 3, 2}, {9, 61, 16, 23, 3}, {5, 3000, 37, 256, 4}})
    for (const int pixels : {1, 17, 128, 300})
      for (const int n_statics : {0, 3}) {
        if (n_statics >= shape.features) continue;
        SCOPED_TRACE(join_text(shape.nodes, " nodes, ", pixels, " pixels, ", n_statics, " statics"));
        const ForestArrays arrays = random_forest(shape);
        const Forest forest(arrays);
        std::vector<float> features = random_features(arrays, pixels, 5);
        for (std::size_t i = 3; i < features.size(); i += 11) features[i] = std::numeric_limits<float>::quiet_NaN();
        const std::vector<float> statics(features.begin(), features.begin() + std::int64_t{pixels} * n_statics);
        ForestArgs args;
        args.forest = forest.view(), args.pixels = pixels, args.features = features.data();
        args.n_statics = n_statics, args.statics = n_statics > 0 ? statics.data() : nullptr;
        const auto votes_of = [&](const auto& block) {
          Guarded<std::uint16_t> votes(std::int64_t{pixels} * shape.classes);
          Guarded<std::uint8_t> winner(pixels);
          auto with_votes = block(args, votes.data(), winner.data());
          parallel_for(Cpu{1}, "forest", block_count(pixels, kCpuLanes), with_votes);
          votes.expect_untouched_bands("votes"), winner.expect_untouched_bands("winner");
          return std::pair(votes.values(), winner.values());
        };
        const auto shared = votes_of([](ForestArgs to, std::uint16_t* votes, std::uint8_t* winner) {
          to.votes = votes, to.winner = winner;
          return ForestBlock<kCpuLanes, true>{to};
        });
        const auto twin = votes_of([](ForestArgs to, std::uint16_t* votes, std::uint8_t* winner) {
          to.votes = votes, to.winner = winner;
          return ForestInRegisters(to);
        });
        ASSERT_TRUE(twin == shared);
      }
}
#endif

}  // namespace
}  // namespace millesime::testing
