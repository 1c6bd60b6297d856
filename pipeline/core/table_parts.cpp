#include "pipeline/core/table_parts.h"

#include <algorithm>

namespace millesime {
namespace {

template <class Rows>
Rows take(const Rows& from, const std::vector<std::size_t>& rows, std::size_t width = 1) {
  Rows taken;
  for (const std::size_t row : rows)
    for (std::size_t i = 0; i < width; ++i) taken.push_back(from.data()[row * width + i]);
  return taken;
}

SampleSeries take(const SampleSeries& from, const std::vector<std::size_t>& rows, const std::vector<std::size_t>& dates) {
  SampleSeries taken{from.source, from.bands, from.scale, {}, {}, {}, from.unit};
  const std::size_t n_dates = from.dates.size(), n_bands = from.bands.size();
  for (const std::size_t date : dates) taken.dates.push_back(from.dates[date]);
  for (const std::size_t row : rows)
    for (const std::size_t date : dates) {
      const std::size_t at = row * n_dates + date;
      taken.valid.push_back(from.valid[at]);
      for (std::size_t b = 0; b < n_bands; ++b) taken.values.push_back(from.values[at * n_bands + b]);
    }
  return taken;
}

// Which dates of a series the samples of these rows have.
std::vector<std::size_t> dates_of(const SampleSeries& series, const std::vector<std::size_t>& rows, const std::vector<Date>* known) {
  const std::size_t n = series.dates.size();
  std::vector<std::size_t> found;
  for (std::size_t date = 0; date < n; ++date) {
    const bool has = known && std::ranges::find(*known, series.dates[date]) != known->end();
    if (has || std::ranges::any_of(rows, [&](std::size_t row) { return series.valid[row * n + date] != 0; })) found.push_back(date);
  }
  if (found.empty() && n > 0) found.push_back(0);  // a part without any observation keeps a series
  return found;
}

}  // namespace

void TableParts::end_row() {
  const auto [at, is_new] = numbers_.emplace(std::pair(tile_, part_), tiles_.size());
  if (is_new) tiles_.push_back(tile_);
  of_row_.push_back(at->second);
}

std::vector<Samples> TableParts::split(Samples&& samples, const TableFacts* facts) const {
  // Parts were written in their order, so that the n-th that a tile has in the table is the n-th that it has in the facts.
  std::vector<const TableFacts::Part*> known(tiles_.size());
  if (facts) {
    std::map<std::string, std::size_t> met;
    for (std::size_t p = 0; p < tiles_.size(); ++p) {
      std::size_t before = met[tiles_[p]]++;
      for (const TableFacts::Part& part : facts->parts)
        if (part.tile == tiles_[p] && before-- == 0) {
          known[p] = &part;
          break;
        }
    }
  }
  const auto describe = [&](Samples& part, std::size_t p) {
    part.tile = tiles_[p];
    if (known[p]) part.reference = known[p]->reference;
  };
  std::vector<Samples> parts;
  if (tiles_.size() == 1) {
    describe(samples, 0);
    parts.push_back(std::move(samples));
    return parts;
  }
  std::vector<std::vector<std::size_t>> rows(tiles_.size());
  for (std::size_t row = 0; row < of_row_.size(); ++row) rows[of_row_[row]].push_back(row);
  for (std::size_t p = 0; p < tiles_.size(); ++p) {
    Samples part;
    part.year = samples.year, part.static_names = samples.static_names, part.region_names = samples.region_names;
    part.n_seeds = samples.n_seeds;
    describe(part, p);
    const auto mine = [&](const auto& column, std::size_t width = 1) { return take(column, rows[p], width); };
    part.label = mine(samples.label), part.polygon = mine(samples.polygon), part.region = mine(samples.region);
    part.x = mine(samples.x), part.y = mine(samples.y), part.col = mine(samples.col), part.row = mine(samples.row);
    if (!samples.longitude.empty()) part.longitude = mine(samples.longitude), part.latitude = mine(samples.latitude);
    part.statics = mine(samples.statics, samples.static_names.size());
    part.split = mine(samples.split, static_cast<std::size_t>(samples.n_seeds));
    for (const SampleSeries& series : samples.series) {
      const std::vector<Date>* dates = nullptr;
      if (known[p])
        for (std::size_t s = 0; s < facts->sources.size(); ++s)
          if (facts->sources[s].name == series.source) dates = &known[p]->dates[s];
      part.series.push_back(take(series, rows[p], dates_of(series, rows[p], dates)));
    }
    if (p == 0) part.notes = std::move(samples.notes);
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace millesime
