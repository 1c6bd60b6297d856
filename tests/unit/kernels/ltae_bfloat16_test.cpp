#include <algorithm>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/ops/ltae.impl.h"
#include "tests/support/random_ltae.h"
#include "tests/support/series_world.h"

namespace millesime::testing {
namespace {

const LtaeShape kDefault = {.spectral = 32, .heads = 16, .head_width = 16, .mlp = 128, .hidden = 64, .classes = 23, .seed = 3};

// A network on a random window.
class World {
 public:
  World(const LtaeShape& shape, const SeriesShape& window)
      : weights(random_ltae(shape)),
        pixels(std::int64_t{window.width} * window.height),
        series_(random_series(window)),
        host_(series_),
        positions_(random_positions(window.dates, weights.head_width, 4)) {
    for (std::int64_t i = 0; i < pixels * weights.statics; ++i) statics_.push_back(static_cast<float>(i % 17) * 0.1f - 0.8f);
  }

  // The logits that `compute` writes.
  template <class Compute>
  std::vector<float> logits(Arithmetic arithmetic, const Compute& compute) const {
    Ltae network(weights, {}, arithmetic);
    network.set_dates(positions_);
    std::vector<float> out(static_cast<std::size_t>(pixels * weights.classes));
    LtaeArgs args;
    args.weights = network.view(), args.dates = network.dates(), args.series = host_.view();
    args.mean = mean_.data(), args.inverse_std = inverse_std_.data(), args.statics = statics_.data(), args.logits = out.data();
    compute(args);
    return out;
  }
  std::vector<float> logits(Arithmetic arithmetic) const {
    return logits(arithmetic, [](const LtaeArgs& args) { ltae(Stream(Device{}, 2), args); });
  }

  LtaeWeights weights;
  std::int64_t pixels;

 private:
  Series series_;
  HostSeries host_;
  std::vector<float> positions_, statics_, mean_ = std::vector<float>(10, 1300), inverse_std_ = std::vector<float>(10, 0.0007f);
};

float rounded(float value) { return to_float(to_bfloat16(value)); }

// The contract of a product, number by number: of every two inputs the second is added first.
float sum_of_pairs(float sum, const float* matrix, const std::vector<float>& in) {
  for (std::size_t i = 0; i < in.size(); i += 2) {
    if (i + 1 < in.size()) sum = sum + rounded(matrix[i + 1]) * rounded(in[i + 1]);
    sum = sum + rounded(matrix[i]) * rounded(in[i]);
  }
  return sum;
}

template <ProductKind kKind>
void expect_product(const LtaeWeights& w) {
  constexpr int kLanes = 16;
  const Ltae network(w, {}, Arithmetic::bfloat16);
  const int inputs = w.heads * w.head_width;
  std::vector<float> numbers = random_positions(inputs, kLanes, 7), before = random_positions(w.mlp, kLanes, 8);  // [number][lane]
  const Rows<float> in{numbers.data(), kLanes};
  std::vector<float> expected;
  for (std::size_t o = 0; o < static_cast<std::size_t>(w.mlp); ++o)
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      std::vector<float> of_lane;
      for (std::size_t i = 0; i < static_cast<std::size_t>(inputs); ++i) of_lane.push_back(numbers[i * kLanes + lane]);
      const float sum = sum_of_pairs(kKind == ProductKind::added ? before[o * kLanes + lane] : w.dense_bias[o],
                                     w.dense.data() + o * of_lane.size(), of_lane);
      expected.push_back(kKind == ProductKind::rectified ? std::max(0.0f, sum) : sum);
    }

  std::vector<float> turned(numbers.size()), got = before;
  const Rows<float> out{got.data(), kLanes};
  round_inputs<kLanes>(in, inputs, {turned.data(), kLanes});
  product<kLanes, kKind>(network.view().rounded + network.view().dense, w.dense_bias.data(), inputs, w.mlp, {turned.data(), kLanes}, out);
  EXPECT_EQ(got, expected) << "rounded floats, " << inputs << " inputs, " << w.mlp << " outputs";
#if MILLESIME_LTAE_PAIRS
  if (!has_products_of_pairs()) return;
  got = before;
  std::vector<std::uint32_t> both(numbers.size());
  round_to_pairs(in, inputs, {both.data(), kLanes});
  product_of_pairs<kKind>(network.view().pairs + network.view().dense, w.dense_bias.data(), inputs, w.mlp, {both.data(), kLanes}, out);
  EXPECT_EQ(got, expected) << "pairs, " << inputs << " inputs, " << w.mlp << " outputs";
#endif
}

TEST(LtaeInBfloat16, ProductsAreThoseOfRoundedNumbersInOneOrder) {
  for (const LtaeShape& shape : {LtaeShape{.heads = 16, .head_width = 16, .mlp = 128}, LtaeShape{.heads = 3, .head_width = 5, .mlp = 9},
                                 LtaeShape{.heads = 1, .head_width = 1, .mlp = 1}, LtaeShape{.heads = 2, .head_width = 3, .mlp = 15}}) {
    const LtaeWeights weights = random_ltae(shape);
    expect_product<ProductKind::plain>(weights);
    expect_product<ProductKind::rectified>(weights);
    expect_product<ProductKind::added>(weights);
  }
}

// The form without the instruction, for a pixel at a time and for a block.
TEST(LtaeInBfloat16, EveryProcessorGivesTheSameBits) {
  for (const LtaeShape& shape : {LtaeShape{}, LtaeShape{.spectral = 0, .heads = 1, .head_width = 1, .statics = 0}, kDefault}) {
    const World world(shape, {.width = 150, .height = 3, .dates = 6});
    const std::vector<float> got = world.logits(Arithmetic::bfloat16);
    EXPECT_EQ(got, world.logits(Arithmetic::bfloat16, [](const LtaeArgs& args) {
      parallel_for(Cpu{1}, "ltae", args.series.pixels(), LtaeBlock<1, 2, LtaeForm::rounded>{args});
    }));
    EXPECT_EQ(got, world.logits(Arithmetic::bfloat16, [](const LtaeArgs& args) {
      parallel_for(Cpu{1}, "ltae", row_block_count(args.series, 8), LtaeBlock<8, 2, LtaeForm::rounded>{args});
    }));
  }
}

TEST(LtaeInBfloat16, NearlyAllPixelsGetTheClassOfFloat32) {
  const World world(kDefault, {.width = 100, .height = 50, .dates = 12, .seed = 3});
  const std::vector<float> exact = world.logits(Arithmetic::float32), rounded = world.logits(Arithmetic::bfloat16);
  EXPECT_NE(rounded, exact);
  std::int64_t same = 0;
  const auto label = [&](const std::vector<float>& logits, std::int64_t p) {
    const auto row = logits.begin() + p * world.weights.classes;
    return std::max_element(row, row + world.weights.classes) - row;
  };
  for (std::int64_t p = 0; p < world.pixels; ++p) same += label(exact, p) == label(rounded, p);
  // Random weights are larger than those of trained networks, of which more agree (kernels/MEASURED.md).
  EXPECT_GE(static_cast<double>(same), 0.98 * static_cast<double>(world.pixels));
}

}  // namespace
}  // namespace millesime::testing
