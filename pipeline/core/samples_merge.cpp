#include <algorithm>
#include <map>
#include <set>

#include "pipeline/core/error.h"
#include "pipeline/core/samples.h"
#include "pipeline/core/series.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

void require_agreement(const Samples& first, const std::string& first_file, const Samples& other, const std::string& file) {
  const auto differ = [&](const std::string& what, const std::string& expected, const std::string& got) {
    throw UserError(join_text(file, ": ", what, " ", got.empty() ? "nothing" : got, ", but ", first_file, " has ",
                              expected.empty() ? "nothing" : expected, "; only samples of one kind can be merged"));
  };
  if (other.year != first.year) differ("year", std::to_string(first.year), std::to_string(other.year));
  if (other.n_seeds != first.n_seeds) differ("number of splits", std::to_string(first.n_seeds), std::to_string(other.n_seeds));
  if (other.static_names != first.static_names)
    differ("static inputs", join_list(first.static_names, ", "), join_list(other.static_names, ", "));
  const auto sources = [](const Samples& samples) {
    std::vector<std::string> names;
    for (const SampleSeries& series : samples.series) names.push_back(series.source + " (" + join_list(series.bands, " ") + ")");
    return join_list(names, ", ");
  };
  if (sources(other) != sources(first)) differ("series", sources(first), sources(other));
  for (std::size_t s = 0; s < first.series.size(); ++s)
    if (other.series[s].scale != first.series[s].scale)
      differ("different scales of the bands of", first.series[s].source, first.series[s].source);
}

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

void append_series(SampleSeries& to, const SampleSeries& from, std::size_t n) {
  const std::size_t bands = to.bands.size(), dates = to.dates.size(), own_dates = from.dates.size();
  std::vector<std::size_t> place;  // of each of its dates
  for (const Date date : from.dates) place.push_back(static_cast<std::size_t>(std::ranges::lower_bound(to.dates, date) - to.dates.begin()));
  const std::size_t first = to.valid.size();
  to.valid.resize(first + n * dates, 0);
  to.values.resize((first + n * dates) * bands, kNodata);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t d = 0; d < own_dates; ++d) {
      const std::size_t target = first + i * dates + place[d], source = i * own_dates + d;
      to.valid[target] = from.valid[source];
      std::copy_n(from.values.begin() + static_cast<std::ptrdiff_t>(source * bands), bands,
                  to.values.begin() + static_cast<std::ptrdiff_t>(target * bands));
    }
}

}  // namespace

Samples merge_samples(const std::vector<std::string>& files) {
  if (files.empty()) throw UserError("no file of samples to merge");
  std::vector<Samples> parts;
  for (const std::string& file : files) {
    parts.push_back(load_samples(file));
    require_agreement(parts.front(), files.front(), parts.back(), file);
  }
  Samples merged;
  const Samples& first = parts.front();
  const bool one_tile = std::ranges::all_of(parts, [&](const Samples& part) { return part.tile == first.tile; });
  merged.tile = one_tile ? first.tile : "";
  merged.year = first.year;
  merged.n_seeds = first.n_seeds;
  merged.static_names = first.static_names;
  std::set<std::string> regions;
  for (const Samples& part : parts) regions.insert(part.region_names.begin(), part.region_names.end());
  merged.region_names.assign(regions.begin(), regions.end());
  for (std::size_t s = 0; s < first.series.size(); ++s) {
    SampleSeries series{first.series[s].source, first.series[s].bands, first.series[s].scale, {}, {}, {}};
    std::set<Date> dates;
    for (const Samples& part : parts) dates.insert(part.series[s].dates.begin(), part.series[s].dates.end());
    series.dates.assign(dates.begin(), dates.end());
    merged.series.push_back(std::move(series));
  }

  std::set<std::int64_t> taken;
  std::int64_t next = 0;
  for (const Samples& part : parts)
    for (const std::int64_t polygon : part.polygon) next = std::max(next, polygon + 1);
  for (Samples& part : parts) {
    std::map<std::int64_t, std::int64_t> number;  // of each of its polygons
    for (std::int64_t& polygon : part.polygon) {
      const auto [at, fresh] = number.emplace(polygon, polygon);
      if (fresh && taken.contains(polygon)) at->second = next++;
      polygon = at->second;
    }
    for (const auto& [own, given] : number) taken.insert(given);
    for (std::int32_t& region : part.region)
      region = static_cast<std::int32_t>(
          std::ranges::lower_bound(merged.region_names, part.region_names[static_cast<std::size_t>(region)]) - merged.region_names.begin());
    append(merged.label, part.label);
    append(merged.polygon, part.polygon);
    append(merged.region, part.region);
    append(merged.x, part.x);
    append(merged.y, part.y);
    append(merged.col, part.col);
    append(merged.row, part.row);
    append(merged.statics, part.statics);
    append(merged.split, part.split);
    for (std::size_t s = 0; s < merged.series.size(); ++s) append_series(merged.series[s], part.series[s], part.label.size());
    part = Samples{};  // its memory is not needed any more
  }
  if (!one_tile) {
    std::ranges::fill(merged.col, -1);
    std::ranges::fill(merged.row, -1);
  }
  return merged;
}

}  // namespace millesime
