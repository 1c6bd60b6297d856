#include "pipeline/learning/sample_input.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <utility>

#include "pipeline/core/checksum.h"
#include "pipeline/core/error.h"
#include "pipeline/learning/preparation.h"
#include "pipeline/learning/sample_statics.h"
#include "pipeline/learning/thermal_samples.h"

namespace millesime {
namespace {

constexpr std::int64_t kReadAtOnce = 128;  // samples after which the memory of their pages is given back

// Samples of several files as one table.
class SelectedInput {
 public:
  SelectedInput(const ModelSpec& spec, std::vector<SampleSelection> selections) : spec_(spec), selections_(std::move(selections)) {
    const bool raw = spec_.input == InputKind::raw;
    for (const SampleSelection& selection : selections_) first_.push_back(first_.back() + selection.rows.size());
    for (std::size_t s = 0; s < spec_.sources.size(); ++s) {
      std::size_t dates = raw ? 1 : spec_.days_of(s).size();
      for (const SampleSelection& selection : selections_)
        if (const auto* series = series_of(selection, spec_, s); series && raw) dates = std::max(dates, series->dates.size());
      dates_.push_back(dates);
    }
    for (int k = 0; k < spec_.n_classes(); ++k) index_of_code_[spec_.classes[static_cast<std::size_t>(k)]] = k;
  }

  std::size_t size() const { return first_.back(); }

  std::int64_t bytes_per_sample() const {
    std::int64_t bytes = std::int64_t{4} * spec_.n_statics();
    for (std::size_t s = 0; s < dates_.size(); ++s) bytes += static_cast<std::int64_t>(dates_[s]) * (4 * spec_.sources[s].features() + 5);
    return bytes;
  }

  // Whether no sample lacks a date of any source.
  bool complete() const {
    for (std::size_t s = 0; s < spec_.sources.size(); ++s)
      for (const SampleSelection& selection : selections_) {
        const SampleSeries* series = series_of(selection, spec_, s);
        if (!series || selection.known_until) return false;
        if (spec_.input == InputKind::regular) continue;
        const std::size_t dates = series->dates.size();
        if (dates < dates_[s]) return false;
        for (const auto row : selection.rows)
          if (std::find(series->valid.data() + static_cast<std::size_t>(row) * dates,
                        series->valid.data() + (static_cast<std::size_t>(row) + 1) * dates,
                        0) != series->valid.data() + (static_cast<std::size_t>(row) + 1) * dates)
            return false;
        series->valid.release();
      }
    return true;
  }

  // What the samples are: the files are part of the spec, by their checksums.
  std::string identity() const {
    std::string text;
    for (const SampleSelection& selection : selections_)
      text += join_text("\n", std::filesystem::path(selection.file).filename().string(), " ", selection.samples->tile, " ",
                        selection.samples->size(), " ",
                        xxh3({reinterpret_cast<const char*>(selection.rows.data()), selection.rows.size() * sizeof(std::int64_t)}));
    return text;
  }

  int target_of(const SampleSelection& selection, std::size_t row) const {
    const auto target = index_of_code_.find(selection.samples->label[row]);
    return target == index_of_code_.end() ? -1 : target->second;
  }

  const std::vector<SampleSelection>& selections() const { return selections_; }

  ModelInput read(std::span<const std::int64_t> samples) const {
    ModelInput input;
    for (std::size_t s = 0; s < spec_.sources.size(); ++s) {
      const auto n = samples.size(), dates = dates_[s], features = static_cast<std::size_t>(spec_.sources[s].features());
      InputSeries series{static_cast<int>(dates), static_cast<int>(features), {}, {}, {}};
      series.values.assign(n * dates * features, 0);
      series.valid.assign(n * dates, 0);
      series.days.assign(n * dates, 0);
      if (spec_.thermal) series.calendar.assign(n * dates, 0);
      input.series.push_back(std::move(series));
    }
    input.n_statics = spec_.n_statics();
    input.statics.resize(samples.size() * static_cast<std::size_t>(input.n_statics));
    input.target.resize(samples.size());
    input.group.resize(samples.size());
    for (const auto& [file, places] : by_file(samples)) read_file(selections_[file], first_[file], samples, places, input);
    return input;
  }

 private:
  // Positions in `samples` of those of each selection, in the order of its rows.
  std::map<std::size_t, std::vector<std::size_t>> by_file(std::span<const std::int64_t> samples) const {
    std::map<std::size_t, std::vector<std::size_t>> places;
    for (std::size_t i = 0; i < samples.size(); ++i)
      places[static_cast<std::size_t>(std::ranges::upper_bound(first_, static_cast<std::size_t>(samples[i])) - first_.begin()) - 1]
          .push_back(i);
    for (auto& [file, list] : places) std::ranges::sort(list, {}, [&](std::size_t i) { return samples[i]; });
    return places;
  }

  void read_file(const SampleSelection& selection, std::size_t first_of_file, std::span<const std::int64_t> samples,
                 const std::vector<std::size_t>& places, ModelInput& input) const {
    SampleSelection part{selection.samples, selection.file, {}, selection.known_until};
    for (const std::size_t place : places) part.rows.push_back(selection.rows[static_cast<std::size_t>(samples[place]) - first_of_file]);
    for (std::size_t s = 0; s < spec_.sources.size(); ++s) read_source(s, part, places, input.series[s]);
    const Samples& from = *selection.samples;
    const SampleStatics statics(spec_, from, selection.file);
    std::vector<float> values(spec_.statics.size());
    const bool forest = spec_.architecture == "random_forest";
    for (std::size_t i = 0; i < places.size(); ++i) {
      const auto row = static_cast<std::size_t>(part.rows[i]);
      float* inputs = input.statics.data() + places[i] * static_cast<std::size_t>(input.n_statics);
      statics.read(part.rows[i], values.data());
      for (std::size_t s = 0; s < values.size(); ++s) {
        spec_.statics[s].write(values[s], !forest, inputs);
        inputs += spec_.statics[s].width();
      }
      input.target[places[i]] = target_of(selection, row);
      input.group[places[i]] = from.group_of(part.rows[i]);
    }
    from.statics.release();
  }

  void read_source(std::size_t source, const SampleSelection& part, const std::vector<std::size_t>& places, InputSeries& out) const {
    const SampleSeries* series = series_of(part, spec_, source);
    if (!series) return;  // the samples lack it: no valid date
    const auto bands = spec_.bands_in(series->bands, part.file, static_cast<int>(source));
    const bool raw = spec_.input == InputKind::raw;
    std::vector<float> days;
    const Date begin = new_year(*part.samples, spec_);
    if (raw)
      for (const Date date : series->dates) days.push_back(static_cast<float>(date - begin));
    else
      days.assign(spec_.days_of(source).begin(), spec_.days_of(source).end());
    const auto dates = static_cast<std::size_t>(out.dates), features = static_cast<std::size_t>(out.features);
    const Preparation preparation(spec_, source, true);
    std::vector<float> values;
    std::vector<std::uint8_t> valid;
    const auto n = static_cast<std::int64_t>(part.rows.size());
    for (std::int64_t first = 0; first < n; first += kReadAtOnce) {
      const auto count = static_cast<std::size_t>(std::min(kReadAtOnce, n - first));
      preparation.run(part, *series, bands, first, static_cast<std::int64_t>(count), values, valid);
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t at = places[static_cast<std::size_t>(first) + i] * dates;
        std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(i * days.size() * features), days.size() * features,
                    out.values.begin() + static_cast<std::ptrdiff_t>(at * features));
        std::copy_n(valid.begin() + static_cast<std::ptrdiff_t>(i * days.size()), days.size(),
                    out.valid.begin() + static_cast<std::ptrdiff_t>(at));
        std::ranges::copy(days, (spec_.thermal ? out.calendar : out.days).begin() + static_cast<std::ptrdiff_t>(at));
      }
      if (spec_.thermal) {
        const auto positions = thermal_positions(*spec_.thermal, part, *series, valid, first, static_cast<std::int64_t>(count));
        for (std::size_t i = 0; i < count; ++i)
          std::copy_n(positions.begin() + static_cast<std::ptrdiff_t>(i * days.size()), days.size(),
                      out.days.begin() + static_cast<std::ptrdiff_t>(places[static_cast<std::size_t>(first) + i] * dates));
      }
      series->values.release(), series->valid.release();
    }
  }

  ModelSpec spec_;
  std::vector<SampleSelection> selections_;
  std::vector<std::size_t> first_{0};  // [selection], the number of its first sample; then of all
  std::vector<std::size_t> dates_;     // [source], of the longest series
  std::map<int, int> index_of_code_;
};

}  // namespace

InputTable make_table(const ModelSpec& spec, std::vector<SampleSelection> selections) {
  const auto input = std::make_shared<const SelectedInput>(spec, std::move(selections));
  std::vector<int> target;
  std::vector<std::int64_t> group;
  target.reserve(input->size()), group.reserve(input->size());
  for (const SampleSelection& selection : input->selections())
    for (const auto row : selection.rows) {
      target.push_back(input->target_of(selection, static_cast<std::size_t>(row)));
      group.push_back(selection.samples->group_of(row));
    }
  return {std::move(target), std::move(group),  input->bytes_per_sample(),
          input->complete(), input->identity(), [input](std::span<const std::int64_t> samples) { return input->read(samples); }};
}

ModelInput make_input(const ModelSpec& spec, const std::vector<SampleSelection>& selections) { return make_table(spec, selections).all(); }

}  // namespace millesime
