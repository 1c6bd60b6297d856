#include "pipeline/core/band_steps.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace millesime {
namespace {

// The mean magnitude of the valid numbers of some bands, in the numbers of the table.
double mean_magnitude(const SampleSeries& series, const std::vector<std::size_t>& bands) {
  const std::size_t n_bands = series.bands.size(), n = series.valid.size();
  constexpr std::size_t kReleased = std::size_t{1} << 20;  // observations after which the memory of their pages is given back
  double sum = 0;
  std::int64_t count = 0;
  for (std::size_t at = 0; at < n; ++at) {
    if (series.valid[at])
      for (const std::size_t b : bands)
        sum += std::abs(static_cast<double>(series.values[at * n_bands + b])) * static_cast<double>(series.scale[b]), ++count;
    if (at % kReleased == kReleased - 1) series.values.release(), series.valid.release();
  }
  series.values.release(), series.valid.release();
  return count > 0 ? sum / static_cast<double>(count) : 0;
}

// What a number of the table is multiplied by to be in the unit of the images' bands.
float unit_of_numbers(const SampleSeries& series, const std::vector<std::size_t>& bands, float step) {
  const bool integers = std::ranges::all_of(bands, [&](std::size_t b) { return series.scale[b] == 1; });
  if (step == kReflectanceStep) {
    if (integers) return kReflectanceStep;
    constexpr double kBrightest = 1.5, kBrightestPercent = 150;  // on average
    const double mean = mean_magnitude(series, bands);
    return mean <= kBrightest ? 1 : mean <= kBrightestPercent ? 0.01F : kReflectanceStep;
  }
  constexpr double kFarthest = 150;  // decibel, on average
  return integers && mean_magnitude(series, bands) > kFarthest ? kDecibelStep : 1;
}

std::vector<float> units_of(const Samples& samples, const SampleSeries& series) {
  std::vector<float> units(series.bands.size(), 1);
  const bool from_images = !samples.col.empty() && samples.col.front() >= 0;
  for (const float step : {kReflectanceStep, kDecibelStep}) {
    std::vector<std::size_t> bands;
    for (std::size_t b = 0; b < units.size(); ++b) {
      const float named = image_step(series.bands[b]);
      if (from_images) units[b] = named;
      if (!from_images && named == step) bands.push_back(b);
    }
    if (bands.empty()) continue;
    const float unit = unit_of_numbers(series, bands, step);
    for (const std::size_t b : bands) units[b] = unit;
  }
  return units;
}

}  // namespace

float image_step(const std::string& band) {
  if (band == "VV" || band == "VH" || band == "HH" || band == "HV") return kDecibelStep;
  std::string digits = band.starts_with('B') ? band.substr(1) : "";
  if (digits.ends_with('A')) digits.pop_back();
  const bool number = !digits.empty() && digits.size() <= 2 && std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  return number ? kReflectanceStep : 0;
}

std::vector<float> band_steps(const Samples& samples, const SampleSeries& series) {
  std::vector<float> steps = series.unit.empty() ? units_of(samples, series) : series.unit;
  for (std::size_t b = 0; b < steps.size(); ++b) steps[b] *= series.scale[b];
  return steps;
}

void tell_units(Samples& samples) {
  for (SampleSeries& series : samples.series)
    if (series.unit.empty()) series.unit = units_of(samples, series);
}

}  // namespace millesime
