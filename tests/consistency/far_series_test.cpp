// Operations on series, and on the map of a window, of windows with more than 2^32 pixels: see far_index_test.cpp.

#include "tests/support/far_instances.h"

#include <cstdint>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/ops/ltae.impl.h"
#include "kernels/ops/map_values.impl.h"
#include "kernels/ops/prepare.impl.h"
#include "kernels/ops/resample.impl.h"
#include "kernels/ops/validity.impl.h"
#include "tests/support/random_ltae.h"

namespace millesime::testing {
namespace {

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

TEST(FarIndex, MapValues) {
  constexpr int kAcross = 128 * 512 + kSmall, kClasses = 2;
  constexpr std::int64_t kPixels = std::int64_t{kAcross} * kAcross;
  const auto probabilities = numbers<float>(kClasses * kSmall, 0, 1, 5);
  const auto count = numbers<std::uint8_t>(kSmall, 0, 3, 6);
  std::vector<std::uint8_t> place(kSmall), confidence(kSmall), validity(kSmall);
  std::vector<float> exact(kClasses * kSmall);
  MapValuesArgs args;
  args.cols = args.inner_cols = kSmall, args.rows = args.inner_rows = 1, args.n_classes = kClasses, args.smoothed = true;
  args.probabilities = probabilities.data(), args.decidable = args.count = count.data();
  args.place = place.data(), args.confidence = confidence.data(), args.validity = validity.data(), args.exact = exact.data();
  map_values(Device{}, args);
  expect_same(
      kOneBlock,
      [&](const auto& backend) {
        FarArray<float> far(kPixels * kClasses), p(kPixels * kClasses);
        FarArray<std::uint8_t> dates(kPixels), place_of(kPixels), sure(kPixels), seen(kPixels);
        put_last(far, kPixels, probabilities);
        put_last(dates, kPixels, count);
        MapValuesArgs huge = args;
        huge.cols = huge.rows = huge.inner_cols = huge.inner_rows = kAcross;
        huge.probabilities = far.data(), huge.decidable = huge.count = dates.data();
        huge.place = place_of.data(), huge.confidence = sure.data(), huge.validity = seen.data(), huge.exact = p.data();
        map_values_on(backend, huge);
        return std::tuple(last_of(place_of, kPixels, 1), last_of(sure, kPixels, 1), last_of(seen, kPixels, 1),
                          last_of(p, kPixels, kClasses));
      },
      std::tuple(place, confidence, validity, exact));
}

}  // namespace
}  // namespace millesime::testing
