#include "pipeline/learning/sample_input.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "kernels/ops/indices.h"
#include "kernels/ops/prepare.h"
#include "kernels/ops/series_view.h"
#include "pipeline/core/error.h"
#include "pipeline/core/series.h"
#include "pipeline/core/text.h"
#include "pipeline/learning/gap_filling.h"

namespace millesime {
namespace {

constexpr std::int64_t kBlock = 8192;  // samples prepared at once
constexpr std::size_t kListed = 10;    // labels named in a message

Date new_year(const Samples& samples) { return Date::from_ymd(samples.year, 1, 1); }

// nullptr: the file has no such series, its samples lack the source. The main source may have another name in the file.
const SampleSeries* series_of(const SampleSelection& selection, const ModelSpec& spec, std::size_t source) {
  const auto& all = selection.samples->series;
  if (all.empty()) throw UserError(join_text(selection.file, ": the samples have no series"));
  const auto found = std::ranges::find(all, spec.sources[source].name, &SampleSeries::source);
  if (found != all.end()) return &*found;
  return source == 0 ? &all.front() : nullptr;
}

// What stored numbers of each band are multiplied by so that they have the model's scale.
std::vector<double> ratios_to(const SourceSpec& source, const SampleSeries& from, const std::vector<int>& bands) {
  std::vector<double> ratios;
  for (std::size_t b = 0; b < bands.size(); ++b)
    ratios.push_back(source.scale.empty() ? 1 : static_cast<double>(from.scale[static_cast<std::size_t>(bands[b])]) / source.scale[b]);
  return ratios;
}

std::int16_t brought_to(std::int16_t number, double ratio) {
  if (std::abs(ratio - 1) > 1e-3) number = static_cast<std::int16_t>(std::clamp(std::round(number * ratio), -32767.0, 32767.0));
  return number == kNodata ? static_cast<std::int16_t>(kNodata + 1) : number;  // a valid number, which kernels must not take for none
}

// Some samples of a file as a window of one row, with the model's bands in the model's order and scale.
Series as_series(const SampleSeries& from, const std::vector<int>& bands, const std::vector<double>& ratios,
                 const std::vector<std::int64_t>& rows, std::int64_t first, std::int64_t count) {
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
    const auto row = static_cast<std::size_t>(rows[static_cast<std::size_t>(first) + i]);
    for (std::size_t d = 0; d < n_dates; ++d) {
      const bool valid = from.valid[row * n_dates + d] != 0;
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

// Applies the kernel that prepares images to samples; without normalisation if `normalised` is false.
class Preparation {
 public:
  Preparation(const ModelSpec& spec, std::size_t source, bool normalised)
      : source_(spec.sources[source]),
        input_(spec.input),
        days_(spec.days),
        normalised_(normalised),
        plan_(plan_indices(source_.indices, source_.bands)),
        filling_(gap_filling(spec.gap_fill)) {
    for (const float deviation : source_.deviation) inverse_.push_back(1 / deviation);
  }

  // Writes `count` samples to values [sample][date][feature] and valid [sample][date] (raw), whose rows have `dates` dates.
  void run(const SampleSelection& selection, const SampleSeries& from, const std::vector<int>& bands, std::int64_t first,
           std::int64_t count, std::vector<float>& values, std::vector<std::uint8_t>& valid) const {
    const Series series = as_series(from, bands, ratios_to(source_, from, bands), selection.rows, first, count);
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
    for (const int day : days_) targets.push_back((new_year(*selection.samples) + day).days);
    values.resize(n * days_.size() * static_cast<std::size_t>(source_.features()));
    PrepareRegularArgs args;
    args.series = view.view(), args.resampling = Resampling::nearest, args.indices = plan_, args.filling = filling_;
    args.n_targets = static_cast<int>(targets.size()), args.target_days = targets.data();
    args.mean = mean, args.inverse_std = inverse;
    args.features = values.data();
    prepare_regular(Stream(), args);
    valid.assign(n * days_.size(), 1);
  }

 private:
  const SourceSpec& source_;
  InputKind input_;
  const std::vector<int>& days_;
  bool normalised_;
  IndexPlan plan_;
  GapFilling filling_;
  std::vector<float> inverse_;
};

// The largest magnitude of each band's stored numbers.
std::vector<double> largest_numbers(const SampleSelection& selection, const SampleSeries& series, const std::vector<int>& bands) {
  const std::size_t n_dates = series.dates.size(), n_bands = series.bands.size();
  std::vector<double> largest(bands.size(), 0);
  for (const auto row : selection.rows)
    for (std::size_t at = static_cast<std::size_t>(row) * n_dates, end = at + n_dates; at < end; ++at)
      for (std::size_t b = 0; series.valid[at] && b < bands.size(); ++b)
        largest[b] = std::max(largest[b], std::abs(static_cast<double>(series.values[at * n_bands + static_cast<std::size_t>(bands[b])])));
  return largest;
}

// Tables keep their numbers with the digits that they have: where they differ, the finest scale that holds the numbers of all. Bands of
// which indices are computed have one scale.
void fit_scale(ModelSpec& spec, std::size_t source_index, const std::vector<SampleSelection>& selections) {
  SourceSpec& source = spec.sources[source_index];
  source.scale.clear();
  if (std::ranges::none_of(selections, [](const SampleSelection& s) { return s.samples->tile.empty(); })) return;  // from images
  struct Part {
    const SampleSelection* selection;
    std::vector<double> scale, largest;
  };
  std::vector<Part> parts;
  std::vector<double> finest(source.bands.size(), std::numeric_limits<double>::infinity());
  for (const auto& selection : selections) {
    const SampleSeries* series = series_of(selection, spec, source_index);
    if (!series) continue;
    const auto bands = spec.bands_in(series->bands, selection.file, static_cast<int>(source_index));
    parts.push_back({&selection, {}, largest_numbers(selection, *series, bands)});
    for (std::size_t b = 0; b < bands.size(); ++b) {
      parts.back().scale.push_back(static_cast<double>(series->scale[static_cast<std::size_t>(bands[b])]));
      finest[b] = std::min(finest[b], parts.back().scale[b]);
    }
  }
  constexpr double kMostStored = 32767, kFewestSteps = 10;
  for (std::size_t b = 0; b < finest.size(); ++b)
    for (const Part& part : parts)
      while (std::round(part.largest[b] * part.scale[b] / finest[b]) > kMostStored) finest[b] *= 10;
  if (!source.indices.empty()) std::ranges::fill(finest, std::ranges::max(finest));
  for (std::size_t b = 0; b < finest.size(); ++b)
    for (const Part& part : parts)
      if (part.scale[b] < 0.9 * finest[b] && part.largest[b] > 0 && part.largest[b] * part.scale[b] / finest[b] < kFewestSteps)
        throw UserError(join_text(part.selection->file, ": numbers of ", source.bands[b], " are at most ", part.largest[b] * part.scale[b],
                                  ", those of ", source.indices.empty() ? "other files" : "other files or bands",
                                  " are so large that hardly a digit is left of them; give all in one unit"));
  source.scale.assign(finest.begin(), finest.end());
}

void fit_normalisation(ModelSpec& spec, std::size_t source_index, const std::vector<SampleSelection>& selections) {
  SourceSpec& source = spec.sources[source_index];
  const auto features = static_cast<std::size_t>(source.features());
  source.mean.assign(features, 0);
  source.deviation.assign(features, 1);
  if (spec.architecture == "random_forest") return;  // thresholds are in the product's numbers
  const Preparation preparation(spec, source_index, false);
  std::vector<double> sum(features, 0), squares(features, 0);
  std::int64_t observations = 0;
  std::vector<float> values;
  std::vector<std::uint8_t> valid;
  for (const auto& selection : selections) {
    const SampleSeries* series = series_of(selection, spec, source_index);
    if (!series) continue;
    const auto bands = spec.bands_in(series->bands, selection.file, static_cast<int>(source_index));
    const auto n = static_cast<std::int64_t>(selection.rows.size());
    for (std::int64_t first = 0; first < n; first += kBlock) {
      preparation.run(selection, *series, bands, first, std::min(kBlock, n - first), values, valid);
      for (std::size_t d = 0; d < valid.size(); ++d) {
        if (!valid[d]) continue;
        ++observations;
        for (std::size_t f = 0; f < features; ++f) {
          const double value = values[d * features + f];
          sum[f] += value;
          squares[f] += value * value;
        }
      }
    }
  }
  if (observations == 0)
    throw UserError(join_text(selections.front().file, ": none of the ", selections.front().rows.size(),
                              " samples has a valid observation of ", source.name));
  for (std::size_t f = 0; f < features; ++f) {
    const double mean = sum[f] / static_cast<double>(observations);
    const double variance = squares[f] / static_cast<double>(observations) - mean * mean;
    source.mean[f] = static_cast<float>(mean);
    source.deviation[f] = variance > 1e-6 ? static_cast<float>(std::sqrt(variance)) : 1.0f;  // a constant feature
  }
}

void fit_statics(ModelSpec& spec, const std::vector<SampleSelection>& selections) {
  spec.statics.clear();
  for (const auto& name : selections.front().samples->static_names) spec.statics.push_back({name, 0, 1});
  for (std::size_t s = 0; s < spec.statics.size(); ++s) {
    double sum = 0, squares = 0;
    std::int64_t n = 0;
    for (const auto& selection : selections) {
      const auto position = static_cast<std::size_t>(spec.statics_in(selection.samples->static_names, selection.file)[s]);
      for (const auto row : selection.rows) {
        const double value = selection.samples->statics[static_cast<std::size_t>(row) * selection.samples->static_names.size() + position];
        if (std::isnan(value)) continue;
        sum += value;
        squares += value * value;
        ++n;
      }
    }
    if (n == 0) continue;  // missing everywhere: read as 0
    const double mean = sum / static_cast<double>(n), variance = squares / static_cast<double>(n) - mean * mean;
    spec.statics[s].mean = static_cast<float>(mean);
    spec.statics[s].deviation = variance > 1e-12 ? static_cast<float>(std::sqrt(variance)) : 1.0f;
  }
}

void fit_classes(ModelSpec& spec, const std::vector<SampleSelection>& selections) {
  std::map<int, std::int64_t> count;
  for (const auto& selection : selections)
    for (const auto row : selection.rows) ++count[selection.samples->label[static_cast<std::size_t>(row)]];
  spec.classes.clear();
  for (const auto& known : spec.nomenclature.classes)
    if (count.erase(known.code) > 0) spec.classes.push_back(known.code);
  if (count.empty()) return;
  std::vector<std::string> unknown;
  for (const auto& [code, n] : count)
    if (unknown.size() < kListed) unknown.push_back(join_text(code, " (", n, " samples)"));
  throw UserError(join_text(selections.front().file, ": ", count.size(), " labels are not in the nomenclature \"", spec.nomenclature.name,
                            "\": ", join_list(unknown, ", "), "; use the nomenclature of the samples, or remove these samples"));
}

}  // namespace

void fit_spec(ModelSpec& spec, const std::vector<SampleSelection>& selections) {
  MILLESIME_CHECK(!selections.empty() && !spec.sources.empty(), selections.size(), " selections, ", spec.sources.size(), " sources");
  for (std::size_t s = 0; s < spec.sources.size(); ++s) {
    const SampleSeries* known = nullptr;
    for (const auto& selection : selections)
      if (!known) known = series_of(selection, spec, s);
    if (!known) throw UserError(join_text(selections.front().file, ": no training sample has the series ", spec.sources[s].name));
    spec.sources[s].name = known->source;
    spec.sources[s].bands = known->bands;
  }
  fit_classes(spec, selections);
  fit_statics(spec, selections);
  for (std::size_t s = 0; s < spec.sources.size(); ++s) {
    fit_scale(spec, s, selections);
    fit_normalisation(spec, s, selections);
  }
}

namespace {

// One source of all selections; samples that lack it have no valid date.
InputSeries read_source(const ModelSpec& spec, std::size_t source, const std::vector<SampleSelection>& selections) {
  const auto features = static_cast<std::size_t>(spec.sources[source].features());
  const bool raw = spec.input == InputKind::raw;
  std::size_t total = 0, dates = raw ? 1 : spec.days.size();
  for (const auto& selection : selections) {
    total += selection.rows.size();
    if (const auto* series = series_of(selection, spec, source); series && raw) dates = std::max(dates, series->dates.size());
  }
  InputSeries out{static_cast<int>(dates), static_cast<int>(features), {}, {}, {}};
  out.values.assign(total * dates * features, 0);
  out.valid.assign(total * dates, 0);
  out.days.assign(total * dates, 0);
  const Preparation preparation(spec, source, true);
  std::vector<float> values;
  std::vector<std::uint8_t> valid;
  std::size_t at = 0;  // sample of the output
  for (const auto& selection : selections) {
    const SampleSeries* series = series_of(selection, spec, source);
    if (!series) {
      at += selection.rows.size();
      continue;
    }
    const auto bands = spec.bands_in(series->bands, selection.file, static_cast<int>(source));
    std::vector<float> days;
    if (raw)
      for (const Date date : series->dates) days.push_back(static_cast<float>(date - new_year(*selection.samples)));
    else
      days.assign(spec.days.begin(), spec.days.end());
    const auto n = static_cast<std::int64_t>(selection.rows.size());
    for (std::int64_t first = 0; first < n; first += kBlock) {
      const auto count = static_cast<std::size_t>(std::min(kBlock, n - first));
      preparation.run(selection, *series, bands, first, static_cast<std::int64_t>(count), values, valid);
      for (std::size_t i = 0; i < count; ++i, ++at) {
        std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(i * days.size() * features), days.size() * features,
                    out.values.begin() + static_cast<std::ptrdiff_t>(at * dates * features));
        std::copy_n(valid.begin() + static_cast<std::ptrdiff_t>(i * days.size()), days.size(),
                    out.valid.begin() + static_cast<std::ptrdiff_t>(at * dates));
        std::copy(days.begin(), days.end(), out.days.begin() + static_cast<std::ptrdiff_t>(at * dates));
      }
    }
  }
  return out;
}

}  // namespace

ModelInput make_input(const ModelSpec& spec, const std::vector<SampleSelection>& selections) {
  ModelInput input;
  for (std::size_t s = 0; s < spec.sources.size(); ++s) input.series.push_back(read_source(spec, s, selections));
  input.n_statics = spec.n_statics();
  std::map<int, int> index_of_code;
  for (int k = 0; k < spec.n_classes(); ++k) index_of_code[spec.classes[static_cast<std::size_t>(k)]] = k;
  const bool forest = spec.architecture == "random_forest";
  for (const auto& selection : selections) {
    const Samples& samples = *selection.samples;
    const auto statics = spec.statics_in(samples.static_names, selection.file);
    for (const auto row_number : selection.rows) {
      const auto row = static_cast<std::size_t>(row_number);
      for (std::size_t s = 0; s < statics.size(); ++s) {
        const float value = samples.statics[row * samples.static_names.size() + static_cast<std::size_t>(statics[s])];
        const StaticSpec& stat = spec.statics[s];
        const float known = std::isnan(value) ? stat.mean : value;
        input.statics.push_back(forest ? known : (known - stat.mean) / stat.deviation);
      }
      const auto target = index_of_code.find(samples.label[row]);
      input.target.push_back(target == index_of_code.end() ? -1 : target->second);
      input.group.push_back(samples.group_of(row_number));
    }
  }
  return input;
}

}  // namespace millesime
