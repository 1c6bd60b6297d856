// Indices beyond 2^31 and 2^32 elements: the last pixels of a huge window come to what the same numbers come to in a small one, in the
// CUDA instance (on fibers) and in the CPU instance of every kernel. And: an index of 32 bits is found.

#include "tests/support/fibers_backend.h"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/ops/confusion.impl.h"
#include "kernels/ops/decide.impl.h"
#include "kernels/ops/forest.impl.h"
#include "kernels/ops/fuse_maps.impl.h"
#include "kernels/ops/gap_fill.impl.h"
#include "kernels/ops/indices.impl.h"
#include "kernels/ops/ltae.impl.h"
#include "kernels/ops/majority_filter.impl.h"
#include "kernels/ops/mosaic_rule.impl.h"
#include "kernels/ops/pack.impl.h"
#include "kernels/ops/prepare.impl.h"
#include "kernels/ops/resample.impl.h"
#include "kernels/ops/validity.impl.h"
#include "tests/support/far_array.h"
#include "tests/support/random_forest.h"
#include "tests/support/random_ltae.h"

namespace millesime::testing {
namespace {

#ifdef __SANITIZE_THREAD__
#error "ThreadSanitizer shadows whole arrays, also what is not touched"
#endif

// Pixels of the huge arrays: a partly empty block of the CPU, and of a warp, is the last one.
constexpr std::int64_t kSmall = 70, kFar = (std::int64_t{1} << 32) + 128 + kSmall;

// Items [first, n) of a functor.
template <class F>
struct From {
  static constexpr bool kWholeWarps = WholeWarps<F>::value;
  F f;
  std::int64_t first;
  HD std::int64_t scratch_bytes() const {
    if constexpr (NeedsScratch<F>::value) return f.scratch_bytes();
    return 0;
  }
  HD void operator()(std::int64_t item, const Scratch& scratch) const { run_item(f, first + item, scratch); }
};

template <class F>
struct CountFrom {
  F f;
  std::int64_t first;
  HD int slots() const { return f.slots(); }
  HD std::uint64_t* total(int slot) const { return f.total(slot); }
  HD void operator()(std::int64_t item, const Counters& counters) const { f(first + item, counters); }
};

// The last items of the two instances.
struct LastOnFibers {
  static constexpr int kLanes = 1;
  std::int64_t items;
};
struct LastOnCpu {
  static constexpr int kLanes = kCpuLanes;
  std::int64_t items;  // blocks of pixels, or pixels, as the operation has it
};
template <class F>
void parallel_for(const LastOnFibers& last, const char* op, std::int64_t n, const F& f) {
  const std::int64_t first = n > last.items ? n - last.items : 0;
  parallel_for(Fibers{}, op, n - first, From<F>{f, first});
}
template <class F>
void parallel_for(const LastOnCpu& last, const char* op, std::int64_t n, const F& f) {
  const std::int64_t first = n > last.items ? n - last.items : 0;
  millesime::parallel_for(Cpu{}, op, n - first, From<F>{f, first});
}

template <class F>
void parallel_count(const LastOnFibers& last, const char* op, std::int64_t n, const F& f) {
  parallel_count(Fibers{}, op, std::min(n, last.items), CountFrom<F>{f, std::max<std::int64_t>(n - last.items, 0)});
}
template <class F>
void parallel_count(const LastOnCpu& last, const char* op, std::int64_t n, const F& f) {
  millesime::parallel_count(Cpu{}, op, std::min(n, last.items), CountFrom<F>{f, std::max<std::int64_t>(n - last.items, 0)});
}

// Numbers of the last kSmall of `pixels` pixels, by plane.
template <class T>
void put_last(FarArray<T>& far, std::int64_t pixels, const std::vector<T>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto plane = static_cast<std::int64_t>(i) / kSmall, pixel = static_cast<std::int64_t>(i) % kSmall;
    far[plane * pixels + pixels - kSmall + pixel] = values[i];
  }
}
template <class T>
std::vector<T> last_of(FarArray<T>& far, std::int64_t pixels, std::int64_t planes) {
  std::vector<T> values;
  for (std::int64_t plane = 0; plane < planes; ++plane)
    for (std::int64_t pixel = 0; pixel < kSmall; ++pixel) values.push_back(far[plane * pixels + pixels - kSmall + pixel]);
  return values;
}

template <class T>
std::vector<T> numbers(std::int64_t n, int low, int high, unsigned seed) {
  std::vector<T> values(static_cast<std::size_t>(n));
  std::uint32_t state = seed * 2654435761u + 1;
  for (T& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<T>(low + static_cast<int>((state >> 8) % static_cast<unsigned>(high - low + 1)));
  }
  return values;
}

// What the last items of both instances come to. An operation over lanes has all the last pixels in one item of the CPU.
constexpr std::int64_t kOneBlock = 1, kEachPixel = kSmall;
template <class Far, class Expected>
void expect_same(std::int64_t cpu_items, const Far& far, const Expected& expected) {
  EXPECT_TRUE(far(LastOnFibers{std::max(cpu_items, kSmall)}) == expected) << "CUDA instance";
  EXPECT_TRUE(far(LastOnCpu{cpu_items}) == expected) << "CPU instance";
}

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
  const auto features = random_features(arrays, kSmall, 4);
  std::vector<std::uint16_t> expected(kSmall * 4);
  ForestArgs args;
  args.forest = packed.view(), args.pixels = kSmall, args.features = features.data(), args.votes = expected.data();
  forest(Device{}, args);
  expect_same(
      kOneBlock,
      [&](const auto& backend) {
        FarArray<float> far(kFar * 7);
        FarArray<std::uint16_t> votes(kFar * 4);
        std::copy(features.begin(), features.end(), far.data() + (kFar - kSmall) * 7);
        ForestArgs huge = args;
        huge.pixels = kFar, huge.features = far.data(), huge.votes = votes.data();
        forest_on(backend, huge);
        return std::vector<std::uint16_t>(votes.data() + (kFar - kSmall) * 4, votes.data() + kFar * 4);
      },
      expected);
}

TEST(FarIndex, DecideAndBlend) {
  constexpr int kClasses = 5, kModels = 2;
  const auto logits = numbers<float>(kSmall * kClasses, -4, 4, 5);
  const auto weights = numbers<float>(kModels * kSmall, 0, 3, 6);
  const auto shares = numbers<float>(kModels * kSmall * kClasses, 0, 1, 7);
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
  std::vector<float> blended(kSmall * kClasses);
  blend(Device{}, {kSmall, kModels, kClasses, shares.data(), weights.data(), blended.data()});
  expect_same(
      kSmall * kClasses,
      [&](const auto& backend) {
        FarArray<float> far_shares(kModels * kFar * kClasses), far_weights(kModels * kFar), out(kFar * kClasses);
        put_last(far_weights, kFar, weights);
        for (int m = 0; m < kModels; ++m)
          std::copy_n(shares.begin() + m * kSmall * kClasses, kSmall * kClasses, far_shares.data() + ((m + 1) * kFar - kSmall) * kClasses);
        blend_on(backend, {kFar, kModels, kClasses, far_shares.data(), far_weights.data(), out.data()});
        return std::vector<float>(out.data() + (kFar - kSmall) * kClasses, out.data() + kFar * kClasses);
      },
      blended);
}

TEST(FarIndex, Maps) {
  constexpr int kMaps = 3;
  const auto labels = numbers<std::uint8_t>(kMaps * kSmall, 0, 3, 8), confidences = numbers<std::uint8_t>(kMaps * kSmall, 0, 100, 9);
  std::vector<std::uint8_t> expected(kSmall);
  FuseMapsArgs args;
  args.pixels = kSmall, args.n_maps = kMaps, args.labels = labels.data(), args.confidences = confidences.data(),
  args.label = expected.data();
  fuse_maps(Device{}, args);
  expect_same(
      kEachPixel,
      [&](const auto& backend) {
        FarArray<std::uint8_t> far(kMaps * kFar), far_confidences(kMaps * kFar), label(kFar);
        put_last(far, kFar, labels);
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

  const auto before = numbers<std::uint8_t>(kSmall, 0, 3, 10);
  std::vector<std::uint8_t> label = before, confidence(kSmall, 50), validity(kSmall, 5);
  std::vector<std::uint16_t> rank(kSmall, 9);
  mosaic_rule(Device{},
              {kSmall, labels.data(), confidences.data(), labels.data(), 4, label.data(), confidence.data(), validity.data(), rank.data()});
  expect_same(
      kEachPixel,
      [&](const auto& backend) {
        FarArray<std::uint8_t> tile(kFar), tile_confidence(kFar), far(kFar), far_confidence(kFar), far_validity(kFar);
        FarArray<std::uint16_t> far_rank(kFar);
        put_last(tile, kFar, std::vector<std::uint8_t>(labels.begin(), labels.begin() + kSmall));
        put_last(tile_confidence, kFar, std::vector<std::uint8_t>(confidences.begin(), confidences.begin() + kSmall));
        put_last(far, kFar, before);
        put_last(far_confidence, kFar, std::vector<std::uint8_t>(kSmall, 50));
        put_last(far_validity, kFar, std::vector<std::uint8_t>(kSmall, 5));
        put_last(far_rank, kFar, std::vector<std::uint16_t>(kSmall, 9));
        mosaic_rule_on(backend, {kFar, tile.data(), tile_confidence.data(), tile.data(), 4, far.data(), far_confidence.data(),
                                 far_validity.data(), far_rank.data()});
        return std::pair(last_of(far, kFar, 1), last_of(far_rank, kFar, 1));
      },
      std::pair(label, rank));
}

TEST(FarIndex, Pack) {
  constexpr int kDates = 2, kBands = 2;
  const auto samples = numbers<std::int16_t>(kDates * kBands * kSmall, 1, 9000, 14);
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
          FarArray<std::int16_t> far(kFar * kDates * kBands);
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

// Components and sieve are of fewer than 2^31 pixels, and refuse more (unit/kernels/regularisation_ops).
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

// A window of more than 2^31 pixels, one band of its own resolution and one of half, and the part of it that its last pixels see.
class FarSeries {
 public:
  static constexpr int kSide = 50000, kHalf = kSide / 2, kDates = 2, kTargets = 2, kCols = 40, kRows = 3;
  static constexpr std::int64_t kPixels = std::int64_t{kSide} * kSide, kHalfPixels = std::int64_t{kHalf} * kHalf;

  FarSeries() : fine_(kPixels * kDates), coarse_(kHalfPixels * kDates), masks_(kPixels * kDates) {
    small_fine_ = numbers<std::int16_t>(kDates * kSmall, 1, 9000, 11);
    small_coarse_ = numbers<std::int16_t>(kDates * kRows * kCols, 1, 9000, 12);
    small_masks_ = numbers<std::uint8_t>(kDates * kSmall, 0, 1, 13);
    put_last(fine_, kPixels, small_fine_);
    put_last(masks_, kPixels, small_masks_);
    for (int d = 0; d < kDates; ++d)
      for (int r = 0; r < kRows; ++r)
        for (int c = 0; c < kCols; ++c)
          coarse_[(std::int64_t{d} * kHalf + kHalf - kRows + r) * kHalf + kHalf - kCols + c] =
              small_coarse_[static_cast<std::size_t>((d * kRows + r) * kCols + c)];
  }
  SeriesView far() { return view(kSide, kSide, fine_.data(), masks_.data(), coarse_.data(), kHalf, kHalf, -0.25, -0.25); }
  SeriesView small() {
    return view(kSmall, 1, small_fine_.data(), small_masks_.data(), small_coarse_.data(), kCols, kRows,
                (kSide - kSmall) * 0.5 - 0.25 - (kHalf - kCols), (kSide - 1) * 0.5 - 0.25 - (kHalf - kRows));
  }

 private:
  SeriesView view(int width, int height, const std::int16_t* fine, const std::uint8_t* masks, const std::int16_t* coarse, int cols,
                  int rows, double col_offset, double row_offset) {
    SeriesView v;
    v.width = width, v.height = height, v.n_dates = kDates, v.n_bands = 2, v.n_groups = 2, v.n_masks = 1;
    v.days = days_, v.masks = masks, v.mask_stride = v.pixels(), v.mask_rules = rules_, v.zero_is_valid[0] = 1;
    v.groups[0] = {fine, 1, width, height, 1, 0, 1, 0};
    v.groups[1] = {coarse, 1, cols, rows, 0.5, col_offset, 0.5, row_offset};
    v.group_of_band[1] = 1;
    return v;
  }

  FarArray<std::int16_t> fine_, coarse_;
  FarArray<std::uint8_t> masks_;
  std::vector<std::int16_t> small_fine_, small_coarse_;
  std::vector<std::uint8_t> small_masks_;
  std::int32_t days_[kDates] = {10, 30};
  std::uint8_t rules_[256] = {};
};

TEST(FarIndex, ValidityAndResampling) {
  FarSeries series;
  constexpr std::int64_t kPixels = FarSeries::kPixels;
  std::vector<std::uint8_t> valid(FarSeries::kDates * kSmall);
  validity(Device{}, {series.small(), valid.data(), nullptr});
  expect_same(
      kOneBlock,
      [&](const auto& backend) {
        FarArray<std::uint8_t> out(kPixels * FarSeries::kDates);
        validity_on(backend, {series.far(), out.data(), nullptr});
        return last_of(out, kPixels, FarSeries::kDates);
      },
      valid);
  for (const Resampling method : {Resampling::nearest, Resampling::bilinear, Resampling::cubic}) {
    std::vector<std::int16_t> samples(FarSeries::kDates * 2 * kSmall);
    resample(Device{}, {series.small(), method, samples.data()});
    expect_same(
        kOneBlock,
        [&](const auto& backend) {
          FarArray<std::int16_t> out(kPixels * FarSeries::kDates * 2);
          resample_on(backend, {series.far(), method, out.data()});
          return last_of(out, kPixels, FarSeries::kDates * 2);
        },
        samples);
  }
}

TEST(FarIndex, Prepare) {
  FarSeries series;
  constexpr std::int64_t kPixels = FarSeries::kPixels;
  const std::vector<std::int32_t> targets = {15, 20};
  PrepareRegularArgs regular;
  regular.n_targets = FarSeries::kTargets, regular.target_days = targets.data(), regular.indices = plan_indices({"NDVI"}, {"B4", "B8"});
  const std::int64_t n = regular.n_targets * 3;
  std::vector<float> features(static_cast<std::size_t>(kSmall * n));
  regular.series = series.small(), regular.features = features.data();
  prepare_regular(Device{}, regular);
  PrepareRawArgs raw;
  std::vector<float> values(kSmall * FarSeries::kDates * 2);
  std::vector<std::uint8_t> valid(kSmall * FarSeries::kDates);
  raw.series = series.small(), raw.values = values.data(), raw.valid = valid.data();
  prepare_raw(Device{}, raw);
  regular.series = raw.series = series.far();
  expect_same(
      kOneBlock,
      [&](const auto& backend) {
        FarArray<float> out(kPixels * n);
        PrepareRegularArgs huge = regular;
        huge.features = out.data();
        prepare_regular_on(backend, huge);
        return std::vector<float>(out.data() + (kPixels - kSmall) * n, out.data() + kPixels * n);
      },
      features);
  expect_same(
      kOneBlock,
      [&](const auto& backend) {
        FarArray<float> out(kPixels * FarSeries::kDates * 2);
        FarArray<std::uint8_t> out_valid(kPixels * FarSeries::kDates);
        PrepareRawArgs huge = raw;
        huge.values = out.data(), huge.valid = out_valid.data();
        prepare_raw_on(backend, huge);
        return std::pair(
            std::vector<float>(out.data() + (kPixels - kSmall) * FarSeries::kDates * 2, out.data() + kPixels * FarSeries::kDates * 2),
            std::vector<std::uint8_t>(out_valid.data() + (kPixels - kSmall) * FarSeries::kDates,
                                      out_valid.data() + kPixels * FarSeries::kDates));
      },
      std::pair(values, valid));
}

TEST(FarIndex, Ltae) {
  FarSeries series;
  constexpr std::int64_t kPixels = FarSeries::kPixels, kClasses = 5, kStatics = 2;
  Ltae network(random_ltae({.features = 2, .statics = kStatics, .classes = kClasses}));
  network.set_dates(random_positions(FarSeries::kDates, 5, 4));
  const std::vector<float> mean(2, 1000.0f), inverse_std(2, 0.001f);
  const auto statics = numbers<float>(kSmall * kStatics, -2, 2, 9);
  std::vector<float> logits(kSmall * kClasses);
  LtaeArgs args;
  args.weights = network.view(), args.dates = network.dates(), args.mean = mean.data(), args.inverse_std = inverse_std.data();
  args.series = series.small(), args.statics = statics.data(), args.logits = logits.data();
  ltae(Device{}, args);
  args.series = series.far();
  expect_same(
      kOneBlock,
      [&](const auto& backend) {
        FarArray<float> far_statics(kPixels * kStatics), out(kPixels * kClasses);
        put_last(far_statics, kPixels, statics);
        LtaeArgs huge = args;
        huge.statics = far_statics.data(), huge.logits = out.data();
        ltae_on(backend, huge);
        return std::vector<float>(out.data() + (kPixels - kSmall) * kClasses, out.data() + kPixels * kClasses);
      },
      logits);
}

// Seeded faults: an index that is counted in 32 bits on its way.

struct CountsIn32Bits {
  const std::int16_t* in;
  std::int16_t* out;
  std::int64_t pixels;
  HD void operator()(std::int64_t pixel) const {
    const auto at = static_cast<std::uint32_t>(pixels + pixel);  // of the second plane
    out[pixel] = in[at];
  }
};
struct CountsIn64Bits {
  const std::int16_t* in;
  std::int16_t* out;
  std::int64_t pixels;
  HD void operator()(std::int64_t pixel) const { out[pixel] = in[pixels + pixel]; }
};
struct CountsInSigned32Bits {
  const std::int16_t* in;
  std::int16_t* out;
  std::int64_t pixels;
  HD void operator()(std::int64_t pixel) const { out[pixel] = in[static_cast<std::int32_t>(pixels + pixel)]; }
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
