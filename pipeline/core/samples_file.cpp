// The working format of Samples: a safetensors file.
//
// Format 1, of one part. Header text "samples": a JSON document
//   {"format": 1, "tile": "T31TCJ", "year": 2021, "seeds": 2, "region_names": [""], "static_names": ["elevation"],
//    "series": [{"source": "sentinel2", "bands": ["B2", ...], "dates": ["2021-01-03", ...], "unit": [0.0001, ...]}],
//    "reference": "...", "notes": ["..."]}                       these two and "unit" where there are some
// Tensors, n = number of samples:
//   label [n] i32            class code                     polygon [n] i64       group, never split between learn and test
//   region [n] i32           index in region_names          split [n, seeds] u8   0 learn, 1 test, 2 both, 3 unused, 4 final
//   x, y [n] f64             map position                   col, row [n] i32      pixel in the tile, -1 for tables
//   longitude, latitude [n] f32   degrees, NaN where not known; not there where no sample has them
//   statics [n, statics] f32 NaN where missing
//   <source>.values [n, dates, bands] i16                   <source>.valid [n, dates] u8
//   <source>.scale [bands] f32                              number = stored number x scale; physical value = number x unit
//
// Format 2, of several parts, whose samples follow each other. Header: instead of "tile", "reference" and "notes"
//   "parts": [{"tile": "T31TCJ", "samples": 1200, "reference": "...", "notes": [...]}, ...]
// and "dates" of a series holds a list of dates for each part. The tensors of a series are those of each part p = 0, 1...:
//   <source>.<p>.values [n of the part, dates of the part, bands], <source>.<p>.valid, <source>.<p>.scale

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <type_traits>

#include <nlohmann/json.hpp>

#include "pipeline/core/band_steps.h"
#include "pipeline/core/error.h"
#include "pipeline/core/json_number.h"
#include "pipeline/core/json_text.h"
#include "pipeline/core/safetensors.h"
#include "pipeline/core/samples.h"

namespace millesime {
namespace {

constexpr int kOnePart = 1, kSeveralParts = 2;  // formats
constexpr const char* kHeader = "samples";
constexpr const char *kLongitude = "longitude", *kLatitude = "latitude";  // tensors that may be lacking

std::vector<std::string> unique_names(const nlohmann::json& list, const std::string& where, const char* what) {
  auto names = list.get<std::vector<std::string>>();
  if (std::set<std::string>(names.begin(), names.end()).size() != names.size())
    throw UserError(join_text(where, ": two ", what, " have the same name"));
  return names;
}

Date parse_date(const std::string& text, const std::string& where) {
  try {
    return Date::parse(text);
  } catch (const UserError& error) {
    throw with_context(where, error);
  }
}

bool may_lack(const std::string_view tensor) { return tensor == kLongitude || tensor == kLatitude; }

// The tensors that every sample of every part has a row in, under their names.
template <class SamplesOrConst, class Visit>
void visit_rows(SamplesOrConst& samples, Visit&& visit) {
  const auto n_statics = static_cast<std::int64_t>(samples.static_names.size());
  visit("label", samples.label, 1, false);
  visit("polygon", samples.polygon, 1, false);
  visit("region", samples.region, 1, false);
  visit("x", samples.x, 1, false);
  visit("y", samples.y, 1, false);
  visit(kLongitude, samples.longitude, 1, false);
  visit(kLatitude, samples.latitude, 1, false);
  visit("col", samples.col, 1, false);
  visit("row", samples.row, 1, false);
  visit("statics", samples.statics, n_statics, true);
  visit("split", samples.split, std::int64_t{samples.n_seeds}, true);
}

std::string tensor_name(const SampleSeries& series, std::size_t part, bool several, const char* what) {
  return several ? join_text(series.source, ".", part, ".", what) : join_text(series.source, ".", what);
}

nlohmann::ordered_json date_list(const SampleSeries& series) {
  auto dates = nlohmann::ordered_json::array();
  for (const Date date : series.dates) dates.push_back(date.iso());
  return dates;
}

void add_optional(nlohmann::ordered_json& entry, const Samples& part) {
  if (!part.reference.empty()) entry["reference"] = part.reference;
  if (!part.notes.empty()) entry["notes"] = part.notes;
}

void require_parts_alike(const std::vector<Samples>& parts) {
  const Samples& first = parts.front();
  for (const Samples& part : parts) {
    check(part);
    MILLESIME_CHECK(part.year == first.year && part.n_seeds == first.n_seeds && part.region_names == first.region_names &&
                        part.static_names == first.static_names && part.series.size() == first.series.size(),
                    "parts that differ");
    for (std::size_t s = 0; s < first.series.size(); ++s)
      MILLESIME_CHECK(part.series[s].source == first.series[s].source && part.series[s].bands == first.series[s].bands,
                      "parts with other series");
  }
}

// All rows of the parts as one Samples without series.
Samples rows_of(const std::vector<Samples>& parts) {
  Samples all;
  all.static_names = parts.front().static_names;
  all.n_seeds = parts.front().n_seeds;
  const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  const bool located = std::ranges::any_of(parts, [](const Samples& part) { return !part.longitude.empty(); });
  const auto append_degrees = [&](Column<float>& to, const Column<float>& from, const Samples& part) {
    append(to, from);
    if (located && from.empty()) to.edit().resize(to.size() + part.label.size(), std::numeric_limits<float>::quiet_NaN());
  };
  for (const Samples& part : parts) {
    append(all.label, part.label);
    append(all.polygon, part.polygon);
    append(all.region, part.region);
    append(all.x, part.x);
    append(all.y, part.y);
    append_degrees(all.longitude, part.longitude, part);
    append_degrees(all.latitude, part.latitude, part);
    append(all.col, part.col);
    append(all.row, part.row);
    append(all.statics, part.statics);
    append(all.split, part.split);
  }
  return all;
}

void take_rows(const Samples& all, std::int64_t first, std::int64_t n, Samples& part) {
  const auto slice = [&](const auto& from, std::int64_t width = 1) {
    if constexpr (requires { from.part(0, 0); })
      return from.part(static_cast<std::size_t>(first * width), static_cast<std::size_t>(n * width));
    else
      return std::decay_t<decltype(from)>(from.begin() + first * width, from.begin() + (first + n) * width);
  };
  part.label = slice(all.label);
  part.polygon = slice(all.polygon);
  part.region = slice(all.region);
  part.x = slice(all.x);
  part.y = slice(all.y);
  if (!all.longitude.empty()) part.longitude = slice(all.longitude), part.latitude = slice(all.latitude);
  part.col = slice(all.col);
  part.row = slice(all.row);
  part.statics = slice(all.statics, static_cast<std::int64_t>(all.static_names.size()));
  part.split = slice(all.split, all.n_seeds);
}

void read_dates(const nlohmann::json& list, const std::string& where, SampleSeries& series) {
  for (const auto& date : list) series.dates.push_back(parse_date(date.get<std::string>(), where));
  if (std::ranges::adjacent_find(series.dates, std::greater_equal{}) != series.dates.end())
    throw UserError(join_text(where, ": the dates of ", series.source, " are not in order"));
}

void read_optional(const nlohmann::json& entry, Samples& part) {
  part.reference = entry.value("reference", "");
  part.notes = entry.value("notes", std::vector<std::string>{});
}

struct Header {
  std::vector<Samples> parts;           // without rows
  std::vector<std::int64_t> n_samples;  // of each part; of one part alone -1, as the tensors say it
};

Header parse_header(const nlohmann::json& header, const std::string& where) {
  const auto format = whole_number<std::int64_t>(header.at("format"));
  if (format != kOnePart && format != kSeveralParts)
    throw UserError(join_text(where, ": format ", format, "; this program reads formats ", kOnePart, " and ", kSeveralParts));
  const bool several = format == kSeveralParts;
  Samples common;
  common.year = whole_number<int>(header.at("year"));
  common.n_seeds = whole_number<int>(header.at("seeds"));
  if (common.n_seeds < 1) throw UserError(join_text(where, ": ", common.n_seeds, " seeds; expected 1 or more"));
  common.region_names = unique_names(header.at("region_names"), where, "regions");
  common.static_names = unique_names(header.at("static_names"), where, "static inputs");
  Header found;
  for (const auto& entry : several ? header.at("parts") : nlohmann::json::array({header})) {
    Samples part = common;
    part.tile = entry.at("tile").get<std::string>();
    read_optional(entry, part);
    found.parts.push_back(std::move(part));
    found.n_samples.push_back(several ? whole_number<std::int64_t>(entry.at("samples")) : -1);
    if (several && found.n_samples.back() < 0) throw UserError(join_text(where, ": a part of ", found.n_samples.back(), " samples"));
  }
  if (found.parts.empty()) throw UserError(where + ": no part");
  std::set<std::string> sources;
  for (const auto& entry : header.at("series")) {
    SampleSeries series;
    series.source = entry.at("source").get<std::string>();
    if (!sources.insert(series.source).second) throw UserError(where + ": two sources are called " + series.source);
    series.bands = unique_names(entry.at("bands"), where, "bands");
    series.unit = entry.value("unit", std::vector<float>());
    if (!series.unit.empty() && series.unit.size() != series.bands.size())
      throw UserError(join_text(where, ": ", series.source, ": ", series.unit.size(), " units of ", series.bands.size(), " bands"));
    for (const float unit : series.unit)
      if (!std::isfinite(unit) || unit < 0)
        throw UserError(join_text(where, ": ", series.source, ": unit ", unit, "; expected a number from 0"));
    const auto& dates = entry.at("dates");
    if (several && dates.size() != found.parts.size())
      throw UserError(join_text(where, ": ", dates.size(), " lists of dates for ", found.parts.size(), " parts"));
    for (std::size_t p = 0; p < found.parts.size(); ++p) {
      SampleSeries own = series;
      read_dates(several ? dates.at(p) : dates, where, own);
      found.parts[p].series.push_back(std::move(own));
    }
  }
  return found;
}

void check_rows(const Samples& samples, const std::string& file) {
  const auto n_regions = static_cast<std::int64_t>(samples.region_names.size());
  const auto each = [](const auto& column, const auto& look) {
    column.scan([&](const auto& piece) {
      for (const auto value : piece) look(value);
    });
  };
  each(samples.region, [&](std::int32_t region) {
    if (region < 0 || region >= n_regions)
      throw UserError(join_text(file, ": tensor \"region\": ", region, "; expected 0 to ", n_regions - 1));
  });
  each(samples.split, [&](std::uint8_t split) {
    if (split >= std::size(kSplits))
      throw UserError(join_text(file, ": tensor \"split\": ", split, "; expected 0 to ", std::size(kSplits) - 1));
  });
  for (const auto& [name, column] : {std::pair("x", &samples.x), std::pair("y", &samples.y)})
    each(*column, [&, axis = name](double position) {
      if (!std::isfinite(position)) throw UserError(join_text(file, ": tensor \"", axis, "\": a position that is not a number"));
    });
  if (samples.longitude.size() != samples.latitude.size())
    throw UserError(join_text(file, ": expected tensors of both ", kLongitude, " and ", kLatitude, ", or neither"));
  for (const auto& [name, column, limit] : {std::tuple(kLongitude, &samples.longitude, 180.0F), {kLatitude, &samples.latitude, 90.0F}})
    each(*column, [&, axis = name, most = limit](float degrees) {
      if (std::abs(degrees) > most)
        throw UserError(join_text(file, ": tensor \"", axis, "\": ", degrees, "; expected -", most, " to ", most));
    });
}

void read_series_tensors(const SafetensorsFile& tensors, const std::string& file, std::int64_t n, std::size_t part, bool several,
                         SampleSeries& series) {
  const auto n_dates = static_cast<std::int64_t>(series.dates.size()), n_bands = static_cast<std::int64_t>(series.bands.size());
  const auto name = [&](const char* what) { return tensor_name(series, part, several, what); };
  series.values = tensors.column<std::int16_t>(name("values"), {n, n_dates, n_bands});
  series.valid = tensors.column<std::uint8_t>(name("valid"), {n, n_dates});
  series.scale = tensors.vector<float>(name("scale"), {n_bands});
  series.valid.scan([&](const auto& piece) {
    for (const std::uint8_t valid : piece)
      if (valid > 1) throw UserError(join_text(file, ": tensor \"", name("valid"), "\": ", valid, "; expected 0 or 1"));
  });
  for (const float scale : series.scale)
    if (!std::isfinite(scale) || scale <= 0)
      throw UserError(join_text(file, ": tensor \"", name("scale"), "\": ", scale, "; expected a positive number"));
}

}  // namespace

void write_samples(const Samples& samples, const std::string& file) { write_parts({samples}, file); }

void write_parts(const std::vector<Samples>& parts, const std::string& file) {
  MILLESIME_CHECK(!parts.empty(), "no part of samples");
  require_parts_alike(parts);
  const bool several = parts.size() > 1;
  const Samples& first = parts.front();
  nlohmann::ordered_json header{{"format", several ? kSeveralParts : kOnePart}};
  if (!several) header["tile"] = first.tile;
  header["year"] = first.year;
  header["seeds"] = first.n_seeds;
  header["region_names"] = first.region_names;
  header["static_names"] = first.static_names;
  if (several) header["parts"] = nlohmann::ordered_json::array();
  header["series"] = nlohmann::ordered_json::array();
  SafetensorsWriter writer;
  const Samples all = several ? rows_of(parts) : Samples{};  // lives until the file is written
  visit_rows(several ? all : first, [&](const char* name, const auto& values, std::int64_t width, bool wide) {
    const std::int64_t n = several ? all.size() : first.size();
    if (may_lack(name) && values.empty()) return;
    const auto shape = wide ? std::vector<std::int64_t>{n, width} : std::vector<std::int64_t>{n};
    if constexpr (requires { values.is_mapped(); })
      writer.add(name, shape, values);
    else
      writer.add(name, shape, values.data());
  });
  for (std::size_t s = 0; s < first.series.size(); ++s) {
    auto dates = nlohmann::ordered_json::array();
    for (std::size_t p = 0; p < parts.size(); ++p) {
      const SampleSeries& series = parts[p].series[s];
      const auto n_dates = static_cast<std::int64_t>(series.dates.size()), n_bands = static_cast<std::int64_t>(series.bands.size());
      writer.add(tensor_name(series, p, several, "values"), {parts[p].size(), n_dates, n_bands}, series.values);
      writer.add(tensor_name(series, p, several, "valid"), {parts[p].size(), n_dates}, series.valid);
      writer.add(tensor_name(series, p, several, "scale"), {n_bands}, series.scale.data());
      dates.push_back(date_list(series));
    }
    header["series"].push_back(
        {{"source", first.series[s].source}, {"bands", first.series[s].bands}, {"dates", several ? dates : dates.front()}});
    for (const Samples& part : parts)
      if (!part.series[s].unit.empty()) header["series"].back()["unit"] = part.series[s].unit;
  }
  if (several)
    for (const Samples& part : parts) {
      nlohmann::ordered_json entry{{"tile", part.tile}, {"samples", part.size()}};
      add_optional(entry, part);
      header["parts"].push_back(std::move(entry));
    }
  else
    add_optional(header, first);
  writer.metadata(kHeader, header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  writer.write(file);
}

std::vector<Samples> read_parts(const std::string& file) {
  const auto tensors = SafetensorsFile::open(file);
  const auto header_text = tensors.metadata().find(kHeader);
  if (header_text == tensors.metadata().end())
    throw UserError(file + ": not a file of samples: its header has no text \"samples\"; `samples import` makes one from a table");
  const std::string where = file + ": header";
  Header header;
  try {
    header = parse_header(nlohmann::json::parse(header_text->second), where);
  } catch (const nlohmann::json::exception& error) {
    throw UserError(join_text(where, ": damaged: ", error.what()));
  }
  auto& parts = header.parts;
  const bool several = header.n_samples.front() >= 0;
  Samples all = parts.front();
  std::int64_t n = -1;  // the first tensor says how many
  visit_rows(all, [&](const char* name, auto& values, std::int64_t width, bool wide) {
    if (may_lack(name) && !tensors.has(name)) return;
    using Values = std::remove_reference_t<decltype(values)>;
    const auto shape = wide ? std::vector<std::int64_t>{n, width} : std::vector<std::int64_t>{n};
    if constexpr (std::is_same_v<Values, Column<typename Values::value_type>>)
      values = tensors.column<typename Values::value_type>(name, shape);
    else
      values = tensors.vector<typename Values::value_type>(name, shape);
    if (n < 0) n = static_cast<std::int64_t>(values.size());
  });
  check_rows(all, file);
  std::int64_t told = 0;
  for (const std::int64_t part : header.n_samples) {
    if (several && part > n - told) throw UserError(join_text(where, ": parts of more than the ", n, " samples of the file"));
    told += part;
  }
  if (several && told != n) throw UserError(join_text(where, ": parts of ", told, " samples, the file has ", n));
  std::int64_t begin = 0;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const std::int64_t count = several ? header.n_samples[p] : n;
    take_rows(all, begin, count, parts[p]);
    for (SampleSeries& series : parts[p].series) read_series_tensors(tensors, file, count, p, several, series);
    tell_units(parts[p]);  // of a file of an older program
    begin += count;
  }
  return std::move(parts);
}

Samples read_samples(const std::string& file) {
  auto parts = read_parts(file);
  if (parts.size() > 1) throw UserError(join_text(file, ": holds the samples of ", parts.size(), " parts (tiles); expected those of one"));
  return std::move(parts.front());
}

}  // namespace millesime
