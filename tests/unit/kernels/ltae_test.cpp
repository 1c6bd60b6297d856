#include "kernels/ops/ltae.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "pipeline/core/error.h"
#include "tests/support/guarded.h"
#include "tests/support/random_ltae.h"
#include "tests/support/series_world.h"

namespace millesime::testing {
namespace {

using Numbers = std::vector<double>;

Numbers layer(const std::vector<float>& matrix, const std::vector<float>& bias, const Numbers& in, bool rectified) {
  Numbers out;
  for (std::size_t o = 0; o < bias.size(); ++o) {
    double sum = bias[o];
    for (std::size_t i = 0; i < in.size(); ++i) sum += static_cast<double>(matrix[o * in.size() + i]) * in[i];
    out.push_back(rectified ? std::max(0.0, sum) : sum);
  }
  return out;
}

// The contract for one pixel. x[date] are the normalised bands of the valid dates, with their positions.
Numbers expected_logits(const LtaeWeights& w, const std::vector<Numbers>& x, const std::vector<Numbers>& position, const Numbers& statics) {
  std::vector<Numbers> attended;
  for (const Numbers& date : x) attended.push_back(w.spectral.empty() ? date : layer(w.spectral, w.spectral_bias, date, true));
  Numbers embedded;
  for (int h = 0; h < w.heads; ++h) {
    Numbers attention;
    double sum = 0;
    for (std::size_t t = 0; t < x.size(); ++t) {
      double score = 0;
      for (int e = 0; e < w.attended; ++e)
        score += w.score[static_cast<std::size_t>(h * w.attended + e)] * attended[t][static_cast<std::size_t>(e)];
      for (int i = 0; i < w.head_width; ++i)
        score += w.position_score[static_cast<std::size_t>(h * w.head_width + i)] * position[t][static_cast<std::size_t>(i)];
      attention.push_back(std::exp(score));
      sum += attention.back();
    }
    for (int i = 0; i < w.head_width; ++i) {
      const auto row = static_cast<std::size_t>(h * w.head_width + i);
      double z = x.empty() ? 0 : static_cast<double>(w.embed_bias[row]);
      for (std::size_t t = 0; t < x.size(); ++t) {
        const double share = attention[t] / sum;
        z += share * position[t][static_cast<std::size_t>(i)];
        for (int e = 0; e < w.attended; ++e)
          z += share * w.embed[row * static_cast<std::size_t>(w.attended) + static_cast<std::size_t>(e)] *
               attended[t][static_cast<std::size_t>(e)];
      }
      embedded.push_back(z);
    }
  }
  Numbers u = layer(w.dense, w.dense_bias, embedded, true);
  double mean = 0, variance = 0;
  for (const double number : u) mean += number / w.mlp;
  for (const double number : u) variance += (number - mean) * (number - mean) / w.mlp;
  for (std::size_t i = 0; i < u.size(); ++i) u[i] = (u[i] - mean) / std::sqrt(variance + 1e-5) * w.norm_gain[i] + w.norm_shift[i];
  u.insert(u.end(), statics.begin(), statics.end());
  return layer(w.head, w.head_bias, layer(w.hidden_layer, w.hidden_bias, u, true), false);
}

const std::vector<float> kMean = {900, 1000, 1100, 1200, 1300, 1400, 1500, 1600, 1700, 1800};
const std::vector<float> kInverse(10, 0.0007f);

struct Result {
  std::vector<float> logits;
  std::vector<std::uint8_t> count;
};

Result run(const LtaeWeights& weights, const Series& series, const std::vector<float>& positions, const std::vector<float>& statics,
           Resampling method = Resampling::bilinear, int threads = 0) {
  Ltae network(weights);
  network.set_dates(positions);
  const HostSeries host(series);
  Guarded<float> logits(series.window.pixels() * weights.classes);
  Guarded<std::uint8_t> count(series.window.pixels());
  LtaeArgs args;
  args.weights = network.view(), args.dates = network.dates(), args.series = host.view(), args.resampling = method;
  args.mean = kMean.data(), args.inverse_std = kInverse.data();
  if (weights.statics > 0) args.statics = statics.data();
  args.logits = logits.data(), args.count = count.data();
  ltae(Stream(Device{}, threads), args);
  logits.expect_untouched_bands("logits");
  count.expect_untouched_bands("count");
  return {logits.values(), count.values()};
}

std::vector<float> some_statics(std::int64_t pixels, int n) {  // [static][pixel]
  std::vector<float> statics;
  for (std::int64_t i = 0; i < pixels * n; ++i) statics.push_back(static_cast<float>(i % 17) * 0.1f - 0.8f);
  return statics;
}

void expect_contract(const LtaeShape& shape, const SeriesShape& world, Resampling method) {
  const LtaeWeights weights = random_ltae(shape);
  const Series series = random_series(world);
  const auto positions = random_positions(world.dates, weights.head_width, 4);
  const std::int64_t pixels = series.window.pixels();
  const auto statics = some_statics(pixels, weights.statics);
  const Result got = run(weights, series, positions, statics, method);
  const auto samples = expected_samples(series, method);
  const auto valid = expected_validity(series);
  for (std::int64_t p = 0; p < pixels; ++p) {
    std::vector<Numbers> x, position;
    for (std::int64_t t = 0; t < world.dates; ++t) {
      if (!valid[static_cast<std::size_t>(t * pixels + p)]) continue;
      Numbers date, at;
      for (std::int64_t b = 0; b < 10; ++b) {
        const auto band = static_cast<std::size_t>(b);
        date.push_back((samples[static_cast<std::size_t>((t * 10 + b) * pixels + p)] - kMean[band]) * kInverse[band]);
      }
      for (int i = 0; i < weights.head_width; ++i) at.push_back(positions[static_cast<std::size_t>(t * weights.head_width + i)]);
      x.push_back(date), position.push_back(at);
    }
    Numbers own;
    for (int i = 0; i < weights.statics; ++i) own.push_back(statics[static_cast<std::size_t>(i * pixels + p)]);
    const Numbers expected = expected_logits(weights, x, position, own);
    ASSERT_EQ(got.count[static_cast<std::size_t>(p)], x.size()) << "pixel " << p;
    for (int c = 0; c < weights.classes; ++c) {
      const double logit = expected[static_cast<std::size_t>(c)];
      ASSERT_NEAR(got.logits[static_cast<std::size_t>(p * weights.classes + c)], logit, 2e-5 * (1 + std::abs(logit)))
          << "pixel " << p << ", class " << c;
    }
  }
}

TEST(Ltae, LogitsAreThoseOfTheContract) {
  expect_contract({}, {.width = 150, .height = 3, .dates = 6}, Resampling::bilinear);
  expect_contract({.spectral = 0, .heads = 1, .head_width = 1, .statics = 0, .seed = 2}, {.width = 33, .dates = 5, .seed = 2},
                  Resampling::nearest);
  expect_contract({.spectral = 32, .heads = 16, .head_width = 16, .mlp = 128, .hidden = 64, .classes = 23, .seed = 3},
                  {.width = 20, .height = 2, .dates = 12, .seed = 3}, Resampling::cubic);
}

TEST(Ltae, PixelsWithoutObservationHaveTheLogitsOfNone) {
  expect_contract({}, {.width = 17, .height = 2, .dates = 3, .cloudy = 1}, Resampling::bilinear);
}

TEST(Ltae, ThreadsAndPartsOfAWindowHaveNoInfluence) {
  const LtaeWeights weights = random_ltae({});
  const Series series = random_series({.width = 300, .height = 7});
  const auto positions = random_positions(6, weights.head_width, 4);
  const auto statics = some_statics(series.window.pixels(), weights.statics);
  const Result whole = run(weights, series, positions, statics, Resampling::bilinear, 1);
  EXPECT_EQ(run(weights, series, positions, statics, Resampling::bilinear, 3).logits, whole.logits);

  Ltae network(weights);
  network.set_dates(positions);
  const HostSeries host(series);
  std::vector<float> logits(whole.logits.size());
  for (const auto& [first, n] : {std::pair{0, 3}, std::pair{3, 4}}) {
    std::vector<float> own;
    for (int i = 0; i < weights.statics; ++i) {
      const auto begin = statics.begin() + i * series.window.pixels() + first * 300;
      own.insert(own.end(), begin, begin + n * 300);
    }
    LtaeArgs args;
    args.weights = network.view(), args.dates = network.dates(), args.series = rows_of(host.view(), first, n);
    args.mean = kMean.data(), args.inverse_std = kInverse.data();
    args.statics = own.data(), args.logits = logits.data() + first * 300 * weights.classes;
    ltae(Device{}, args);
  }
  EXPECT_EQ(logits, whole.logits);
}

TEST(Ltae, WhatDoesNotFitIsABug) {
  LtaeWeights weights = random_ltae({});
  weights.dense.pop_back();
  EXPECT_THROW(Ltae{weights}, Bug);
  Ltae network(random_ltae({.features = 9}));
  network.set_dates(random_positions(6, 5, 1));
  const Series series = random_series({.width = 3, .height = 1});
  const HostSeries host(series);
  LtaeArgs args;
  args.weights = network.view(), args.dates = network.dates(), args.series = host.view();
  EXPECT_THROW(ltae(Device{}, args), Bug);  // nine bands of ten
  EXPECT_THROW(network.set_dates({1, 2, 3}), Bug);
}

}  // namespace
}  // namespace millesime::testing
