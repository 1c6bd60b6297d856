// The fused operation equals the composition of the single ones, number by number, and does not depend on the window.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/ops/gap_fill.h"
#include "kernels/ops/indices.h"
#include "kernels/ops/prepare.h"
#include "kernels/ops/validity.h"
#include "pipeline/core/error.h"
#include "tests/support/guarded.h"
#include "tests/support/series_world.h"

namespace millesime::testing {
namespace {

struct Normalisation {
  std::vector<float> mean, inverse_std;
};

Normalisation some_normalisation(int n) {
  Normalisation normalisation;
  for (int i = 0; i < n; ++i) {
    normalisation.mean.push_back(1000.0f + 37.0f * static_cast<float>(i));
    normalisation.inverse_std.push_back(1.0f / (3.0f + 11.0f * static_cast<float>(i)));
  }
  return normalisation;
}

struct Prepared {
  std::vector<float> numbers;
  std::vector<std::uint16_t> bfloat16;  // the same rounded, of regular()
  std::vector<std::uint8_t> valid, count;
  bool operator==(const Prepared&) const = default;
};

struct Case {
  SeriesShape shape;
  Resampling method = Resampling::bilinear;
  bool normalised = true;
  std::vector<std::string> indices = {"NDVI", "NDWI", "Brightness"};
  GapFilling filling = {};
};

std::vector<std::int32_t> targets_of(const Series& series) {
  std::vector<std::int32_t> targets;
  if (series.dates.empty()) return {18000, 18010};
  for (std::int32_t day = series.dates.front().days - 20; day <= series.dates.back().days + 20; day += 10) targets.push_back(day);
  return targets;
}

Prepared fused_regular(const Case& test, const Series& series, const std::vector<std::int32_t>& targets) {
  const HostSeries host(series);
  PrepareRegularArgs args;
  args.series = host.view();
  args.resampling = test.method;
  args.n_targets = static_cast<int>(targets.size());
  args.target_days = targets.data();
  args.indices = plan_indices(test.indices, series.bands);
  args.filling = test.filling;
  const Normalisation normalisation = some_normalisation(args.n_features());
  if (test.normalised) {
    args.mean = normalisation.mean.data();
    args.inverse_std = normalisation.inverse_std.data();
  }
  Guarded<float> features(host.view().pixels() * args.n_targets * args.n_features());
  Guarded<std::uint8_t> count(host.view().pixels());
  args.features = features.data();
  args.count = count.data();
  prepare_regular(Device{}, args);
  features.expect_untouched_bands("features");
  count.expect_untouched_bands("count");
  Guarded<std::uint16_t> rounded(host.view().pixels() * args.n_targets * args.n_features());
  args.features = nullptr;
  args.bfloat16 = reinterpret_cast<Bfloat16*>(rounded.data());
  prepare_regular(Device{}, args);
  rounded.expect_untouched_bands("bfloat16");
  return {features.values(), rounded.values(), {}, count.values()};
}

Prepared fused_raw(const Case& test, const Series& series) {
  const HostSeries host(series);
  PrepareRawArgs args;
  args.series = host.view();
  args.resampling = test.method;
  const Normalisation normalisation = some_normalisation(series.n_bands());
  if (test.normalised) {
    args.mean = normalisation.mean.data();
    args.inverse_std = normalisation.inverse_std.data();
  }
  const std::int64_t observations = host.view().pixels() * series.n_dates();
  Guarded<float> values(observations * series.n_bands());
  Guarded<std::uint8_t> valid(observations), count(host.view().pixels());
  args.values = values.data();
  args.valid = valid.data();
  args.count = count.data();
  prepare_raw(Device{}, args);
  values.expect_untouched_bands("values");
  valid.expect_untouched_bands("valid");
  count.expect_untouched_bands("count");
  return {values.values(), {}, valid.values(), count.values()};
}

struct Parts {
  std::vector<std::int16_t> samples;
  std::vector<std::uint8_t> valid, count;
};

Parts parts_of(const Series& series, Resampling method) {
  const HostSeries host(series);
  const auto observations = series.dates.size() * static_cast<std::size_t>(series.window.pixels());
  Parts parts{std::vector<std::int16_t>(observations * series.bands.size()), std::vector<std::uint8_t>(observations),
              std::vector<std::uint8_t>(static_cast<std::size_t>(series.window.pixels()))};
  resample(Device{}, {host.view(), method, parts.samples.data()});
  validity(Device{}, {host.view(), parts.valid.data(), parts.count.data()});
  return parts;
}

Prepared composed_regular(const Case& test, const Series& series, const std::vector<std::int32_t>& targets) {
  const Parts parts = parts_of(series, test.method);
  const auto pixels = static_cast<std::size_t>(series.window.pixels()), bands = series.bands.size();
  std::vector<std::int32_t> days;
  for (const Date date : series.dates) days.push_back(date.days);
  std::vector<float> filled(targets.size() * bands * pixels);
  GapFillArgs fill;
  fill.pixels = series.window.pixels();
  fill.n_dates = series.n_dates();
  fill.n_bands = series.n_bands();
  fill.n_targets = static_cast<int>(targets.size());
  fill.days = days.data();
  fill.target_days = targets.data();
  fill.samples = parts.samples.data();
  fill.valid = parts.valid.data();
  fill.exact = filled.data();
  fill.filling = test.filling;
  gap_fill(Device{}, fill);

  IndicesArgs index;
  index.pixels = series.window.pixels();
  index.n_dates = fill.n_targets;
  index.n_bands = series.n_bands();
  index.plan = plan_indices(test.indices, series.bands);
  index.exact = filled.data();
  const auto n_indices = static_cast<std::size_t>(index.plan.n);
  std::vector<float> index_values(targets.size() * n_indices * pixels);
  index.values = index_values.data();
  indices(Device{}, index);

  const std::size_t n_features = bands + n_indices;
  const Normalisation normalisation = some_normalisation(static_cast<int>(n_features));
  Prepared out;
  out.count = parts.count;
  for (std::size_t p = 0; p < pixels; ++p) {
    for (std::size_t t = 0; t < targets.size(); ++t) {
      for (std::size_t f = 0; f < n_features; ++f) {
        const float x = f < bands ? filled[(t * bands + f) * pixels + p] : index_values[(t * n_indices + f - bands) * pixels + p];
        out.numbers.push_back(test.normalised ? (x - normalisation.mean[f]) * normalisation.inverse_std[f] : x);
        out.bfloat16.push_back(to_bfloat16(out.numbers.back()).bits);
      }
    }
  }
  return out;
}

Prepared composed_raw(const Case& test, const Series& series) {
  const Parts parts = parts_of(series, test.method);
  const auto pixels = static_cast<std::size_t>(series.window.pixels()), bands = series.bands.size();
  const Normalisation normalisation = some_normalisation(series.n_bands());
  Prepared out;
  out.count = parts.count;
  for (std::size_t p = 0; p < pixels; ++p) {
    for (std::size_t d = 0; d < series.dates.size(); ++d) {
      const bool valid = parts.valid[d * pixels + p] != 0;
      out.valid.push_back(valid);
      for (std::size_t b = 0; b < bands; ++b) {
        const float x = static_cast<float>(parts.samples[(d * bands + b) * pixels + p]);
        out.numbers.push_back(!valid ? 0.0f : (test.normalised ? (x - normalisation.mean[b]) * normalisation.inverse_std[b] : x));
      }
    }
  }
  return out;
}

std::vector<Case> cases() {
  std::vector<Case> list;
  for (const Resampling method : {Resampling::nearest, Resampling::bilinear, Resampling::cubic})
    for (const double cloudy : {0.0, 0.5, 1.0}) list.push_back({{150, 5, 7, cloudy, 0.02, cloudy != 0.5, 3}, method});
  list.push_back({{0, 0, 3, 0.2, 0.0, true, 1}});
  list.push_back({{1, 1, 3, 0.2, 0.0, true, 1}});
  list.push_back({{128, 3, 9, 0.2, 0.0, true, 1}, Resampling::bilinear, false});
  list.push_back({{77, 3, 0, 0.2, 0.0, true, 1}});  // no acquisition
  list.push_back({{77, 3, 1, 0.2, 0.0, true, 1}});
  list.push_back({{77, 3, 5, 0.0, 1.0, true, 1}});                                          // nothing but missing samples
  list.push_back({{70, 2, 5, 0.3, 0.1, true, 1}, Resampling::cubic, true, {}});             // no index
  list.push_back({{512, 33, 4, 0.3, 0.01, true, 9}, Resampling::bilinear, true, {"EVI"}});  // many blocks
  list.push_back({{65, 1, 300, 0.1, 0.0, true, 9}, Resampling::nearest});
  list.push_back({{131, 2, 9, 0.4, 0.0, true, 4}, Resampling::bilinear, true, {"NDVI"}, {FillMethod::linear, 30, 1, true}});  // of format 1
  return list;
}

std::string name_of(const Case& test) {
  return join_text(test.shape.width, " x ", test.shape.height, ", ", test.shape.dates, " dates, cloudy ", test.shape.cloudy, ", method ",
                   static_cast<int>(test.method), ", ", test.indices.size(), " indices");
}

TEST(Prepare, RegularEqualsTheComposition) {
  for (const Case& test : cases()) {
    SCOPED_TRACE(name_of(test));
    const Series series = random_series(test.shape);
    const auto targets = targets_of(series);
    EXPECT_TRUE(fused_regular(test, series, targets) == composed_regular(test, series, targets));
    EXPECT_TRUE(fused_regular(test, series, {}).numbers.empty());
  }
}

TEST(Prepare, RawEqualsTheComposition) {
  for (const Case& test : cases()) {
    SCOPED_TRACE(name_of(test));
    const Series series = random_series(test.shape);
    EXPECT_TRUE(fused_raw(test, series) == composed_raw(test, series));
  }
}

TEST(Prepare, ThreadsDoNotChangeResults) {
  const Case test{{333, 17, 7, 0.4, 0.03, true, 21}};
  const Series series = random_series(test.shape);
  const auto targets = targets_of(series);
  Prepared regular, raw;
  with_threads(1, [&] { regular = fused_regular(test, series, targets), raw = fused_raw(test, series); });
  with_threads(3, [&] {
    EXPECT_TRUE(fused_regular(test, series, targets) == regular);
    EXPECT_TRUE(fused_raw(test, series) == raw);
  });
}

// The part of a series that covers a window of it, as a reader would give it: coarse bands with one pixel of margin.
Series crop(const Series& whole, const Window& window) {
  Series part = whole;
  part.window = window;
  const auto columns = [](const HostNumbers<std::uint8_t>& in, std::size_t planes, int width, int height, const Window& w) {
    HostNumbers<std::uint8_t> out;
    for (std::size_t plane = 0; plane < planes; ++plane)
      for (int r = 0; r < w.height; ++r)
        for (int c = 0; c < w.width; ++c)
          out.push_back(
              in[(plane * static_cast<std::size_t>(height) + static_cast<std::size_t>(w.row + r)) * static_cast<std::size_t>(width) +
                 static_cast<std::size_t>(w.col + c)]);
    return out;
  };
  part.masks = columns(whole.masks, whole.dates.size() * whole.mask_rules.size(), whole.window.width, whole.window.height, window);
  for (BandGroup& group : part.groups) {
    const bool native = group.col_scale == 1;
    const int margin = native ? 0 : 2;  // cubic needs two
    const auto low = [&](double scale, double offset, int at) {
      return std::max(0, static_cast<int>(std::floor(at * scale + offset)) - margin);
    };
    const auto high = [&](double scale, double offset, int at, int size) {
      return std::min(size, static_cast<int>(std::floor(at * scale + offset)) + margin + 1);
    };
    const int left = low(group.col_scale, group.col_offset, window.col),
              right = high(group.col_scale, group.col_offset, window.col + window.width - 1, group.cols);
    const int top = low(group.row_scale, group.row_offset, window.row),
              bottom = high(group.row_scale, group.row_offset, window.row + window.height - 1, group.rows);
    HostNumbers<std::int16_t> samples;
    for (std::size_t plane = 0; plane < whole.dates.size() * group.bands.size(); ++plane)
      for (int r = top; r < bottom; ++r)
        for (int c = left; c < right; ++c)
          samples.push_back(group.samples[(plane * static_cast<std::size_t>(group.rows) + static_cast<std::size_t>(r)) *
                                              static_cast<std::size_t>(group.cols) +
                                          static_cast<std::size_t>(c)]);
    group.samples = std::move(samples);
    group.cols = right - left;
    group.rows = bottom - top;
    group.col_offset += window.col * group.col_scale - left;
    group.row_offset += window.row * group.row_scale - top;
  }
  return part;
}

// Rows of a window on the whole window's arrays, as they are worked on where a device has little memory.
TEST(Prepare, StripsOfRowsDoNotChangeResults) {
  for (const Resampling method : {Resampling::nearest, Resampling::bilinear, Resampling::cubic}) {
    const Series whole = random_series({150, 9, 6, 0.4, 0.05, true, 34});
    const HostSeries host(whole);
    const auto n = static_cast<std::size_t>(host.view().pixels()) * 60;
    std::vector<float> expected(n), got(n);
    std::vector<std::uint8_t> expected_valid(n / 10), valid(n / 10);
    PrepareRawArgs args;
    args.series = host.view(), args.resampling = method, args.values = expected.data(), args.valid = expected_valid.data();
    prepare_raw(Device{}, args);
    for (int first = 0; first < 9; first += 4) {
      args.series = rows_of(host.view(), first, std::min(4, 9 - first));
      args.values = got.data() + std::ptrdiff_t{first} * 150 * 60;
      args.valid = valid.data() + std::ptrdiff_t{first} * 150 * 6;
      prepare_raw(Device{}, args);
    }
    EXPECT_TRUE(got == expected);
    EXPECT_EQ(valid, expected_valid);
  }
}

TEST(Prepare, WindowsDoNotChangeResults) {
  for (const Resampling method : {Resampling::nearest, Resampling::bilinear, Resampling::cubic}) {
    const Case test{{150, 12, 6, 0.4, 0.02, true, 33}, method};
    const Series whole = random_series(test.shape);
    const auto targets = targets_of(whole);
    const Prepared regular = fused_regular(test, whole, targets), raw = fused_raw(test, whole);
    const auto same = [&](const std::vector<float>& all, const std::vector<float>& part, const Window& window) {
      const std::size_t size = all.size() / static_cast<std::size_t>(whole.window.pixels());
      for (int r = 0; r < window.height; ++r)
        for (int c = 0; c < window.width; ++c)
          for (std::size_t i = 0; i < size; ++i) {
            const std::size_t there = static_cast<std::size_t>((window.row + r) * whole.window.width + window.col + c) * size + i;
            const std::size_t here = static_cast<std::size_t>(r * window.width + c) * size + i;
            if (all[there] != part[here]) return false;
          }
      return true;
    };
    for (const Window& window :
         {Window{0, 0, 150, 12}, Window{0, 0, 64, 5}, Window{37, 3, 101, 9}, Window{149, 11, 1, 1}, Window{5, 2, 130, 1}}) {
      SCOPED_TRACE(to_text(window));
      const Series part = crop(whole, window);
      EXPECT_TRUE(same(regular.numbers, fused_regular(test, part, targets).numbers, window));
      EXPECT_TRUE(same(raw.numbers, fused_raw(test, part).numbers, window));
    }
  }
}

TEST(Prepare, APixelWithoutObservationsIsZeroBeforeNormalisation) {
  const Case test{{70, 2, 5, 1.0, 0.0, true, 5}, Resampling::bilinear, false};
  const Series series = random_series(test.shape);
  const Prepared prepared = fused_regular(test, series, targets_of(series));
  for (const float number : prepared.numbers) ASSERT_EQ(number, 0.0f);
  for (const std::uint8_t count : prepared.count) ASSERT_EQ(count, 0);
}

}  // namespace
}  // namespace millesime::testing
