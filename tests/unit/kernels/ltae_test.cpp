#include "kernels/ops/ltae.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/ops/ltae.gpu.h"
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

// The contract for one pixel and source: u. x[date] are the normalised bands of the valid dates, with their positions.
Numbers encoded(const LtaeWeights& w, const std::vector<Numbers>& x, const std::vector<Numbers>& position) {
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
  return u;
}

Numbers expected_logits(const LtaeWeights& w, const std::vector<Numbers>& x, const std::vector<Numbers>& position, const Numbers& statics) {
  Numbers u = encoded(w, x, position);
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
           Resampling method = Resampling::bilinear, int threads = 0, Arithmetic arithmetic = Arithmetic::float32) {
  Ltae network(weights, {}, arithmetic);
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

// What the network reads of each pixel.
class Pixels {
 public:
  Pixels(const Series& series, Resampling method, std::vector<float> positions, int head_width)
      : dates_(series.n_dates()),
        pixels_(series.window.pixels()),
        head_width_(head_width),
        positions_(std::move(positions)),
        samples_(expected_samples(series, method)),
        valid_(expected_validity(series)) {}

  // The normalised bands of the valid dates, with their positions.
  std::pair<std::vector<Numbers>, std::vector<Numbers>> at(std::int64_t p) const {
    std::vector<Numbers> x, position;
    for (std::int64_t t = 0; t < dates_; ++t) {
      if (!valid_[static_cast<std::size_t>(t * pixels_ + p)]) continue;
      Numbers date, at;
      for (std::int64_t b = 0; b < 10; ++b) {
        const auto band = static_cast<std::size_t>(b);
        date.push_back((samples_[static_cast<std::size_t>((t * 10 + b) * pixels_ + p)] - kMean[band]) * kInverse[band]);
      }
      for (int i = 0; i < head_width_; ++i) at.push_back(positions_[static_cast<std::size_t>(t * head_width_ + i)]);
      x.push_back(date), position.push_back(at);
    }
    return {x, position};
  }

 private:
  std::int64_t dates_, pixels_;
  int head_width_;
  std::vector<float> positions_;
  std::vector<std::int16_t> samples_;
  std::vector<std::uint8_t> valid_;
};

Numbers statics_at(const std::vector<float>& statics, int n, std::int64_t pixels, std::int64_t p) {
  Numbers own;
  for (int i = 0; i < n; ++i) own.push_back(statics[static_cast<std::size_t>(i * pixels + p)]);
  return own;
}

void expect_contract(const LtaeShape& shape, const SeriesShape& world, Resampling method) {
  const LtaeWeights weights = random_ltae(shape);
  const Series series = random_series(world);
  const auto positions = random_positions(world.dates, weights.head_width, 4);
  const std::int64_t pixels = series.window.pixels();
  const auto statics = some_statics(pixels, weights.statics);
  const Result got = run(weights, series, positions, statics, method);
  const Pixels read(series, method, positions, weights.head_width);
  for (std::int64_t p = 0; p < pixels; ++p) {
    const auto [x, position] = read.at(p);
    const Numbers expected = expected_logits(weights, x, position, statics_at(statics, weights.statics, pixels, p));
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

void expect_no_influence_of_threads_and_parts(Arithmetic arithmetic) {
  const LtaeWeights weights = random_ltae({});
  const Series series = random_series({.width = 300, .height = 7});
  const auto positions = random_positions(6, weights.head_width, 4);
  const auto statics = some_statics(series.window.pixels(), weights.statics);
  const Result whole = run(weights, series, positions, statics, Resampling::bilinear, 1, arithmetic);
  EXPECT_EQ(run(weights, series, positions, statics, Resampling::bilinear, 3, arithmetic).logits, whole.logits);

  Ltae network(weights, {}, arithmetic);
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

TEST(Ltae, ThreadsAndPartsOfAWindowHaveNoInfluence) {
  expect_no_influence_of_threads_and_parts(Arithmetic::float32);
  expect_no_influence_of_threads_and_parts(Arithmetic::bfloat16);
}

// Four sources of other dates and clouds: the second is seen in some parts of the window alone, the last has no date at all.
class Sources {
 public:
  static constexpr int kWidth = 150, kHeight = 4, kCount = 4;

  Sources() {
    for (int s = 0; s < kCount; ++s) {
      const LtaeShape shape = {.heads = 2, .statics = s == 0 ? 2 : 0, .seed = static_cast<unsigned>(s + 1), .one_of_several = true};
      weights.push_back(random_ltae(shape));
      const double cloudy[] = {0.4, 0.9, 0.3, 1};
      series.push_back(random_series({.width = kWidth, .height = kHeight, .dates = 3 + s, .cloudy = cloudy[s], .seed = shape.seed}));
      if (s == 1)
        for (std::size_t i = 0; i < series[1].masks.size(); ++i)
          if (i % kWidth < 40) series[1].masks[i] = 1;
      positions.push_back(random_positions(series.back().n_dates(), weights.back().head_width, shape.seed));
    }
    statics = some_statics(kWidth * kHeight, 2);
  }

  // The logits of the rows [first, first + n).
  std::vector<float> logits(int first, int n, int threads, Arithmetic arithmetic = Arithmetic::float32) const {
    const std::int64_t pixels = std::int64_t{n} * kWidth;
    std::vector<float> own;
    for (int i = 0; i < 2; ++i) {
      const auto begin = statics.begin() + i * kWidth * kHeight + first * kWidth;
      own.insert(own.end(), begin, begin + pixels);
    }
    Guarded<float> sums(pixels * weights[0].hidden), logits(pixels * weights[0].classes);
    for (int s = 0; s < kCount; ++s) {
      const auto source = static_cast<std::size_t>(s);
      Ltae network(weights[source], {}, arithmetic);
      const HostSeries host(series[source]);
      LtaeArgs args;
      args.weights = network.view();
      if (s + 1 < kCount) {
        network.set_dates(positions[source]);
        args.dates = network.dates(), args.series = rows_of(host.view(), first, n);
        args.resampling = s == 2 ? Resampling::cubic : Resampling::nearest;
      } else {
        args.series.width = kWidth, args.series.height = n, args.series.n_bands = 10;
      }
      args.mean = kMean.data(), args.inverse_std = kInverse.data(), args.statics = own.data();
      if (s > 0) args.begun = sums.data();
      (s + 1 < kCount ? args.sums : args.logits) = s + 1 < kCount ? sums.data() : logits.data();
      ltae(Stream(Device{}, threads), args);
    }
    sums.expect_untouched_bands("sums");
    logits.expect_untouched_bands("logits");
    return logits.values();
  }

  std::vector<LtaeWeights> weights;
  std::vector<Series> series;
  std::vector<std::vector<float>> positions;
  std::vector<float> statics;
};

TEST(Ltae, SeveralSourcesAddToTheHiddenLayer) {
  const Sources sources;
  const std::vector<float> got = sources.logits(0, Sources::kHeight, 2);
  std::vector<Pixels> read;
  for (std::size_t s = 0; s + 1 < Sources::kCount; ++s)
    read.emplace_back(sources.series[s], s == 2 ? Resampling::cubic : Resampling::nearest, sources.positions[s], 5);
  const LtaeWeights &main = sources.weights[0], &last = sources.weights[Sources::kCount - 1];
  std::int64_t seen = 0;  // of the second source
  for (std::int64_t p = 0; p < Sources::kWidth * Sources::kHeight; ++p) {
    Numbers sums(main.hidden_bias.begin(), main.hidden_bias.end());
    for (std::size_t s = 0; s < Sources::kCount; ++s) {
      const LtaeWeights& w = sources.weights[s];
      Numbers u(static_cast<std::size_t>(w.mlp));
      bool absent = true;
      if (s < read.size()) {
        const auto [x, position] = read[s].at(p);
        absent = x.empty();
        if (!absent) u = encoded(w, x, position);
        seen += s == 1 && !absent;
      }
      const Numbers own = statics_at(sources.statics, w.statics, Sources::kWidth * Sources::kHeight, p);
      u.insert(u.end(), own.begin(), own.end());
      const Numbers added = layer(w.hidden_layer, std::vector<float>(sums.size()), u, false);
      for (std::size_t o = 0; o < sums.size(); ++o) sums[o] += added[o] + (absent ? static_cast<double>(w.absent[o]) : 0.0);
    }
    for (double& sum : sums) sum = std::max(0.0, sum);
    const Numbers expected = layer(last.head, last.head_bias, sums, false);
    for (std::size_t c = 0; c < expected.size(); ++c)
      ASSERT_NEAR(got[static_cast<std::size_t>(p) * expected.size() + c], expected[c], 2e-5 * (1 + std::abs(expected[c])))
          << "pixel " << p << ", class " << c;
  }
  EXPECT_GT(seen, 50);
  EXPECT_LT(seen, Sources::kWidth * Sources::kHeight - 40 * Sources::kHeight);

  const std::vector<float> rounded = sources.logits(0, Sources::kHeight, 2, Arithmetic::bfloat16);
  EXPECT_NE(rounded, got);
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(rounded[i], got[i], 0.2 * (1 + std::abs(got[i]))) << i;

  EXPECT_EQ(sources.logits(0, Sources::kHeight, 1), got) << "threads";
  std::vector<float> parts = sources.logits(0, 1, 1);
  const std::vector<float> rest = sources.logits(1, Sources::kHeight - 1, 1);
  parts.insert(parts.end(), rest.begin(), rest.end());
  EXPECT_EQ(parts, got) << "parts of the window";
}

// On a GPU: as many pixels a block as its shared memory holds.
TEST(Ltae, DatesAndWidthDecideHowManyPixelsShareTheWeights) {
  const LtaeShape usual = {.spectral = 32, .heads = 16, .head_width = 16, .mlp = 128, .hidden = 64, .classes = 23};
  const auto pixels = [](const LtaeShape& shape, int dates) {
    const Ltae network(random_ltae(shape));
    return ltae_group_pixels(network.view(), dates);
  };
  EXPECT_EQ(pixels({}, 6), 16);
  EXPECT_EQ(pixels(usual, 30), 8);
  EXPECT_EQ(pixels(usual, 73), 4);
  EXPECT_EQ(pixels(usual, 200), 0) << "a pixel a thread";
  EXPECT_EQ(pixels({.spectral = 300}, 1), 0) << "more than the threads of a block";
  EXPECT_EQ(pixels({.head_width = 300}, 1), 0);
  const Ltae network(random_ltae(usual));
  EXPECT_LE(LtaeGroupPlan<8>(network.view(), 30).end, 32 << 10) << "leaves half of the threads of any device";
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
  Ltae alone(random_ltae({}));
  alone.set_dates(random_positions(6, 5, 1));
  std::vector<float> sums(18);
  args.weights = alone.view(), args.dates = alone.dates(), args.statics = args.sums = sums.data();
  EXPECT_THROW(ltae(Device{}, args), Bug);  // of a network of one source
}

}  // namespace
}  // namespace millesime::testing
