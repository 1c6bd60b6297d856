// Completes the specification of a model from its training samples; sample_input.h declares it.

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <set>

#include "kernels/ops/decide.h"
#include "pipeline/core/band_steps.h"
#include "pipeline/core/coordinate_inputs.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/learning/preparation.h"
#include "pipeline/learning/sample_statics.h"

namespace millesime {
namespace {

constexpr std::int64_t kPreparedAtOnce = 8192;  // samples prepared at once
constexpr std::size_t kListed = 10;             // labels named in a message

// The largest magnitude of each band's stored numbers.
std::vector<double> largest_numbers(const SampleSelection& selection, const SampleSeries& series, const std::vector<int>& bands) {
  const std::size_t n_dates = series.dates.size(), n_bands = series.bands.size();
  std::vector<double> largest(bands.size(), 0);
  for (const auto row : selection.rows)
    for (std::size_t at = static_cast<std::size_t>(row) * n_dates, end = at + n_dates; at < end; ++at)
      for (std::size_t b = 0; series.valid[at] && b < bands.size(); ++b)
        largest[b] = std::max(largest[b], std::abs(static_cast<double>(series.values[at * n_bands + static_cast<std::size_t>(bands[b])])));
  series.values.release(), series.valid.release();
  return largest;
}

// The step in which the model keeps its numbers: that of images where the names of the bands say their unit, so that images are read as
// they are; else the finest of the samples. Coarser where the numbers of all do not fit. Bands of which indices are computed have one step,
// unless their units differ.
void fit_steps(ModelSpec& spec, std::size_t source_index, const std::vector<SampleSelection>& selections) {
  SourceSpec& source = spec.sources[source_index];
  source.step.clear(), source.scale.clear();
  struct Part {
    const SampleSelection* selection;
    std::vector<float> step;
    std::vector<double> largest;
    double ratio(std::size_t band, const std::vector<double>& to) const { return static_cast<double>(step[band]) / to[band]; }
  };
  std::vector<Part> parts;
  bool agree = true;
  constexpr double kNone = std::numeric_limits<double>::infinity();
  std::vector<double> chosen(source.bands.size(), kNone), of_images(source.bands.size(), 0), largest(source.bands.size(), 0);
  for (const auto& selection : selections) {
    const SampleSeries* series = series_of(selection, spec, source_index);
    if (!series) continue;
    const auto bands = spec.bands_in(series->bands, selection.file, static_cast<int>(source_index));
    const std::vector<float> steps = band_steps(*selection.samples, *series);
    if (std::ranges::find(steps, 0.0F) != steps.end()) return;  // images in the steps of images
    Part& part = parts.emplace_back(Part{&selection, {}, {}});
    for (std::size_t b = 0; b < bands.size(); ++b) {
      part.step.push_back(steps[static_cast<std::size_t>(bands[b])]);
      of_images[b] = static_cast<double>(image_step(source.bands[b]));
      chosen[b] = std::min(chosen[b], static_cast<double>(part.step[b]));
      agree = agree && part.step[b] == parts.front().step[b] && (of_images[b] == 0 || static_cast<double>(part.step[b]) == of_images[b]) &&
              (source.indices.empty() || of_images[b] > 0 || part.step[b] == part.step.front());
    }
  }
  source.step.assign(chosen.begin(), chosen.end());
  if (agree) return;  // as of images, whose numbers need not be looked at
  for (Part& part : parts) {
    const SampleSeries* series = series_of(*part.selection, spec, source_index);
    part.largest =
        largest_numbers(*part.selection, *series, spec.bands_in(series->bands, part.selection->file, static_cast<int>(source_index)));
    for (std::size_t b = 0; b < largest.size(); ++b) largest[b] = std::max(largest[b], part.largest[b] * static_cast<double>(part.step[b]));
  }
  constexpr double kMostStored = 32767, kFewestSteps = 10, kEnoughSteps = 300;
  for (std::size_t b = 0; b < chosen.size(); ++b) {
    if (of_images[b] > 0 && largest[b] >= kEnoughSteps * of_images[b]) chosen[b] = of_images[b];
    for (const Part& part : parts)
      while (part.ratio(b, chosen) > 1 && std::round(part.largest[b] * part.ratio(b, chosen)) > kMostStored) chosen[b] *= 10;
  }
  if (!source.indices.empty() && std::ranges::adjacent_find(of_images, std::not_equal_to{}) == of_images.end())
    std::ranges::fill(chosen, std::ranges::max(chosen));
  for (std::size_t b = 0; b < chosen.size(); ++b)
    for (const Part& part : parts)
      if (chosen[b] != of_images[b] && part.ratio(b, chosen) < 0.9 && part.largest[b] > 0 &&
          part.largest[b] * part.ratio(b, chosen) < kFewestSteps)
        throw UserError(join_text(part.selection->file, ": numbers of ", source.bands[b], " are at most ",
                                  part.largest[b] * static_cast<double>(part.step[b]), ", those of ",
                                  source.indices.empty() ? "other files" : "other files or bands",
                                  " are so large that hardly a digit is left of them; give all in one unit"));
  source.step.assign(chosen.begin(), chosen.end());
}

// Models of gap-filled input would learn from zeros.
void require_observation(const ModelSpec& spec, std::size_t source, const std::vector<SampleSelection>& selections) {
  std::size_t n = 0;
  for (const auto& selection : selections) {
    const SampleSeries* series = series_of(selection, spec, source);
    const std::size_t n_dates = series ? series->dates.size() : 0;
    for (const auto row : selection.rows)
      for (std::size_t at = static_cast<std::size_t>(row) * n_dates, end = at + n_dates; at < end; ++at)
        if (series->valid[at]) return;
    n += selection.rows.size();
  }
  const SourceSpec& lacking = spec.sources[source];
  throw UserError(join_text(selections.front().file, ": none of the ", n, " samples has a valid observation of ", lacking.name,
                            "; a date is valid where all bands have a number: is a column of ", join_list(lacking.bands, ", "), " empty?"));
}

void fit_normalisation(ModelSpec& spec, std::size_t source_index, const std::vector<SampleSelection>& selections) {
  SourceSpec& source = spec.sources[source_index];
  const auto features = static_cast<std::size_t>(source.features());
  source.mean.assign(features, 0);
  source.deviation.assign(features, 1);
  require_observation(spec, source_index, selections);
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
    for (std::int64_t first = 0; first < n; first += kPreparedAtOnce) {
      preparation.run(selection, *series, bands, first, std::min(kPreparedAtOnce, n - first), values, valid);
      series->values.release(), series->valid.release();
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
  for (std::size_t f = 0; f < features; ++f) {
    const double mean = sum[f] / static_cast<double>(observations);
    const double variance = squares[f] / static_cast<double>(observations) - mean * mean;
    source.mean[f] = static_cast<float>(mean);
    source.deviation[f] = variance > 1e-6 ? static_cast<float>(std::sqrt(variance)) : 1.0f;  // a constant feature
  }
}

// Of a static input. Mean and squares are updated value by value (Welford 1962): a difference of two large sums would hide small
// deviations.
struct StaticNumbers {
  double mean = 0, squares = 0;  // the second: sum of squared distances from the mean
  std::int64_t n = 0;
  std::set<int> codes;  // of a category

  void add(double value) {
    const double before = value - mean;
    mean += before / static_cast<double>(++n);
    squares += before * (value - mean);
  }
  // 1 of a constant: of numbers that differ by no more than float32 rounds, whatever their magnitude.
  double deviation() const {
    const double own = std::sqrt(squares / static_cast<double>(n));
    const auto least = static_cast<double>(std::numeric_limits<float>::epsilon()) * std::abs(mean);
    return own > std::max(least, static_cast<double>(std::numeric_limits<float>::min())) ? own : 1;
  }
};

// Of each static input: the codes that samples have of a category; mean and deviation of a number. Missing everywhere: 0 and 1.
void fit_statics(ModelSpec& spec, const std::vector<SampleSelection>& selections) {
  std::vector<StaticSpec> statics;
  for (const auto& name : selections.front().samples->static_names) statics.push_back({name, 0, 1});
  for (const StaticSpec& known : spec.statics)
    if (is_coordinate(known.name)) statics.push_back({known.name, 0, 1});
  spec.statics = statics;
  std::vector<StaticNumbers> seen(statics.size());
  std::vector<float> values(statics.size());
  for (const auto& selection : selections) {
    const SampleStatics samples(spec, *selection.samples, selection.file);
    for (const auto row : selection.rows) {
      samples.read(row, values.data());
      for (std::size_t s = 0; s < values.size(); ++s) {
        const double value = values[s];
        if (std::isnan(value)) continue;
        if (statics[s].is_category())
          seen[s].codes.insert(static_cast<int>(value));
        else
          seen[s].add(value);
      }
    }
  }
  for (std::size_t s = 0; s < seen.size(); ++s) {
    StaticSpec& known = spec.statics[s];
    if (seen[s].codes.size() > kMaxCategories)
      throw UserError(join_text(selections.front().file, ": ", known.name, " has ", seen[s].codes.size(), " codes; expected at most ",
                                kMaxCategories, "; use a field of groups"));
    known.codes.assign(seen[s].codes.begin(), seen[s].codes.end());
    if (seen[s].n == 0) continue;
    known.mean = static_cast<float>(seen[s].mean);
    known.deviation = static_cast<float>(seen[s].deviation());
  }
}

void fit_classes(ModelSpec& spec, const std::vector<SampleSelection>& selections) {
  std::map<int, std::int64_t> count;
  for (const auto& selection : selections)
    for (const auto row : selection.rows) ++count[selection.samples->label[static_cast<std::size_t>(row)]];
  spec.classes.clear();
  for (const auto& known : spec.nomenclature.classes)
    if (count.erase(known.code) > 0) spec.classes.push_back(known.code);
  if (spec.n_classes() > kMostLabels)
    throw UserError(join_text(selections.front().file, ": ", spec.n_classes(), " classes; expected at most ", kMostLabels,
                              ", labels of maps are bytes; merge classes, or leave some out of the samples"));
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
    fit_steps(spec, s, selections);
    fit_normalisation(spec, s, selections);
  }
}

}  // namespace millesime
