// decide, and the exponential that it uses.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/base/exponential.h"
#include "kernels/base/logarithm.h"
#include "kernels/ops/decide.h"
#include "kernels/ops/uncertainty.h"
#include "pipeline/core/error.h"
#include "tests/support/guarded.h"
#include "tests/support/series_world.h"

namespace millesime::testing {
namespace {

using Bytes = std::vector<std::uint8_t>;

TEST(Logarithm, IsWithinTwoUnitsInTheLastPlace) {
  EXPECT_EQ(logarithm(1.0f), 0.0f);
  std::mt19937 random(4);
  for (int i = 0; i < 100000; ++i) {
    const float x =
        std::ldexp(1.0f + static_cast<float>(random() >> 9) / static_cast<float>(1 << 23), static_cast<int>(random() % 60) - 40);
    const double truth = std::log(static_cast<double>(x));
    const double unit = std::abs(static_cast<double>(std::nextafter(static_cast<float>(truth), INFINITY)) - static_cast<float>(truth));
    ASSERT_LE(std::abs(logarithm(x) - truth), 2 * unit) << x;
  }
}

// [class][pixel]: certain, even, two classes, nine to one, no observation, no probability, NaN beside a class, one class of three twice.
Bytes uncertain(Uncertainty kind, const std::vector<std::vector<float>>& pixels, const Bytes& count) {
  const std::size_t n_classes = pixels.front().size();
  std::vector<float> planes;
  for (std::size_t c = 0; c < n_classes; ++c)
    for (const auto& pixel : pixels) planes.push_back(pixel[c]);
  Guarded<std::uint8_t> out(static_cast<std::int64_t>(pixels.size()));
  UncertaintyArgs args{static_cast<std::int64_t>(pixels.size()),
                       static_cast<int>(n_classes),
                       kind,
                       planes.data(),
                       count.empty() ? nullptr : count.data(),
                       out.data()};
  uncertainty(Device{}, args);
  out.expect_untouched_bands("uncertainty");
  return {out.data(), out.data() + pixels.size()};
}

TEST(Uncertainty, IsTheEntropyOrTheMarginOfThePixel) {
  const float nan = std::nanf("");
  const std::vector<std::vector<float>> pixels = {{0, 1, 0, 0},       {0.25, 0.25, 0.25, 0.25}, {0.5, 0, 0.5, 0},
                                                  {0.1f, 0, 0, 0.9f}, {0.5, 0.5, 0, 0},         {0, 0, 0, 0},
                                                  {nan, 1, 0, 0},     {0.6f, 0.3f, 0.1f, 0}};
  const Bytes count = {1, 1, 1, 1, 0, 1, 1, 9};
  // -(0.1 ln 0.1 + 0.9 ln 0.9) / ln 4 = 0.2345; -(0.6 ln 0.6 + 0.3 ln 0.3 + 0.1 ln 0.1) / ln 4 = 0.6477
  EXPECT_EQ(uncertain(Uncertainty::entropy, pixels, count), (Bytes{1, 100, 50, 23, 0, 0, 1, 65}));
  EXPECT_EQ(uncertain(Uncertainty::margin, pixels, count), (Bytes{1, 100, 100, 20, 0, 0, 1, 70}));
  EXPECT_EQ(uncertain(Uncertainty::margin, {{1}, {0}}, {}), (Bytes{1, 0})) << "one class alone";
  EXPECT_EQ(uncertain(Uncertainty::entropy, {{1}}, {}), (Bytes{1}));
}

struct Decision {
  Bytes label, confidence;
  std::vector<std::uint16_t> probabilities;
  std::vector<float> exact;
};

Decision decided(DecideArgs args) {
  Guarded<std::uint8_t> label(args.pixels), confidence(args.pixels);
  Guarded<std::uint16_t> probabilities(args.pixels * args.n_classes);
  Guarded<float> exact(args.pixels * args.n_classes);
  args.label = label.data();
  args.confidence = confidence.data();
  args.probabilities = probabilities.data();
  args.exact_probabilities = exact.data();
  decide(Device{}, args);
  label.expect_untouched_bands("label");
  confidence.expect_untouched_bands("confidence");
  probabilities.expect_untouched_bands("probabilities");
  exact.expect_untouched_bands("exact probabilities");
  return {label.values(), confidence.values(), probabilities.values(), exact.values()};
}

Decision from_logits(const std::vector<float>& logits, int n_classes) {
  DecideArgs args;
  args.n_classes = n_classes;
  args.pixels = static_cast<std::int64_t>(logits.size()) / n_classes;
  args.logits = logits.data();
  return decided(args);
}

TEST(Exponential, IsWithinTwoUnitsInTheLastPlace) {
  for (double x = -87; x <= 88; x += 0.00137) {
    const float argument = static_cast<float>(x);
    const double exact = std::exp(static_cast<double>(argument));
    const double unit = std::ldexp(1.0, static_cast<int>(std::floor(std::log2(exact))) - 23);
    ASSERT_LE(std::fabs(exponential(argument) - exact), 2 * unit) << "exp(" << x << ")";
  }
  EXPECT_EQ(exponential(0.0f), 1.0f);
  EXPECT_EQ(exponential(-100.0f), 0.0f);
  EXPECT_EQ(exponential(-INFINITY), 0.0f);
  EXPECT_TRUE(std::isfinite(exponential(1000.0f)));
  EXPECT_EQ(exponential(NAN), 0.0f);
}

TEST(Decide, SoftmaxOfLogits) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 4);
  constexpr std::size_t kClasses = 23, kPixels = 517;
  std::vector<float> logits(kClasses * kPixels);
  for (float& logit : logits) logit = normal(random);
  const Decision got = from_logits(logits, kClasses);
  for (std::size_t p = 0; p < kPixels; ++p) {
    const float* row = logits.data() + p * kClasses;
    const auto winner = static_cast<std::size_t>(std::max_element(row, row + kClasses) - row);
    double sum = 0;
    for (std::size_t c = 0; c < kClasses; ++c) sum += std::exp(static_cast<double>(row[c]) - row[winner]);
    ASSERT_EQ(got.label[p], winner);
    for (std::size_t c = 0; c < kClasses; ++c) {
      const double probability = std::exp(static_cast<double>(row[c]) - row[winner]) / sum;
      ASSERT_NEAR(got.exact[p * kClasses + c], probability, 1e-6);
      ASSERT_NEAR(got.probabilities[p * kClasses + c], probability * 1000, 0.5001);
    }
    ASSERT_EQ(got.confidence[p], static_cast<std::uint8_t>(got.exact[p * kClasses + winner] * 100.0f));
  }
}

TEST(Decide, SharpeningCountsTheSquareOfTheDistanceToTheHighestLogit) {
  const std::vector<float> logits = {1, 3, 2.5f, -40, 0, 0, 0, 0};
  DecideArgs args;
  args.pixels = 2;
  args.n_classes = 4;
  args.logits = logits.data();
  args.sharpening = 0.25f;
  const Decision got = decided(args);
  const double a = std::exp(-(2 + 0.25 * 4)), b = std::exp(-(0.5 + 0.25 * 0.25)), sum = 1 + a + b;
  EXPECT_EQ(got.label, (Bytes{1, 0}));
  EXPECT_NEAR(got.exact[0], a / sum, 1e-6);
  EXPECT_NEAR(got.exact[1], 1 / sum, 1e-6);
  EXPECT_NEAR(got.exact[2], b / sum, 1e-6);
  EXPECT_EQ(got.exact[3], 0);
  for (std::size_t c = 4; c < 8; ++c) EXPECT_EQ(got.exact[c], 0.25f);
}

TEST(Decide, ConfidenceIsTruncatedLikeIota2) {
  const std::vector<float> scores = {0.53f, 0.47f, 1.0f, 0.0f, 0.29f, 0.71f};
  DecideArgs args;
  args.pixels = 3;
  args.n_classes = 2;
  args.scores = scores.data();
  const Decision got = decided(args);
  EXPECT_EQ(got.label, (Bytes{0, 0, 1}));
  EXPECT_EQ(got.confidence, (Bytes{52, 100, 71}));  // 0.53f * 100 = 52.99999..., 0.71f * 100 = 71
}

TEST(Decide, TiesNonsenseAndPixelsWithoutObservations) {
  const float nan = NAN, infinity = INFINITY;
  const std::vector<float> logits = {1, 2, 2, nan, 0, 5, nan, nan, nan, -infinity, -infinity, -infinity, nan, -infinity, -90, 7, 7, 7};
  const Bytes codes = {11, 22, 33}, count = {1, 1, 1, 1, 1, 0};
  DecideArgs args;
  args.pixels = 6;
  args.n_classes = 3;
  args.logits = logits.data();
  args.codes = codes.data();
  args.count = count.data();
  const Decision got = decided(args);
  EXPECT_EQ(got.label, (Bytes{22, 33, 0, 0, 33, 0}));
  EXPECT_EQ(got.confidence, (Bytes{42, 99, 0, 0, 100, 0}));
  for (std::size_t i = 0; i < got.exact.size(); ++i) EXPECT_TRUE(std::isfinite(got.exact[i])) << i;
  for (const std::size_t pixel : {2u, 3u, 5u})
    for (std::size_t c = 0; c < 3; ++c) EXPECT_EQ(got.probabilities[pixel * 3 + c], 0);
}

TEST(Decide, Votes) {
  const std::vector<std::uint16_t> votes = {53, 47, 0, 100, 50, 50};
  DecideArgs args;
  args.pixels = 3;
  args.n_classes = 2;
  args.votes = votes.data();
  args.n_trees = 100;
  const Decision got = decided(args);
  EXPECT_EQ(got.label, (Bytes{0, 1, 0}));
  EXPECT_EQ(got.confidence, (Bytes{52, 100, 50}));
  EXPECT_EQ(got.probabilities, (std::vector<std::uint16_t>{530, 470, 0, 1000, 500, 500}));
}

TEST(Decide, VotesOfACalibratedForestCountAsTheLogitsThatStandForThem) {
  const std::vector<std::uint16_t> votes = {3, 1, 0, 0, 4, 0, 2, 2, 0};
  const std::vector<float> logit_of = {-2.5f, -1, 0.25f, 0.5f, 3};
  std::vector<float> logits;
  for (const auto n : votes) logits.push_back(logit_of[n]);
  DecideArgs args;
  args.pixels = 3;
  args.n_classes = 3;
  args.sharpening = 0.5f;
  args.logits = logits.data();
  const Decision expected = decided(args);
  args.logits = nullptr;
  args.votes = votes.data();
  args.n_trees = 4;
  args.vote_logits = logit_of.data();
  const Decision got = decided(args);
  EXPECT_EQ(got.label, expected.label);
  EXPECT_EQ(got.confidence, expected.confidence);
  EXPECT_EQ(got.exact, expected.exact);
  EXPECT_NE(got.confidence[0], 75);  // its share of the votes
}

TEST(Decide, NothingToDecideAndWrongCalls) {
  EXPECT_TRUE(from_logits({}, 5).label.empty());
  EXPECT_EQ(from_logits({3.0f}, 1).confidence, Bytes{100});
  DecideArgs args;
  args.pixels = 1;
  args.n_classes = 2;
  EXPECT_THROW(decide(Device{}, args), Bug);
  const float number = 1;
  args.scores = args.vote_logits = &number;
  EXPECT_THROW(decide(Device{}, args), Bug);
}

}  // namespace
}  // namespace millesime::testing
