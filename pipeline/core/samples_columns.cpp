#include "pipeline/core/samples_columns.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>

#include "pipeline/core/band_steps.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {

using Role = TableColumn::Role;

namespace {

constexpr int kFirstYear = 1950, kLastYear = 2150;

std::string sensor_of_band(const std::string& band) {
  const float step = image_step(band);
  return step == kDecibelStep ? "sentinel1" : step == kReflectanceStep ? "sentinel2" : "";
}

// Columns that number rows or polygons, or say where they are, by what people and programs call them. A model that reads them knows the
// samples, not the classes.
bool numbers_or_places(const std::string& name) {
  static const std::set<std::string> known{"index",   "id",        "fid",      "ogc_fid", "gid",        "oid",      "objectid", "originfid",
                                           "uid",     "uuid",      "row",      "col",     "rowid",      "row_id",   "pixel",    "pixel_id",
                                           "sample",  "sample_id", "polygon",  "poly_id", "polygon_id", "point_id", "lon",      "lat",
                                           "long",    "longitude", "latitude", "easting", "northing",   "xcoord",   "ycoord",   "x_coord",
                                           "y_coord", "coord_x",   "coord_y",  "point_x", "point_y"};
  const std::string text = lower(name);
  return known.contains(text) || text.starts_with("unnamed:") || text.ends_with("_id") || text.starts_with("id_");
}

bool is_place(const std::string& name) { return name == "longitude" || name == "latitude"; }

struct Band {
  std::string source, name;
  std::set<Date> dates;
};

using BandName = std::pair<std::string, std::string>;  // source as the column says it, band

// Series by source where a column or `facts` names it, else by sensor, then by equal dates. In the order of `facts`; then Sentinel-2,
// Sentinel-1, and others in order of appearance. Where each band is: source, band.
std::map<BandName, std::pair<std::size_t, std::size_t>> make_series(const std::vector<Band>& bands, const TableFacts* facts,
                                                                    const std::string& path, Samples& samples) {
  std::vector<std::string> keys;
  if (facts)
    for (const TableFacts::Source& source : facts->sources) keys.push_back(source.name);
  for (const char* sensor : {"sentinel2", "sentinel1"})
    if (std::ranges::find(keys, sensor) == keys.end()) keys.emplace_back(sensor);
  for (const Band& band : bands)
    if (!band.source.empty() && std::ranges::find(keys, band.source) == keys.end()) keys.push_back(band.source);
  const std::size_t named = keys.size();
  std::vector<std::vector<const Band*>> sources(named);
  std::vector<const std::set<Date>*> dates_of_others;
  for (const Band& band : bands) {
    std::string name = band.source;
    if (const auto* known = facts ? facts->source_of(band.source, band.name) : nullptr) name = known->name;
    if (name.empty()) name = sensor_of_band(band.name);
    if (!name.empty()) {
      sources[static_cast<std::size_t>(std::ranges::find(keys, name) - keys.begin())].push_back(&band);
      continue;
    }
    const auto same = std::ranges::find_if(dates_of_others, [&](const auto* dates) { return *dates == band.dates; });
    const auto number = static_cast<std::size_t>(same - dates_of_others.begin());
    if (same == dates_of_others.end()) {
      dates_of_others.push_back(&band.dates);
      keys.push_back(number == 0 ? "series" : join_text("series_", number + 1));
      sources.emplace_back();
    }
    sources[named + number].push_back(&band);
  }
  std::map<BandName, std::pair<std::size_t, std::size_t>> place;
  for (std::size_t s = 0; s < sources.size(); ++s) {
    if (sources[s].empty()) continue;
    SampleSeries series;
    series.source = keys[s];
    std::set<Date> dates;
    for (const Band* band : sources[s]) {
      place[{band->source, band->name}] = {samples.series.size(), series.bands.size()};
      series.bands.push_back(band->name);
      dates.insert(band->dates.begin(), band->dates.end());
    }
    for (const Band* band : sources[s])
      for (const Date date : dates)
        if (!band->dates.contains(date))
          throw UserError(join_text(
              path, ":1: no column ", band->name, "_", date.compact(), ", although other bands of ", series.source,
              " have that date; an observation needs all its bands: add the column (empty cells are missing) or leave the band out"));
    series.dates.assign(dates.begin(), dates.end());
    series.scale.assign(series.bands.size(), 1.0F);
    if (facts)
      for (const TableFacts::Source& source : facts->sources) {
        if (source.name != series.source) continue;
        if (source.bands == series.bands && source.unit.size() == series.bands.size())
          series.unit = source.unit;
        else if (std::ranges::any_of(series.bands, [](const std::string& band) { return image_step(band) == 0; }))
          series.unit.assign(series.bands.size(), 0);  // of an older program
      }
    samples.series.push_back(std::move(series));
  }
  return place;
}

// Named by the rules, but not there. Of several tables some may lack a column that is to be left out; a slip of the hand is refused.
void check_names(const TableRules& rules, const CsvReader& table) {
  for (const auto* list : {&rules.statics, &rules.ignored})
    for (const std::string& name : *list) {
      if (table.column(name) >= 0 || (list == &rules.statics && name == "all")) continue;
      const std::string near = nearest_name(name, table.columns());
      if (list == &rules.ignored && near.empty()) continue;
      throw UserError(join_text(table.path(), ":1: no column ", name, ", which ", list == &rules.statics ? "static" : "ignore", " names",
                                near.empty() ? "" : "; is \"" + near + "\" it?"));
    }
}

}  // namespace

namespace {

// Of 20210105, 2021-01-05 and 2021005; nothing for another text. UserError for a day that there is not.
std::optional<Date> date_of_column(const std::string& text) {
  const auto has_form = [&](std::string_view form) {
    return text.size() == form.size() &&
           std::ranges::equal(text, form, [](char c, char f) { return f == '#' ? c >= '0' && c <= '9' : c == f; });
  };
  if (has_form("########") || has_form("####-##-##")) {
    const Date date = Date::parse(text);
    if (date.year() < kFirstYear || date.year() > kLastYear)
      throw UserError(join_text(date.iso(), " is no day of a satellite; expected ", kFirstYear, " to ", kLastYear));
    return date;
  }
  if (!has_form("#######")) return std::nullopt;
  const int year = std::stoi(text.substr(0, 4)), day = std::stoi(text.substr(4));
  if (year < kFirstYear || year > kLastYear || day < 1) return std::nullopt;
  const Date date = Date::from_ymd(year, 1, 1) + (day - 1);
  return date.year() == year ? std::optional(date) : std::nullopt;
}

}  // namespace

std::optional<Observation> as_observation(const std::string& name, const std::string& where) {
  const auto underscore = name.rfind('_');
  if (underscore == std::string::npos || underscore == 0) return std::nullopt;
  std::string source, band = name.substr(0, underscore);
  if (const auto colon = band.find(':'); colon != std::string::npos && colon > 0 && colon + 1 < band.size())
    source = band.substr(0, colon), band.erase(0, colon + 1);
  try {
    const auto date = date_of_column(name.substr(underscore + 1));
    return date ? std::optional(Observation{std::move(source), std::move(band), *date}) : std::nullopt;
  } catch (const UserError& error) {
    throw with_context(where, error);
  }
}

void TableRules::declare(Options& options) {
  options.add("static", &statics,
              "tables: static columns to learn from although each sample or polygon has a value of its own (all: whatever they are)");
  options.add("ignore", &ignored, "tables: columns to leave out");
  options.add("missing", &missing,
              "tables: numbers that stand for missing values, e.g. -9999; plain ones are found without it; none: every number is one");
}

TableRules TableRules::for_reading() const {
  TableRules rules = *this;
  if (rules.statics.empty()) rules.statics = {"all"};
  return rules;
}

bool TableRules::takes(const std::string& column) const {
  return std::ranges::find(statics, column) != statics.end() || std::ranges::find(statics, "all") != statics.end();
}

void name_columns(CsvReader& table, const TableRules& rules, const TableFacts* facts) {
  struct Known {
    const char* name;
    std::vector<std::string> spellings;  // in any case
    bool may_be_input;                   // a model may have such a static input: where its list counts, the column keeps its name
  };
  static const std::vector<Known> known = {{"label", {"label"}, false},
                                           {"group", {"group"}, false},
                                           {"split", {"split"}, false},
                                           {"tile", {"tile"}, false},
                                           {"tile_part", {"tile_part"}, false},
                                           {"region", {"region"}, true},
                                           {"x", {"x"}, true},
                                           {"y", {"y"}, true},
                                           {"longitude", {"longitude", "lon", "long"}, true},
                                           {"latitude", {"latitude", "lat"}, true}};
  const auto among = [](const std::vector<std::string>& list, const std::string& name) {
    return std::ranges::find(list, name) != list.end();
  };
  for (const Known& each : known) {
    if (table.column(each.name) >= 0 || (each.may_be_input && among(rules.statics, "all"))) continue;
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < table.columns().size(); ++i)
      if (const std::string& name = table.columns()[i]; among(each.spellings, lower(name)) && !among(rules.statics, name) &&
                                                        !among(rules.ignored, name) && !(facts && among(facts->statics, name)))
        found.push_back(i);
    if (found.size() == 1) table.rename(found.front(), each.name);
  }
}

std::vector<TableColumn> plan_columns(const CsvReader& table, const TableRules& rules, const TableFacts* facts, Samples& samples) {
  const std::vector<std::string>& names = table.columns();
  const std::string header = table.path() + ":1: column ";
  const std::vector<std::string> reserved{"label", "group", "x", "y", "longitude", "latitude", "region", "split", "tile", "tile_part"};
  check_names(rules, table);
  // Whether a column of places is a static input, too: where it is named, or known to be one.
  const auto is_static_place = [&](const std::string& name) {
    const auto among = [&](const std::vector<std::string>& list) { return std::ranges::find(list, name) != list.end(); };
    return among(rules.statics) || (rules.takes(name) && (!facts || among(facts->statics)));
  };
  const auto ignored = [&](const std::string& name) { return std::ranges::find(rules.ignored, name) != rules.ignored.end(); };

  std::vector<std::optional<Observation>> observations;
  std::vector<Band> bands;
  for (const std::string& name : names) {
    observations.push_back(ignored(name) ? std::nullopt : as_observation(name, header + name));
    if (const auto& observation = observations.back()) {
      auto band = std::ranges::find_if(
          bands, [&](const Band& known) { return known.source == observation->source && known.name == observation->band; });
      if (band == bands.end()) band = bands.insert(bands.end(), Band{observation->source, observation->band, {}});
      if (!band->dates.insert(observation->date).second)
        throw UserError(join_text(header, name, ": is a second column of ", band->name, " on ", observation->date.iso(),
                                  "; leave one of them out (--ignore \"", name, "\")"));
    } else if (ignored(name) || rules.takes(name) || std::ranges::find(reserved, name) != reserved.end()) {
      continue;
    } else if (std::ranges::find(reserved, lower(name)) != reserved.end()) {
      throw UserError(join_text(header, name, ": did you mean \"", lower(name), "\"? Columns without date are static inputs"));
    } else if (numbers_or_places(name)) {
      const bool of_polygons = table.column("group") < 0 && lower(name).starts_with("poly");
      throw UserError(join_text(header, name, ": numbers or places the samples, so that a model would learn them by heart; ",
                                of_polygons ? "call it group if it says which samples lie in one polygon, " : "", "leave it out (",
                                "--ignore \"", name, "\"), or name it in --static if it is to be learned from"));
    }
  }
  if (table.column("label") < 0) {
    const std::string near = nearest_name("label", names);
    throw UserError(join_text(table.path(), ":1: no column label", near.empty() ? "" : "; is \"" + near + "\" it?",
                              "; the column of classes must have that name (0 where the class is not known)"));
  }
  if (bands.empty())
    throw UserError(join_text(
        table.path(), ":1: no observations; expected columns <BAND>_<YYYYMMDD> such as B4_20210601 (or B4_2021-06-01, B4_2021152)"));
  for (const auto& [first, second] : {std::pair("x", "y"), {"longitude", "latitude"}}) {
    const auto has = [&](const char* name) { return table.column(name) >= 0 && !ignored(name) && !is_static_place(name); };
    if (has(first) != has(second)) throw UserError(join_text(table.path(), ":1: expected both ", first, " and ", second, ", or neither"));
  }
  const auto place_of_band = make_series(bands, facts, table.path(), samples);

  std::vector<TableColumn> columns;
  std::vector<std::size_t> seeds;
  for (std::size_t i = 0; i < names.size(); ++i) {
    TableColumn column;
    const std::string& name = names[i];
    if (const auto& observation = observations[i]) {
      const auto [source, band] = place_of_band.at({observation->source, observation->band});
      const auto& dates = samples.series[source].dates;
      column.role = Role::observation;
      column.source = source;
      column.band = band;
      column.date = static_cast<std::size_t>(std::ranges::lower_bound(dates, observation->date) - dates.begin());
    } else if (ignored(name)) {
      column.role = Role::ignored;
    } else if (name == "label") {
      column.role = Role::label;
    } else if (name == "group") {
      column.role = Role::group;
    } else if (name == "tile" || name == "tile_part") {
      column.role = name == "tile" ? Role::tile : Role::tile_part;
    } else if (name == "x" || name == "y") {
      column.role = name == "x" ? Role::x : Role::y;
    } else if (name == "region") {
      column.role = Role::region;
    } else if (name == "split" || name.starts_with("split_")) {
      column.role = Role::split;
      if (name != "split") {
        const auto digits = std::string_view(name).substr(6);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), column.index);
        if (error != std::errc{} || end != digits.data() + digits.size() || column.index >= names.size())
          throw UserError(header + name + ": expected split_0, split_1...");
      }
      seeds.push_back(column.index);
    } else if (is_place(name) && !is_static_place(name)) {
      column.role = name == "longitude" ? Role::longitude : Role::latitude;
    } else {
      if (is_place(name)) column.also = name == "longitude" ? Role::longitude : Role::latitude;
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
