#include "tests/support/series_world.h"
#include "pipeline/core/mask_rules.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace millesime::testing {

namespace {

// Any of the bits makes a pixel invalid.
MaskRule invalid_where_set(std::uint8_t bits) {
  MaskRule invalid{};
  for (std::size_t value = 0; value < invalid.size(); ++value) invalid[value] = (value & bits) != 0 ? 1 : 0;
  return invalid;
}

BandGroup random_group(std::vector<int> bands, int cols, int rows, int dates, double missing, std::mt19937& random) {
  BandGroup group;
  group.bands = std::move(bands);
  group.cols = cols;
  group.rows = rows;
  std::uniform_int_distribution<int> value(-200, 12000);
  std::uniform_real_distribution<double> chance(0, 1);
  group.samples.resize(static_cast<std::size_t>(dates) * group.bands.size() * static_cast<std::size_t>(cols) *
                       static_cast<std::size_t>(rows));
  for (auto& sample : group.samples) sample = static_cast<std::int16_t>(chance(random) < missing ? kNodata : value(random));
  return group;
}

int clamped(long i, int n) { return static_cast<int>(std::clamp<long>(i, 0, n - 1)); }

// Keys' cubic convolution with a = -1/2 as the paper writes it (eq. 4), at distance s.
double keys(double s) {
  s = std::fabs(s);
  if (s < 1) return 1.5 * s * s * s - 2.5 * s * s + 1;
  if (s < 2) return -0.5 * s * s * s + 2.5 * s * s - 4 * s + 2;
  return 0;
}

}  // namespace

Series random_series(const SeriesShape& shape) {
  std::mt19937 random(shape.seed);
  std::uniform_real_distribution<double> chance(0, 1);
  Series series;
  series.window = {3, 4, shape.width, shape.height};
  Date day = Date::from_ymd(2021, 1, 3);
  for (int d = 0; d < shape.dates; ++d) {
    series.dates.push_back(day);
    day = day + static_cast<int>(5 + random() % 20);
  }
  series.bands = kTestBands;
  series.groups.push_back(random_group({0, 1, 2, 6}, shape.width, shape.height, shape.dates, shape.missing, random));
  BandGroup half = random_group({3, 4, 5, 7, 8, 9}, shape.width / 2 + 2, shape.height / 2 + 2, shape.dates, shape.missing, random);
  half.col_scale = half.row_scale = 0.5;
  half.col_offset = 0.75;  // the window begins in the middle of a coarse pixel, one of which is margin
  half.row_offset = 0.25;
  series.groups.push_back(std::move(half));
  series.mask_rules = shape.simple_masks
                          ? std::vector<MaskRule>(3, only_zero_is_valid())
                          : std::vector<MaskRule>{only_valid({2, 4, 5, 6, 7, 11}), only_valid({2, 3, 4}), invalid_where_set(0b10100100)};
  const double clear_plane = std::pow(1 - shape.cloudy, 1.0 / 3);
  series.masks.resize(static_cast<std::size_t>(shape.dates) * 3 * static_cast<std::size_t>(series.window.pixels()));
  const auto pixels = static_cast<std::size_t>(series.window.pixels());
  std::vector<std::uint8_t> values[3][2];  // that each rule takes as valid and as invalid
  for (std::size_t rule = 0; rule < 3; ++rule)
    for (int value = 0; value < 256; ++value) {
      const auto mask = static_cast<std::uint8_t>(value);
      values[rule][series.mask_rules[rule][mask] != 0 ? 1 : 0].push_back(mask);
    }
  for (std::size_t i = 0; i < series.masks.size(); ++i) {
    const std::vector<std::uint8_t>& of = values[i / pixels % 3][chance(random) >= clear_plane ? 1 : 0];
    series.masks[i] = of[random() % of.size()];
  }
  return series;
}

std::vector<std::int16_t> expected_samples(const Series& series, Resampling method) {
  const int width = series.window.width, height = series.window.height;
  std::vector<std::int16_t> out;
  for (int d = 0; d < series.n_dates(); ++d) {
    for (int b = 0; b < series.n_bands(); ++b) {
      const BandGroup* group = nullptr;
      std::size_t position = 0;
      for (const BandGroup& g : series.groups)
        for (std::size_t i = 0; i < g.bands.size(); ++i)
          if (g.bands[i] == b) group = &g, position = i;
      const auto at = [&](long col, long row) {
        const std::size_t plane = static_cast<std::size_t>(d) * group->bands.size() + position;
        return group->samples[(plane * static_cast<std::size_t>(group->rows) + static_cast<std::size_t>(clamped(row, group->rows))) *
                                  static_cast<std::size_t>(group->cols) +
                              static_cast<std::size_t>(clamped(col, group->cols))];
      };
      for (int r = 0; r < height; ++r) {
        for (int c = 0; c < width; ++c) {
          const double x = std::floor((c * group->col_scale + group->col_offset) * 65536 + 0.5) / 65536;
          const double y = std::floor((r * group->row_scale + group->row_offset) * 65536 + 0.5) / 65536;
          const std::int16_t nearest = at(static_cast<long>(std::floor(x + 0.5)), static_cast<long>(std::floor(y + 0.5)));
          if (nearest == kNodata || method == Resampling::nearest) {
            out.push_back(nearest);
            continue;
          }
          const long left = static_cast<long>(std::floor(x)), top = static_cast<long>(std::floor(y));
          bool whole = true;
          for (long i = left - 1; i <= left + 2; ++i)
            for (long j = top - 1; j <= top + 2; ++j) whole = whole && at(i, j) != kNodata;
          const bool bilinear = method == Resampling::bilinear || !whole;
          const int reach = bilinear ? 1 : 2;
          double sum = 0, weight = 0;
          for (long i = left - reach + 1; i <= left + reach; ++i) {
            for (long j = top - reach + 1; j <= top + reach; ++j) {
              if (at(i, j) == kNodata) continue;
              const double w = bilinear ? (1 - std::fabs(x - static_cast<double>(i))) * (1 - std::fabs(y - static_cast<double>(j)))
                                        : keys(x - static_cast<double>(i)) * keys(y - static_cast<double>(j));
              sum += w * at(i, j);
              weight += w;
            }
          }
          out.push_back(static_cast<std::int16_t>(std::round(sum / weight)));
        }
      }
    }
  }
  return out;
}

std::vector<std::uint8_t> expected_validity(const Series& series) {
  const auto samples = expected_samples(series, Resampling::nearest);
  const auto pixels = static_cast<std::size_t>(series.window.pixels());
  const auto bands = series.bands.size(), planes = series.mask_rules.size();
  std::vector<std::uint8_t> valid(series.dates.size() * pixels, 1);
  for (std::size_t d = 0; d < series.dates.size(); ++d) {
    for (std::size_t p = 0; p < pixels; ++p) {
      for (std::size_t plane = 0; plane < planes; ++plane)
        if (series.mask_rules[plane][series.masks[(d * planes + plane) * pixels + p]]) valid[d * pixels + p] = 0;
      for (std::size_t b = 0; b < bands; ++b)
        if (samples[(d * bands + b) * pixels + p] == kNodata) valid[d * pixels + p] = 0;
    }
  }
  return valid;
}

std::vector<std::int16_t> expected_fill(const std::vector<std::int32_t>& days, const std::vector<std::int32_t>& targets, int n_bands,
                                        std::int64_t n_pixels, const std::vector<std::int16_t>& samples,
                                        const std::vector<std::uint8_t>& valid) {
  const auto bands = static_cast<std::size_t>(n_bands), pixels = static_cast<std::size_t>(n_pixels);
  std::vector<std::int16_t> out(targets.size() * bands * pixels);
  for (std::size_t p = 0; p < pixels; ++p) {
    for (std::size_t t = 0; t < targets.size(); ++t) {
      std::ptrdiff_t before = -1, after = -1;
      for (std::size_t d = 0; d < days.size(); ++d) {
        if (!valid[d * pixels + p]) continue;
        if (days[d] <= targets[t])
          before = static_cast<std::ptrdiff_t>(d);
        else if (after < 0)
          after = static_cast<std::ptrdiff_t>(d);
      }
      for (std::size_t b = 0; b < bands; ++b) {
        const auto value = [&](std::ptrdiff_t d) { return samples[(static_cast<std::size_t>(d) * bands + b) * pixels + p]; };
        std::int16_t& filled = out[(t * bands + b) * pixels + p];
        if (before < 0 && after < 0)
          filled = 0;
        else if (before < 0)
          filled = value(after);
        else if (after < 0)
          filled = value(before);
        else {
          const auto first = days[static_cast<std::size_t>(before)], last = days[static_cast<std::size_t>(after)];
          const float share = static_cast<float>(targets[t] - first) / static_cast<float>(last - first);
          const float exact = static_cast<float>(value(before)) + share * static_cast<float>(value(after) - value(before));
          filled = static_cast<std::int16_t>(std::lround(exact));
        }
      }
    }
  }
  return out;
}

}  // namespace millesime::testing
