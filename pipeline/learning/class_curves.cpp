#include "pipeline/learning/class_curves.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "kernels/ops/indices.h"
#include "pipeline/core/band_steps.h"
#include "pipeline/core/samples.h"

namespace millesime {
namespace {

struct Sums {
  std::array<double, kCurveSteps> sum{}, squares{};
  std::array<std::int64_t, kCurveSteps> n{};

  void add(std::size_t step, double value) { sum[step] += value, squares[step] += value * value, ++n[step]; }
};

int step_of(const Date& date) { return (date.day_of_year() - 1) * kCurveSteps / 366; }

bool has_bands(const std::vector<std::string>& bands, const std::vector<std::string>& needed) {
  return std::ranges::all_of(needed, [&](const std::string& band) { return std::ranges::find(bands, band) != bands.end(); });
}

// Of these bands; {}: not known, as of images (plan_indices).
std::vector<float> steps_of(const std::vector<std::string>& bands, const Samples& samples, const SampleSeries& series) {
  const std::vector<float> all = band_steps(samples, series);
  std::vector<float> steps;
  for (const std::string& band : bands)
    steps.push_back(all[static_cast<std::size_t>(std::ranges::find(series.bands, band) - series.bands.begin())]);
  if (std::ranges::find(steps, 0.0F) != steps.end()) steps.clear();
  return steps;
}

void add_series(const SampleSeries& series, const Samples& samples, const std::vector<std::string>& needed, std::map<int, Sums>& classes) {
  IndicesArgs args;
  args.pixels = samples.size();
  args.n_dates = 1;
  args.n_bands = static_cast<int>(needed.size());
  args.plan = plan_indices({"NDVI"}, needed, steps_of(needed, samples, series));
  const auto n = static_cast<std::size_t>(samples.size()), n_dates = series.dates.size(), n_bands = series.bands.size();
  std::vector<std::int16_t> planes(needed.size() * n);  // [band][sample] of one date
  std::vector<float> ndvi(n);
  args.samples = planes.data();
  args.values = ndvi.data();

  for (std::size_t date = 0; date < n_dates; ++date) {
    if (series.dates[date].year() != samples.year) continue;  // the part of the time grid outside the year
    for (std::size_t b = 0; b < needed.size(); ++b) {
      const auto band = static_cast<std::size_t>(std::ranges::find(series.bands, needed[b]) - series.bands.begin());
      for (std::size_t i = 0; i < n; ++i) planes[b * n + i] = series.values[(i * n_dates + date) * n_bands + band];
    }
    indices(Stream{}, args);
    const auto step = static_cast<std::size_t>(step_of(series.dates[date]));
    for (std::size_t i = 0; i < n; ++i) {
      if (!series.valid[i * n_dates + date] || samples.label[i] == 0) continue;
      classes[samples.label[i]].add(step, ndvi[i]);
    }
  }
}

std::vector<std::string> ndvi_bands() { return std::ranges::find(known_indices(), "NDVI", &IndexInfo::name)->bands; }

void add_ndvi(const Samples& samples, std::map<int, Sums>& classes) {
  if (samples.size() == 0) return;
  for (const SampleSeries& series : samples.series)
    if (has_bands(series.bands, ndvi_bands())) add_series(series, samples, ndvi_bands(), classes);
}

void add_band(const Samples& samples, const std::string& band, std::map<int, Sums>& classes) {
  for (const SampleSeries& series : samples.series) {
    const auto b = static_cast<std::size_t>(std::ranges::find(series.bands, band) - series.bands.begin());
    if (b == series.bands.size()) continue;
    const std::size_t n_dates = series.dates.size(), n_bands = series.bands.size();
    for (std::size_t date = 0; date < n_dates; ++date) {
      if (series.dates[date].year() != samples.year) continue;
      const auto step = static_cast<std::size_t>(step_of(series.dates[date]));
      for (std::size_t i = 0; i < samples.label.size(); ++i) {
        if (!series.valid[i * n_dates + date] || samples.label[i] == 0) continue;
        classes[samples.label[i]].add(step, static_cast<double>(series.values[(i * n_dates + date) * n_bands + b]) * series.scale[b]);
      }
    }
    return;  // only the first source that has it
  }
}

std::vector<ClassCurve> curves_of(const std::map<int, Sums>& classes) {
  std::vector<ClassCurve> curves;
  for (const auto& [code, sums] : classes) {
    ClassCurve curve{code, {}};
    for (std::size_t step = 0; step < kCurveSteps; ++step) {
      const auto n = static_cast<double>(sums.n[step]);
      if (sums.n[step] == 0) continue;
      const double mean = sums.sum[step] / n;
      curve.steps[step] = {mean, std::sqrt(std::max(0.0, sums.squares[step] / n - mean * mean)), sums.n[step]};
    }
    curves.push_back(curve);
  }
  return curves;
}

}  // namespace

std::vector<ClassCurve> ndvi_curves(const std::vector<std::string>& sample_files) {
  std::map<int, Sums> classes;
  for (const std::string& file : sample_files)
    for (const Samples& part : load_parts(file)) add_ndvi(part, classes);
  return curves_of(classes);
}

std::vector<ClassCurve> ndvi_curves(const std::vector<const Samples*>& samples) {
  std::map<int, Sums> classes;
  for (const Samples* part : samples) add_ndvi(*part, classes);
  return curves_of(classes);
}

std::vector<ClassCurve> band_curves(const std::vector<const Samples*>& samples, const std::string& band) {
  std::map<int, Sums> classes;
  for (const Samples* part : samples) add_band(*part, band, classes);
  return curves_of(classes);
}

}  // namespace millesime
