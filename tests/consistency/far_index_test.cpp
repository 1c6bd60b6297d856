// Indices above 2^31 and 2^32 elements: the last pixels of a huge window get the same results as in a small one, in the
// CUDA instance (on fibers) and in the CPU instance of every kernel. An index of 32 bits is found.

#include "tests/support/far_instances.h"

#include <cstdint>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/ops/blend.impl.h"
#include "kernels/ops/confusion.impl.h"
#include "kernels/ops/decide.impl.h"
#include "kernels/ops/forest.impl.h"
#include "kernels/ops/fuse_maps.impl.h"
#include "kernels/ops/gap_fill.impl.h"
#include "kernels/ops/indices.impl.h"
#include "kernels/ops/majority_filter.impl.h"
#include "kernels/ops/mosaic_rule.impl.h"
#include "kernels/ops/pack.impl.h"
#include "kernels/ops/training_batch.impl.h"
#include "tests/support/random_forest.h"

namespace millesime::testing {
namespace {

TEST(FarIndex, GapFill) {
  constexpr int kDates = 3, kBands = 2, kTargets = 2;
  const std::vector<std::int32_t> days = {5, 9, 20}, targets = {7, 15};
  const auto samples = numbers<std::int16_t>(kDates * kBands * kSmall, -300, 9000, 1);
  const auto valid = numbers<std::uint8_t>(kDates * kSmall, 0, 1, 2);
  std::vector<std::int16_t> expected(kTargets * kBands * kSmall);
  gap_fill(Device{}, {kSmall, kDates, kBands, kTargets, days.data(), targets.data(), samples.data(), valid.data(), expected.data()});
  expect_same(
      kOneBlock,
      [&](const auto& backend) {
        FarArray<std::int16_t> far_samples(kFar * kDates * kBands), filled(kFar * kTargets * kBands);
        FarArray<std::uint8_t> far_valid(kFar * kDates);
        put_last(far_samples, kFar, samples);
        put_last(far_valid, kFar, valid);
        gap_fill_on(backend,
                    {kFar, kDates, kBands, kTargets, days.data(), targets.data(), far_samples.data(), far_valid.data(), filled.data()});
        return last_of(filled, kFar, kTargets * kBands);
      },
      expected);
}

TEST(FarIndex, Indices) {
  constexpr int kDates = 2;
  const std::vector<std::string> bands = {"B4", "B8", "B11"};
  IndicesArgs args;
  args.n_dates = kDates, args.n_bands = 3, args.plan = plan_indices({"NDVI", "NDWI", "Brightness"}, bands);
  const auto samples = numbers<std::int16_t>(kDates * 3 * kSmall, 1, 9000, 3);
  std::vector<std::int16_t> expected(kDates * 3 * kSmall);
  args.pixels = kSmall, args.samples = samples.data(), args.integers = expected.data();
  indices(Device{}, args);
  expect_same(
      kOneBlock,
      [&](const auto& backend) {
        FarArray<std::int16_t> far(kFar * kDates * 3), integers(kFar * kDates * 3);
        put_last(far, kFar, samples);
        IndicesArgs huge = args;
        huge.pixels = kFar, huge.samples = far.data(), huge.integers = integers.data();
        indices_on(backend, huge);
        return last_of(integers, kFar, kDates * 3);
      },
      expected);
}

TEST(FarIndex, Forest) {
  const ForestArrays arrays = random_forest({5, 40, 7, 4, 3});
  const Forest packed(arrays);
  for (const int n_statics : {0, 2}) {
    const int n_series = 7 - n_statics;
    const auto features = numbers<float>(kSmall * n_series, -1, 1, 4), statics = numbers<float>(kSmall * n_statics, -1, 1, 5);
    std::vector<std::uint16_t> expected(kSmall * 4);
    ForestArgs args;
    args.forest = packed.view(), args.pixels = kSmall, args.features = features.data(), args.votes = expected.data();
    args.n_statics = n_statics, args.statics = n_statics > 0 ? statics.data() : nullptr;
    forest(Device{}, args);
    expect_same(
        kOneBlock,
        [&](const auto& backend) {
          FarArray<float> far(kFar * n_series), far_statics(kFar * 2);
          FarArray<std::uint16_t> votes(kFar * 4);
          std::copy(features.begin(), features.end(), far.data() + (kFar - kSmall) * n_series);
          std::copy(statics.begin(), statics.end(), far_statics.data() + (kFar - kSmall) * n_statics);
          ForestArgs huge = args;
          huge.pixels = kFar, huge.features = far.data(), huge.votes = votes.data();
          if (n_statics > 0) huge.statics = far_statics.data();
          forest_on(backend, huge);
          return std::vector<std::uint16_t>(votes.data() + (kFar - kSmall) * 4, votes.data() + kFar * 4);
        },
        expected);
  }
}

TEST(FarIndex, DecideAndBlend) {
  constexpr int kClasses = 5;
  const auto logits = numbers<float>(kSmall * kClasses, -4, 4, 5);
  const auto weights = numbers<float>(kSmall, 0, 3, 6);
  const auto shares = numbers<float>(kSmall * kClasses, 0, 1, 7);
  std::vector<std::uint8_t> labels(kSmall);
  std::vector<std::uint16_t> probabilities(kSmall * kClasses);
  DecideArgs args;
  args.pixels = kSmall, args.n_classes = kClasses, args.logits = logits.data(), args.label = labels.data(),
  args.probabilities = probabilities.data();
  decide(Device{}, args);
  expect_same(
      kEachPixel,
      [&](const auto& backend) {
        FarArray<float> far(kFar * kClasses);
        FarArray<std::uint8_t> label(kFar);
        FarArray<std::uint16_t> out(kFar * kClasses);
        std::copy(logits.begin(), logits.end(), far.data() + (kFar - kSmall) * kClasses);
        DecideArgs huge = args;
        huge.pixels = kFar, huge.logits = far.data(), huge.label = label.data(), huge.probabilities = out.data();
        decide_on(backend, huge);
        return std::pair(last_of(label, kFar, 1),
                         std::vector<std::uint16_t>(out.data() + (kFar - kSmall) * kClasses, out.data() + kFar * kClasses));
      },
      std::pair(labels, probabilities));
  std::vector<float> mean(kSmall * kClasses, 0.25f), sums(kSmall, 0.5f);
  BlendArgs mix;
  mix.pixels = kSmall, mix.n_classes = mix.model_classes = kClasses, mix.first = false;
  mix.probabilities = shares.data(), mix.weights = weights.data(), mix.weight_sums = sums.data(), mix.mean = mean.data();
  blend(Device{}, mix);
  expect_same(
      kOneBlock,
      [&](const auto& backend) {
        FarArray<float> far_shares(kFar * kClasses), far_weights(kFar), far_sums(kFar), out(kFar * kClasses);
        put_last(far_weights, kFar, weights);
        put_last(far_sums, kFar, std::vector<float>(kSmall, 0.5f));
        put_last(out, kFar, std::vector<float>(kSmall * kClasses, 0.25f));
        std::copy(shares.begin(), shares.end(), far_shares.data() + (kFar - kSmall) * kClasses);
        BlendArgs huge = mix;
        huge.pixels = kFar, huge.probabilities = far_shares.data(), huge.weights = far_weights.data(), huge.weight_sums = far_sums.data();
        huge.mean = out.data();
        blend_on(backend, huge);
        return std::pair(last_of(out, kFar, kClasses), last_of(far_sums, kFar, 1));
      },
      std::pair(mean, sums));
}

TEST(FarIndex, Maps) {
  constexpr int kMaps = 3;
  const auto codes = numbers<std::uint16_t>(kMaps * kSmall, 0, 3, 8);
  const auto labels = numbers<std::uint8_t>(kMaps * kSmall, 0, 3, 8), confidences = numbers<std::uint8_t>(kMaps * kSmall, 0, 100, 9);
  std::vector<std::uint16_t> expected(kSmall);
  FuseMapsArgs args;
  args.pixels = kSmall, args.n_maps = kMaps, args.labels = codes.data(), args.confidences = confidences.data(),
  args.label = expected.data();
  fuse_maps(Device{}, args);
  expect_same(
      kEachPixel,
      [&](const auto& backend) {
        FarArray<std::uint16_t> far(kMaps * kFar), label(kFar);
        FarArray<std::uint8_t> far_confidences(kMaps * kFar);
        put_last(far, kFar, codes);
        put_last(far_confidences, kFar, confidences);
        FuseMapsArgs huge = args;
        huge.pixels = kFar, huge.labels = far.data(), huge.confidences = far_confidences.data(), huge.label = label.data();
        fuse_maps_on(backend, huge);
        return last_of(label, kFar, 1);
      },
      expected);

  std::vector<std::uint64_t> counts(kLabels * kLabels);
  confusion(Device{}, {kSmall, labels.data(), labels.data() + kSmall, counts.data()});
  const auto counted = [&](const auto& backend) {
    FarArray<std::uint8_t> reference(kFar), predicted(kFar);
    put_last(reference, kFar, std::vector<std::uint8_t>(labels.begin(), labels.begin() + kSmall));
    put_last(predicted, kFar, std::vector<std::uint8_t>(labels.begin() + kSmall, labels.begin() + 2 * kSmall));
    std::vector<std::uint64_t> far_counts(kLabels * kLabels);
    confusion_on(backend, {kFar, reference.data(), predicted.data(), far_counts.data()});
    return far_counts;
  };
  expect_same(kEachPixel, counted, counts);

  const auto before = numbers<std::uint16_t>(kSmall, 0, 3, 10);
  std::vector<std::uint8_t> confidence(kSmall, 50), validity(kSmall, 5);
  std::vector<std::uint16_t> label = before, rank(kSmall, 9);
  mosaic_rule(Device{},
              {kSmall, codes.data(), confidences.data(), labels.data(), 4, label.data(), confidence.data(), validity.data(), rank.data()});
  expect_same(
      kEachPixel,
      [&](const auto& backend) {
        FarArray<std::uint8_t> tile_validity(kFar), tile_confidence(kFar), far_confidence(kFar), far_validity(kFar);
        FarArray<std::uint16_t> tile(kFar), far(kFar), far_rank(kFar);
        put_last(tile, kFar, std::vector<std::uint16_t>(codes.begin(), codes.begin() + kSmall));
        put_last(tile_validity, kFar, std::vector<std::uint8_t>(labels.begin(), labels.begin() + kSmall));
        put_last(tile_confidence, kFar, std::vector<std::uint8_t>(confidences.begin(), confidences.begin() + kSmall));
        put_last(far, kFar, before);
        put_last(far_confidence, kFar, std::vector<std::uint8_t>(kSmall, 50));
        put_last(far_validity, kFar, std::vector<std::uint8_t>(kSmall, 5));
        put_last(far_rank, kFar, std::vector<std::uint16_t>(kSmall, 9));
        mosaic_rule_on(backend, {kFar, tile.data(), tile_confidence.data(), tile_validity.data(), 4, far.data(), far_confidence.data(),
                                 far_validity.data(), far_rank.data()});
        return std::pair(last_of(far, kFar, 1), last_of(far_rank, kFar, 1));
      },
      std::pair(label, rank));
}

TEST(FarIndex, Pack) {
  constexpr int kDates = 2, kBands = 2;
  const auto samples = numbers<float>(kDates * kBands * kSmall, 1, 9000, 14);
  PackArgs args;
  args.pixels = kSmall, args.n_dates = kDates, args.n_bands = kBands, args.indices = plan_indices({"NDVI"}, {"B4", "B8"});
  args.samples = samples.data();
  const std::int64_t n = std::int64_t{kDates} * args.n_features();
  const auto check = [&](auto number, auto* PackArgs::*target) {
    using Number = decltype(number);
    std::vector<Number> expected(static_cast<std::size_t>(kSmall * n));
    args.*target = expected.data();
    pack(Device{}, args);
    const auto bytes_of = [&](const Number* last) {
      const auto* bytes = reinterpret_cast<const unsigned char*>(last);
      return std::vector<unsigned char>(bytes, bytes + static_cast<std::size_t>(kSmall * n) * sizeof(Number));
    };
    expect_same(
        kOneBlock,
        [&](const auto& backend) {
          FarArray<float> far(kFar * kDates * kBands);
          FarArray<Number> out(kFar * n);
          put_last(far, kFar, samples);
          PackArgs huge = args;
          huge.pixels = kFar, huge.samples = far.data(), huge.*target = out.data();
          pack_on(backend, huge);
          return bytes_of(out.data() + (kFar - kSmall) * n);
        },
        bytes_of(expected.data()));
    args.*target = nullptr;
  };
  check(float{}, &PackArgs::features);
  check(Bfloat16{}, &PackArgs::bfloat16);
}

// Without random changes, which depend on a sample's position in the batch.
TEST(FarIndex, TrainingBatch) {
  constexpr std::int64_t kDates = 2, kFeatures = 2;
  const auto values = numbers<float>(kSmall * kDates * kFeatures, -9, 9, 18), days = numbers<float>(kSmall * kDates, 0, 365, 19);
  const auto valid = numbers<std::uint8_t>(kSmall * kDates, 0, 1, 20);
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < kSmall; ++i) rows.push_back(kSmall - 1 - i);
  std::vector<float> expected(values.size()), expected_days(days.size());
  std::vector<std::uint8_t> expected_valid(valid.size());
  TrainingBatchArgs args;
  args.samples = kSmall, args.n_dates = kDates, args.n_features = kFeatures, args.rows = rows.data();
  args.table_values = values.data(), args.table_valid = valid.data(), args.table_days = days.data();
  args.values = expected.data(), args.valid = expected_valid.data(), args.days = expected_days.data();
  training_batch(Device{}, args);
  expect_same(
      kSmall * kDates * kFeatures,
      [&](const auto& backend) {
        FarArray<std::int64_t> far_rows(kFar);
        FarArray<float> table(kFar * kDates * kFeatures), table_days(kFar * kDates), out(kFar * kDates * kFeatures),
            out_days(kFar * kDates);
        FarArray<std::uint8_t> table_valid(kFar * kDates), out_valid(kFar * kDates);
        for (std::int64_t i = 0; i < kSmall; ++i) far_rows[kFar - kSmall + i] = kFar - kSmall + rows[static_cast<std::size_t>(i)];
        const std::int64_t first = (kFar - kSmall) * kDates;
        std::copy(values.begin(), values.end(), table.data() + first * kFeatures);
        std::copy(days.begin(), days.end(), table_days.data() + first);
        std::copy(valid.begin(), valid.end(), table_valid.data() + first);
        TrainingBatchArgs huge = args;
        huge.samples = kFar, huge.rows = far_rows.data();
        huge.table_values = table.data(), huge.table_valid = table_valid.data(), huge.table_days = table_days.data();
        huge.values = out.data(), huge.valid = out_valid.data(), huge.days = out_days.data();
        training_batch_on(backend, huge);
        const auto end = kFar * kDates;
        return std::tuple(std::vector<float>(out.data() + first * kFeatures, out.data() + end * kFeatures),
                          std::vector<float>(out_days.data() + first, out_days.data() + end),
                          std::vector<std::uint8_t>(out_valid.data() + first, out_valid.data() + end));
      },
      std::tuple(expected, expected_days, expected_valid));
}

TEST(FarIndex, ClassAreasAndSeries) {
  constexpr int kDates = 2, kBands = 2;
  const auto labels = numbers<std::uint8_t>(kSmall, 0, 3, 15), valid = numbers<std::uint8_t>(kDates * kSmall, 0, 1, 16);
  const auto samples = numbers<std::int16_t>(kDates * kBands * kSmall, -300, 9000, 17);
  std::vector<std::uint64_t> counts(kLabels);
  class_areas(Device{}, {kSmall, labels.data(), counts.data()});
  expect_same(
      kEachPixel,
      [&](const auto& backend) {
        FarArray<std::uint8_t> far(kFar);
        put_last(far, kFar, labels);
        std::vector<std::uint64_t> far_counts(kLabels);
        class_areas_on(backend, {kFar, far.data(), far_counts.data()});
        return far_counts;
      },
      counts);

  const auto numbers_of = [](const std::vector<ClassMoments>& moments) {
    std::vector<std::uint64_t> all;
    for (const ClassMoments& m : moments) all.insert(all.end(), {m.n, m.sum, m.squares});
    return all;
  };
  std::vector<ClassMoments> moments(kDates * kLabels);
  class_series(Device{}, {kSmall, kDates, kBands, 1, labels.data(), samples.data(), valid.data(), moments.data()});
  expect_same(
      kEachPixel,
      [&](const auto& backend) {
        FarArray<std::uint8_t> far(kFar), far_valid(kFar * kDates);
        FarArray<std::int16_t> far_samples(kFar * kDates * kBands);
        put_last(far, kFar, labels);
        put_last(far_valid, kFar, valid);
        put_last(far_samples, kFar, samples);
        std::vector<ClassMoments> far_moments(kDates * kLabels);
        class_series_on(backend, {kFar, kDates, kBands, 1, far.data(), far_samples.data(), far_valid.data(), far_moments.data()});
        return numbers_of(far_moments);
      },
      numbers_of(moments));
}

// Components and sieve are limited to fewer than 2^31 pixels (unit/kernels/regularisation_ops).
TEST(FarIndex, MajorityFilter) {
  constexpr int kWidth = 50000, kHeight = 90000, kAround = 5;  // 4.5e9 px; the last rows of a narrow map are its corner
  const auto labels = numbers<std::uint8_t>((kSmall + 2) * kAround, 0, 3, 18);
  std::vector<std::uint8_t> expected(kSmall);
  // A row in the middle, whose squares see the map's last columns but no edge to the left.
  majority_filter(Device{}, {3, kSmall + 2, kAround, kSmall, 1, 2, 2, labels.data(), expected.data()});
  expect_same(
      kOneBlock,
      [&](const auto& backend) {
        FarArray<std::uint8_t> far(std::int64_t{kWidth} * kHeight), out(std::int64_t{kWidth} * (kHeight - 2));
        for (int row = 0; row < kAround; ++row)
          for (int col = 0; col < kSmall + 2; ++col)
            far[std::int64_t{kHeight - kAround + row} * kWidth + kWidth - kSmall - 2 + col] =
                labels[static_cast<std::size_t>(row * (kSmall + 2) + col)];
        MajorityFilterArgs huge;
        huge.cols = huge.width = kWidth, huge.rows = kHeight, huge.height = kHeight - 2;
        huge.labels = far.data(), huge.filtered = out.data();
        majority_filter_on(backend, huge);
        return last_of(out, std::int64_t{kWidth} * (kHeight - 2), 1);
      },
      expected);
}

// Deliberate faults: an index that is computed in 32 bits.

struct CountsIn32Bits {
  const std::int16_t* in;
  std::int16_t* out;
  std::int64_t pixels;
  MILLESIME_HD void operator()(std::int64_t pixel) const {
    const auto at = static_cast<std::uint32_t>(pixels + pixel);  // of the second plane
    out[pixel] = in[at];
  }
};
struct CountsIn64Bits {
  const std::int16_t* in;
  std::int16_t* out;
  std::int64_t pixels;
  MILLESIME_HD void operator()(std::int64_t pixel) const { out[pixel] = in[pixels + pixel]; }
};
struct CountsInSigned32Bits {
  const std::int16_t* in;
  std::int16_t* out;
  std::int64_t pixels;
  MILLESIME_HD void operator()(std::int64_t pixel) const { out[pixel] = in[static_cast<std::int32_t>(pixels + pixel)]; }
};

template <class Functor>
std::vector<std::int16_t> second_plane(std::int64_t pixels) {
  FarArray<std::int16_t> in(2 * pixels), out(pixels);
  put_last(in, 2 * pixels, std::vector<std::int16_t>(kSmall, 7));
  parallel_for(LastOnFibers{kSmall}, "copy", pixels, Functor{in.data(), out.data(), pixels});
  return last_of(out, pixels, 1);
}

TEST(FarIndexFinds, AnIndexOf32Bits) {
  const std::vector<std::int16_t> expected(kSmall, 7);
  EXPECT_EQ(second_plane<CountsIn64Bits>(kFar), expected);
  EXPECT_NE(second_plane<CountsIn32Bits>(kFar), expected);
}

TEST(FarIndexFindsDeathTest, ANegativeIndex) {
  // 1.5 * 2^31 pixels: the index of the second plane's end wraps below zero.
  EXPECT_DEATH(second_plane<CountsInSigned32Bits>((std::int64_t{3} << 30) / 2 + kSmall), "");
}

}  // namespace
}  // namespace millesime::testing
