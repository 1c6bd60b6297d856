#include "pipeline/learning/preparation.h"

#include <algorithm>
#include <cmath>

#include "kernels/ops/series_view.h"
#include "pipeline/core/band_steps.h"
#include "pipeline/core/error.h"
#include "pipeline/core/interruption.h"
#include "pipeline/core/series.h"
#include "pipeline/core/text.h"
#include "pipeline/learning/gap_filling.h"

namespace millesime {

Date new_year(const Samples& samples) { return Date::from_ymd(samples.year, 1, 1); }

Date new_year(const Samples& samples, const ModelSpec& spec) {
  const std::vector<int>& season = spec.provenance.season;
  if (season.empty() || samples.series.empty()) return new_year(samples);
  const auto dates_in_season = [&](int year) {
    constexpr int kOrbits = 16;  // days that another year's acquisitions may begin earlier, or end later
    const Date begin = Date::from_ymd(year, 1, 1);
    return std::ranges::count_if(samples.series.front().dates, [&](Date date) {
      return date - begin >= season.front() - kOrbits && date - begin <= season.back() + kOrbits;
    });
  };
  int best = samples.year;
  for (const int other : {samples.year - 1, samples.year + 1})
    if (dates_in_season(other) > 2 * dates_in_season(best)) best = other;
  return Date::from_ymd(best, 1, 1);
}

const SampleSeries* series_of(const SampleSelection& selection, const ModelSpec& spec, std::size_t source) {
  const auto& all = selection.samples->series;
  if (all.empty()) throw UserError(join_text(selection.file, ": the samples have no series"));
  const auto found = std::ranges::find(all, spec.sources[source].name, &SampleSeries::source);
  if (found != all.end()) return &*found;
  return source == 0 ? &all.front() : nullptr;
}

namespace {

constexpr double kMostStored = 32767;

// What stored numbers of each band are multiplied by so that they have the model's step.
std::vector<double> ratios_to(const SourceSpec& source, const Samples& samples, const SampleSeries& from, const std::vector<int>& bands) {
  std::vector<double> ratios;
  const std::vector<float> steps = band_steps(samples, from), own = source.steps();
  for (std::size_t b = 0; b < bands.size(); ++b) {
    const auto step = static_cast<double>(steps[static_cast<std::size_t>(bands[b])]);
    const bool integers = step == 1 && own[b] == kReflectanceStep;  // of a product, in a table whose names of bands do not say it
    ratios.push_back(step > 0 && own[b] > 0 && !integers ? step / static_cast<double>(own[b]) : 1);
  }
  return ratios;
}

std::int16_t brought_to(std::int16_t number, double ratio) {
  if (std::abs(ratio - 1) > 1e-3) number = static_cast<std::int16_t>(std::clamp(std::round(number * ratio), -kMostStored, kMostStored));
  return number == kNodata ? static_cast<std::int16_t>(kNodata + 1) : number;  // a valid number, which kernels must not take for none
}

// Some samples of a file as a window of one row, with the model's bands in the model's order and steps.
Series as_series(const SampleSelection& selection, const SampleSeries& from, const std::vector<int>& bands,
                 const std::vector<double>& ratios, std::int64_t first, std::int64_t count) {
  Series series;
  series.window = Window{0, 0, static_cast<int>(count), 1};
  series.dates = from.dates;
  MaskRule invalid{};
  invalid[1] = 1;
  series.mask_rules = {invalid};
  const auto n = static_cast<std::size_t>(count), n_dates = from.dates.size(), n_bands = bands.size(), stored_bands = from.bands.size();
  BandGroup group;
  group.cols = static_cast<int>(count);
  group.rows = 1;
  group.samples.resize(n_dates * n_bands * n);
  series.masks.resize(n_dates * n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto row = static_cast<std::size_t>(selection.rows[static_cast<std::size_t>(first) + i]);
    for (std::size_t d = 0; d < n_dates; ++d) {
      const bool valid = from.valid[row * n_dates + d] != 0 && !selection.hides(from.dates[d]);
      series.masks[d * n + i] = valid ? 0 : 1;
      for (std::size_t b = 0; b < n_bands; ++b) {
        const std::int16_t number = from.values[(row * n_dates + d) * stored_bands + static_cast<std::size_t>(bands[b])];
        group.samples[(d * n_bands + b) * n + i] = valid ? brought_to(number, ratios[b]) : number;
      }
    }
  }
  for (std::size_t b = 0; b < n_bands; ++b) {
    group.bands.push_back(static_cast<int>(b));
    series.bands.push_back(from.bands[static_cast<std::size_t>(bands[b])]);
  }
  series.groups = {std::move(group)};
  return series;
}

// In another unit most numbers of a band do not fit.
void require_fit(const Series& series, const std::string& file, const SourceSpec& source, const std::vector<double>& ratios) {
  const std::size_t n_dates = series.dates.size(), n_bands = series.bands.size(),
                    n = series.masks.size() / std::max<std::size_t>(1, n_dates);
  for (std::size_t b = 0; b < n_bands; ++b) {
    if (ratios[b] < 1.001) continue;
    std::size_t valid = 0, beyond = 0;
    for (std::size_t at = 0; at < n_dates * n; ++at) {
      if (series.masks[at] != 0) continue;
      const std::int16_t number = series.groups.front().samples[(at / n * n_bands + b) * n + at % n];
      ++valid, beyond += std::abs(static_cast<double>(number)) >= kMostStored;
    }
    const double step = static_cast<double>(source.steps()[b]);
    if (2 * beyond > valid)
      throw UserError(join_text(file, ": numbers of ", source.bands[b], " are mostly beyond ", kMostStored * step,
                                ", the largest that the model reads, in steps of ", step,
                                ": they are in another unit than those that it learned from; bring them to that unit"));
  }
}

}  // namespace

Preparation::Preparation(const ModelSpec& spec, std::size_t source, bool normalised)
    : source_(spec.sources[source]),
      input_(spec.input),
      spec_(spec),
      days_(spec.days_of(source)),
      always_valid_(source == 0),
      normalised_(normalised),
      plan_(plan_indices(source_.indices, source_.bands, source_.step)),
      filling_(gap_filling(spec, source)) {
  for (const float deviation : source_.deviation) inverse_.push_back(1 / deviation);
}

void Preparation::run(const SampleSelection& selection, const SampleSeries& from, const std::vector<int>& bands, std::int64_t first,
                      std::int64_t count, std::vector<float>& values, std::vector<std::uint8_t>& valid) const {
  end_if_requested();
  const std::vector<double> ratios = ratios_to(source_, *selection.samples, from, bands);
  const Series series = as_series(selection, from, bands, ratios, first, count);
  require_fit(series, selection.file, source_, ratios);
  const HostSeries view(series);
  const auto n = static_cast<std::size_t>(count);
  const float* mean = normalised_ ? source_.mean.data() : nullptr;
  const float* inverse = normalised_ ? inverse_.data() : nullptr;
  if (input_ == InputKind::raw) {
    values.resize(n * series.dates.size() * bands.size());
    valid.resize(n * series.dates.size());
    PrepareRawArgs args;
    args.series = view.view(), args.resampling = Resampling::nearest;
    args.mean = mean, args.inverse_std = inverse;
    args.values = values.data(), args.valid = valid.data();
    prepare_raw(Stream(), args);
    return;
  }
  std::vector<std::int32_t> targets;
  for (const int day : days_) targets.push_back((new_year(*selection.samples, spec_) + day).days);
  values.resize(n * days_.size() * static_cast<std::size_t>(source_.features()));
  PrepareRegularArgs args;
  args.series = view.view(), args.resampling = Resampling::nearest, args.indices = plan_, args.filling = filling_;
  args.n_targets = static_cast<int>(targets.size()), args.target_days = targets.data();
  args.mean = mean, args.inverse_std = inverse;
  args.features = values.data();
  std::vector<std::uint8_t> observed(n);
  args.count = observed.data();
  prepare_regular(Stream(), args);
  valid.assign(n * days_.size(), 1);
  const std::size_t numbers = days_.size() * static_cast<std::size_t>(source_.features());
  for (std::size_t i = 0; i < n; ++i) {
    if (observed[i] > 0 || always_valid_) continue;
    std::fill_n(valid.begin() + static_cast<std::ptrdiff_t>(i * days_.size()), days_.size(), 0);
    std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(i * numbers), numbers, 0.0F);
  }
}

}  // namespace millesime
