#include "pipeline/core/samples_columns.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

struct Observation {  // a column name such as B4_20210601
  std::string band;
  Date date;
};

std::optional<Observation> as_observation(const std::string& name, const std::string& where) {
  const auto underscore = name.rfind('_');
  if (underscore == std::string::npos || underscore == 0 || name.size() - underscore != 9) return std::nullopt;
  const std::string digits = name.substr(underscore + 1);
  if (!std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  try {
    return Observation{name.substr(0, underscore), Date::parse(digits)};
  } catch (const UserError& error) {
    throw with_context(where, error);
  }
}

std::string sensor_of_band(const std::string& band) {
  static const std::set<std::string> radar{"VV", "VH", "HH", "HV"};
  if (radar.contains(band)) return "sentinel1";
  std::string_view digits = band;
  if (!digits.starts_with('B')) return "";
  digits.remove_prefix(1);
  if (digits.ends_with('A')) digits.remove_suffix(1);
  const bool number = !digits.empty() && digits.size() <= 2 && std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  return number ? "sentinel2" : "";
}

}  // namespace

std::vector<SampleColumn> plan_columns(const CsvReader& table, Samples& samples) {
  struct Band {
    std::string name;
    std::set<Date> dates;
  };
  const std::vector<std::string>& names = table.columns();
  const std::string header = table.path() + ":1: column ";
  const std::vector<std::string> reserved{"label", "group", "x", "y", "region", "split"};

  std::vector<std::optional<Observation>> observations;
  std::vector<Band> bands;
  for (const std::string& name : names) {
    observations.push_back(as_observation(name, header + name));
    if (const auto& observation = observations.back()) {
      auto band = std::ranges::find(bands, observation->band, &Band::name);
      if (band == bands.end()) band = bands.insert(bands.end(), Band{observation->band, {}});
      band->dates.insert(observation->date);
    } else if (std::ranges::find(reserved, name) == reserved.end() && std::ranges::find(reserved, lower(name)) != reserved.end()) {
      throw UserError(join_text(header, name, ": did you mean \"", lower(name), "\"? Columns without date are static inputs"));
    }
  }
  if (table.column("label") < 0) {
    const std::string near = nearest_name("label", names);
    throw UserError(join_text(table.path(), ":1: no column label", near.empty() ? "" : "; is \"" + near + "\" it?",
                              " (write 0 where it is not known)"));
  }
  if (bands.empty())
    throw UserError(join_text(table.path(), ":1: no observations; expected columns <BAND>_<YYYYMMDD> such as B4_20210601"));
  if ((table.column("x") < 0) != (table.column("y") < 0)) throw UserError(table.path() + ":1: expected both x and y, or neither");

  // Sources: by sensor, then by equal dates; Sentinel-2 first, Sentinel-1 second, others in order of appearance.
  std::vector<std::string> keys{"sentinel2", "sentinel1"};
  std::vector<std::vector<const Band*>> sources(2);
  std::vector<const std::set<Date>*> dates_of_others;
  for (const Band& band : bands) {
    const std::string sensor = sensor_of_band(band.name);
    if (!sensor.empty()) {
      sources[sensor == "sentinel2" ? 0 : 1].push_back(&band);
      continue;
    }
    const auto same = std::ranges::find_if(dates_of_others, [&](const auto* dates) { return *dates == band.dates; });
    const auto number = static_cast<std::size_t>(same - dates_of_others.begin());
    if (same == dates_of_others.end()) {
      dates_of_others.push_back(&band.dates);
      keys.push_back(number == 0 ? "series" : join_text("series_", number + 1));
      sources.emplace_back();
    }
    sources[2 + number].push_back(&band);
  }
  std::map<std::string, std::pair<std::size_t, std::size_t>> place_of_band;  // source, band
  for (std::size_t s = 0; s < sources.size(); ++s) {
    if (sources[s].empty()) continue;
    SampleSeries series;
    series.source = keys[s];
    std::set<Date> dates;
    for (const Band* band : sources[s]) {
      place_of_band[band->name] = {samples.series.size(), series.bands.size()};
      series.bands.push_back(band->name);
      dates.insert(band->dates.begin(), band->dates.end());
    }
    for (const Band* band : sources[s])
      for (const Date date : dates)
        if (!band->dates.contains(date))
          throw UserError(join_text(
              table.path(), ":1: no column ", band->name, "_", date.compact(), ", although other bands of ", series.source,
              " have that date; an observation needs all its bands: add the column (empty cells are missing) or leave the band out"));
    series.dates.assign(dates.begin(), dates.end());
    series.scale.assign(series.bands.size(), 1.0F);
    samples.series.push_back(std::move(series));
  }

  std::vector<SampleColumn> columns;
  std::vector<std::size_t> seeds;
  for (std::size_t i = 0; i < names.size(); ++i) {
    SampleColumn column;
    const std::string& name = names[i];
    if (const auto& observation = observations[i]) {
      const auto [source, band] = place_of_band.at(observation->band);
      const auto& dates = samples.series[source].dates;
      column = {ColumnRole::observation, source, band,
                static_cast<std::size_t>(std::ranges::lower_bound(dates, observation->date) - dates.begin()), 0};
    } else if (name == "label") {
      column.role = ColumnRole::label;
    } else if (name == "group") {
      column.role = ColumnRole::group;
    } else if (name == "x" || name == "y") {
      column.role = name == "x" ? ColumnRole::x : ColumnRole::y;
    } else if (name == "region") {
      column.role = ColumnRole::region;
    } else if (name == "split" || name.starts_with("split_")) {
      column.role = ColumnRole::split;
      if (name != "split") {
        const auto digits = std::string_view(name).substr(6);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), column.index);
        if (error != std::errc{} || end != digits.data() + digits.size() || column.index >= names.size())
          throw UserError(header + name + ": expected split_0, split_1...");
      }
      seeds.push_back(column.index);
    } else {
      column.index = samples.static_names.size();
      samples.static_names.push_back(name);
    }
    columns.push_back(column);
  }
  std::ranges::sort(seeds);
  for (std::size_t i = 0; i < seeds.size(); ++i)
    if (seeds[i] != i) throw UserError(join_text(table.path(), ":1: expected one column split, or split_0, split_1... without gaps"));
  samples.n_seeds = std::max(1, static_cast<int>(seeds.size()));
  return columns;
}

}  // namespace millesime
