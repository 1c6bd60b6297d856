#include "pipeline/learning/importance.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "pipeline/core/accuracy.h"
#include "pipeline/core/chance.h"
#include "pipeline/core/coordinate_inputs.h"
#include "pipeline/core/error.h"
#include "pipeline/core/static_groups.h"
#include "pipeline/learning/prediction.h"

namespace millesime {
namespace {

// The chosen samples of one file, as separate Samples.
Samples copy_rows(const SampleSelection& selection) {
  const Samples& from = *selection.samples;
  Samples out;
  out.tile = from.tile, out.year = from.year, out.n_seeds = 1;
  out.static_names = from.static_names, out.region_names = from.region_names;
  const auto copy = [&](const auto& values, auto& to, std::size_t width) {
    for (const auto row : selection.rows) {
      const auto first = values.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(row) * width);
      to.insert(to.end(), first, first + static_cast<std::ptrdiff_t>(width));
    }
  };
  copy(from.label, out.label, 1), copy(from.polygon, out.polygon, 1), copy(from.region, out.region, 1);
  copy(from.x, out.x, 1), copy(from.y, out.y, 1), copy(from.col, out.col, 1), copy(from.row, out.row, 1);
  if (!from.longitude.empty()) copy(from.longitude, out.longitude, 1), copy(from.latitude, out.latitude, 1);
  copy(from.statics, out.statics, from.static_names.size());
  out.split.assign(out.label.size(), static_cast<std::uint8_t>(Split::test));
  for (const SampleSeries& series : from.series) {
    SampleSeries& s = out.series.emplace_back(SampleSeries{series.source, series.bands, series.scale, series.dates, {}, {}, series.unit});
    copy(series.values, s.values, series.dates.size() * series.bands.size());
    copy(series.valid, s.valid, series.dates.size());
  }
  return out;
}

class Permutation {
 public:
  Permutation(const ModelFile& model, const std::vector<SampleSelection>& selections, std::int64_t seed, const Context& context)
      : model_(model), context_(context), random_(mix(static_cast<std::uint64_t>(seed))) {
    draw(selections);
    accuracy_ = accuracy_of(parts_);
  }

  std::int64_t size() const {
    std::int64_t n = 0;
    for (const Samples& part : parts_) n += part.size();
    return n;
  }
  double accuracy() const { return accuracy_; }
  const std::vector<Samples>& parts() const { return parts_; }

  // `exchange` changes one file's samples, given the order in which they exchange values.
  Importance measure_loss(const std::string& name, const std::string& detail,
                          const std::function<void(Samples&, const Samples&, const std::vector<std::size_t>&)>& exchange) {
    std::vector<double> losses;
    for (int repeat = 0; repeat < kImportanceRepeats; ++repeat) {
      std::vector<Samples> changed = parts_;
      for (std::size_t p = 0; p < parts_.size(); ++p) {
        std::vector<std::size_t> order(parts_[p].label.size());
        for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
        shuffle(order, random_);
        exchange(changed[p], parts_[p], order);
      }
      losses.push_back(accuracy_ - accuracy_of(changed));
    }
    const MeanInterval interval = mean_interval(losses);
    return {name, detail, interval.mean, interval.standard_error * std::sqrt(interval.n)};
  }

 private:
  void draw(const std::vector<SampleSelection>& selections) {
    const std::set<int> known(model_.spec.classes.begin(), model_.spec.classes.end());
    std::vector<std::pair<std::size_t, std::int64_t>> all;
    for (std::size_t s = 0; s < selections.size(); ++s)
      for (const auto row : selections[s].rows)
        if (known.contains(selections[s].samples->label[static_cast<std::size_t>(row)])) all.emplace_back(s, row);
    if (all.empty()) throw UserError("importance: no sample of a class that the model knows");
    shuffle(all, random_);
    all.resize(std::min(all.size(), static_cast<std::size_t>(kImportanceSamples)));
    std::ranges::sort(all);
    for (std::size_t s = 0; s < selections.size(); ++s) {
      SampleSelection part{selections[s].samples, selections[s].file, {}};
      for (const auto& [file, row] : all)
        if (file == s) part.rows.push_back(row);
      if (part.rows.empty()) continue;
      parts_.push_back(copy_rows(part));
      files_.push_back(part.file);
    }
  }

  double accuracy_of(const std::vector<Samples>& parts) const {
    std::int64_t right = 0, total = 0;
    const auto k = static_cast<std::size_t>(model_.spec.n_classes());
    for (std::size_t p = 0; p < parts.size(); ++p) {
      const auto probabilities =
          predict_probabilities(model_, std::vector{select_samples(parts[p], files_[p], SampleUse::all, 0)}, context_);
      for (std::size_t i = 0; i < parts[p].label.size(); ++i) {
        const auto first = probabilities.begin() + static_cast<std::ptrdiff_t>(i * k);
        const auto winner = static_cast<std::size_t>(std::max_element(first, first + static_cast<std::ptrdiff_t>(k)) - first);
        right += model_.spec.classes[winner] == parts[p].label[i];
        ++total;
      }
    }
    return static_cast<double>(right) / static_cast<double>(total);
  }

  const ModelFile& model_;
  const Context& context_;
  std::mt19937_64 random_;
  std::vector<Samples> parts_;
  std::vector<std::string> files_;
  double accuracy_ = 0;
};

// At one date, every valid sample gets `count` numbers, from band `band` on, of the next valid sample in the order.
void hand_over(SampleSeries& to, const SampleSeries& from, const std::vector<std::size_t>& order, std::size_t date, std::size_t band,
               std::size_t count) {
  const std::size_t dates = from.dates.size(), bands = from.bands.size();
  std::vector<std::size_t> valid;
  for (const std::size_t i : order)
    if (from.valid[i * dates + date]) valid.push_back(i);
  for (std::size_t k = 0; k < valid.size(); ++k) {
    const std::size_t source = valid[(k + 1) % valid.size()];
    std::copy_n(from.values.begin() + static_cast<std::ptrdiff_t>((source * dates + date) * bands + band), count,
                to.values.edit().begin() + static_cast<std::ptrdiff_t>((valid[k] * dates + date) * bands + band));
  }
}

// Position of a source of the model in the samples. A single source may have another name there.
std::optional<std::size_t> position_of(const SourceSpec& source, const Samples& samples, bool single) {
  for (std::size_t s = 0; s < samples.series.size(); ++s)
    if (samples.series[s].source == source.name) return s;
  return single && !samples.series.empty() ? std::optional<std::size_t>(0) : std::nullopt;
}

// Gives each sample the value of the next in the order.
void exchange_static(Samples& to, const Samples& from, const std::vector<std::size_t>& order, const std::string& name) {
  const auto next = [&](std::size_t k) { return order[(k + 1) % order.size()]; };
  if (is_coordinate(name)) {
    for (std::size_t k = 0; k < order.size(); ++k)
      to.longitude.edit()[order[k]] = from.longitude[next(k)], to.latitude.edit()[order[k]] = from.latitude[next(k)];
    return;
  }
  const std::size_t n = from.static_names.size();
  const auto s = static_cast<std::size_t>(std::ranges::find(from.static_names, name) - from.static_names.begin());
  for (std::size_t k = 0; k < order.size(); ++k) to.statics.edit()[order[k] * n + s] = from.statics[next(k) * n + s];
}

struct TimeSpan {
  Date first, last;
};

// Each date separately, or equal parts of the time between the first and the last.
std::vector<TimeSpan> time_spans(const std::set<Date>& dates) {
  std::vector<TimeSpan> spans;
  if (dates.size() <= static_cast<std::size_t>(kDatesOfTheirOwn)) {
    for (const Date date : dates) spans.push_back({date, date});
    return spans;
  }
  const int days = *dates.rbegin() - *dates.begin() + 1;
  std::map<int, TimeSpan> parts;
  for (const Date date : dates) {
    const auto [at, fresh] = parts.emplace((date - *dates.begin()) * kTimeSteps / days, TimeSpan{date, date});
    at->second.last = date;
  }
  for (const auto& [part, span] : parts) spans.push_back(span);
  return spans;
}

}  // namespace

Importances permutation_importance(const ModelFile& model, const std::vector<SampleSelection>& selections, std::int64_t seed,
                                   const Context& context) {
  Permutation permutation(model, selections, seed, context);
  Importances out{permutation.accuracy(), permutation.size(), kImportanceRepeats, {}, {}, {}};
  const ModelSpec& spec = model.members.empty() ? model.spec : model.members.front().spec;  // members read the same bands
  std::set<Date> dates;
  std::vector<std::function<void()>> work;
  const bool single = spec.sources.size() == 1;
  for (const SourceSpec& source : spec.sources) {
    for (const Samples& part : permutation.parts())
      if (const auto s = position_of(source, part, single)) dates.insert(part.series[*s].dates.begin(), part.series[*s].dates.end());
    for (const std::string& band : source.bands)
      work.emplace_back([&, band] {
        out.bands.push_back(
            permutation.measure_loss(band, band + " at all dates", [&](Samples& to, const Samples& from, const auto& order) {
              const auto s = position_of(source, from, single);
              if (!s) return;
              const SampleSeries& series = from.series[*s];
              const auto b = static_cast<std::size_t>(std::ranges::find(series.bands, band) - series.bands.begin());
              for (std::size_t d = 0; d < series.dates.size(); ++d) hand_over(to.series[*s], series, order, d, b, 1);
            }));
      });
  }
  std::vector<std::string> statics;
  for (const StaticSpec& entry : spec.statics) statics.push_back(entry.name);
  for (const StaticGroup& group : static_groups(statics))
    work.emplace_back([&, group] {
      out.statics.push_back(permutation.measure_loss(group.name, group.name, [&](Samples& to, const Samples& from, const auto& order) {
        for (std::size_t i = group.first; i < group.first + group.count; ++i) exchange_static(to, from, order, statics[i]);
      }));
    });
  for (const TimeSpan& span : time_spans(dates)) {
    const std::string name = span.first == span.last ? span.first.iso() : span.first.iso() + " to " + span.last.iso();
    work.emplace_back([&, span, name] {
      out.dates.push_back(permutation.measure_loss(name, "all bands of " + name, [&](Samples& to, const Samples& from, const auto& order) {
        for (std::size_t s = 0; s < from.series.size(); ++s)
          for (std::size_t d = 0; d < from.series[s].dates.size(); ++d)
            if (from.series[s].dates[d] >= span.first && from.series[s].dates[d] <= span.last)
              hand_over(to.series[s], from.series[s], order, d, 0, from.series[s].bands.size());
      }));
    });
  }
  context.progress->start("importance", static_cast<std::int64_t>(work.size()), "bands and dates");
  for (const auto& one : work) {
    one();
    context.progress->advance(1);
  }
  context.progress->finish();
  return out;
}

}  // namespace millesime
