// The working format of Samples: a safetensors file.
//
// Header text "samples": a JSON document
//   {"format": 1, "tile": "T31TCJ", "year": 2021, "seeds": 2, "region_names": [""], "static_names": ["elevation"],
//    "series": [{"source": "sentinel2", "bands": ["B2", ...], "dates": ["2021-01-03", ...]}]}
// Tensors, n = number of samples:
//   label [n] i32            class code                     polygon [n] i64       group, never split between learn and test
//   region [n] i32           index in region_names          split [n, seeds] u8   0 learn, 1 test, 2 both, 3 unused
//   x, y [n] f64             map position                   col, row [n] i32      pixel in the tile, -1 for tables
//   statics [n, statics] f32 NaN where missing
//   <source>.values [n, dates, bands] i16                   <source>.valid [n, dates] u8
//   <source>.scale [bands] f32                              physical value = stored number x scale

#include <algorithm>
#include <cmath>
#include <set>

#include <nlohmann/json.hpp>

#include "pipeline/core/error.h"
#include "pipeline/core/safetensors.h"
#include "pipeline/core/samples.h"

namespace millesime {
namespace {

constexpr int kFormat = 1;
constexpr const char* kHeader = "samples";

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

}  // namespace

void write_samples(const Samples& samples, const std::string& file) {
  check(samples);
  const std::int64_t n = samples.size();
  nlohmann::ordered_json header{{"format", kFormat},
                                {"tile", samples.tile},
                                {"year", samples.year},
                                {"seeds", samples.n_seeds},
                                {"region_names", samples.region_names},
                                {"static_names", samples.static_names},
                                {"series", nlohmann::ordered_json::array()}};
  SafetensorsWriter writer;
  writer.add("label", {n}, samples.label.data());
  writer.add("polygon", {n}, samples.polygon.data());
  writer.add("region", {n}, samples.region.data());
  writer.add("x", {n}, samples.x.data());
  writer.add("y", {n}, samples.y.data());
  writer.add("col", {n}, samples.col.data());
  writer.add("row", {n}, samples.row.data());
  writer.add("statics", {n, static_cast<std::int64_t>(samples.static_names.size())}, samples.statics.data());
  writer.add("split", {n, samples.n_seeds}, samples.split.data());
  for (const SampleSeries& series : samples.series) {
    std::vector<std::string> dates;
    for (const Date date : series.dates) dates.push_back(date.iso());
    header["series"].push_back({{"source", series.source}, {"bands", series.bands}, {"dates", dates}});
    const auto n_dates = static_cast<std::int64_t>(series.dates.size()), n_bands = static_cast<std::int64_t>(series.bands.size());
    writer.add(series.source + ".values", {n, n_dates, n_bands}, series.values.data());
    writer.add(series.source + ".valid", {n, n_dates}, series.valid.data());
    writer.add(series.source + ".scale", {n_bands}, series.scale.data());
  }
  writer.metadata(kHeader, header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  writer.write(file);
}

Samples read_samples(const std::string& file) {
  const auto tensors = SafetensorsFile::open(file);
  const auto header_text = tensors.metadata().find(kHeader);
  if (header_text == tensors.metadata().end())
    throw UserError(file + ": not a file of samples: its header has no text \"samples\"; `samples import` makes one from a table");
  const std::string where = file + ": header";
  Samples samples;
  try {
    const auto header = nlohmann::json::parse(header_text->second);
    if (const auto format = header.at("format").get<std::int64_t>(); format != kFormat)
      throw UserError(join_text(where, ": format ", format, "; this program reads format ", kFormat));
    samples.tile = header.at("tile").get<std::string>();
    samples.year = header.at("year").get<int>();
    samples.n_seeds = header.at("seeds").get<int>();
    samples.region_names = unique_names(header.at("region_names"), where, "regions");
    samples.static_names = unique_names(header.at("static_names"), where, "static inputs");
    std::set<std::string> sources;
    for (const auto& entry : header.at("series")) {
      SampleSeries series;
      series.source = entry.at("source").get<std::string>();
      if (!sources.insert(series.source).second) throw UserError(where + ": two sources are called " + series.source);
      series.bands = unique_names(entry.at("bands"), where, "bands");
      for (const auto& date : entry.at("dates")) series.dates.push_back(parse_date(date.get<std::string>(), where));
      if (std::ranges::adjacent_find(series.dates, std::greater_equal{}) != series.dates.end())
        throw UserError(join_text(where, ": the dates of ", series.source, " are not in order"));
      samples.series.push_back(std::move(series));
    }
  } catch (const nlohmann::json::exception& error) {
    throw UserError(join_text(where, ": damaged: ", error.what()));
  }
  if (samples.n_seeds < 1) throw UserError(join_text(where, ": ", samples.n_seeds, " seeds; expected 1 or more"));

  samples.label = tensors.vector<std::int32_t>("label", {-1});
  const std::int64_t n = samples.size();
  samples.polygon = tensors.vector<std::int64_t>("polygon", {n});
  samples.region = tensors.vector<std::int32_t>("region", {n});
  samples.x = tensors.vector<double>("x", {n});
  samples.y = tensors.vector<double>("y", {n});
  samples.col = tensors.vector<std::int32_t>("col", {n});
  samples.row = tensors.vector<std::int32_t>("row", {n});
  samples.statics = tensors.vector<float>("statics", {n, static_cast<std::int64_t>(samples.static_names.size())});
  samples.split = tensors.vector<std::uint8_t>("split", {n, samples.n_seeds});

  const auto n_regions = static_cast<std::int64_t>(samples.region_names.size());
  for (const std::int32_t region : samples.region)
    if (region < 0 || region >= n_regions)
      throw UserError(join_text(file, ": tensor \"region\": ", region, "; expected 0 to ", n_regions - 1));
  for (const std::uint8_t split : samples.split)
    if (split > static_cast<std::uint8_t>(Split::unused))
      throw UserError(join_text(file, ": tensor \"split\": ", split, "; expected 0 to 3"));
  for (const double position : samples.x)
    if (!std::isfinite(position)) throw UserError(file + ": tensor \"x\": a position that is not a number");
  for (const double position : samples.y)
    if (!std::isfinite(position)) throw UserError(file + ": tensor \"y\": a position that is not a number");

  for (SampleSeries& series : samples.series) {
    const auto n_dates = static_cast<std::int64_t>(series.dates.size()), n_bands = static_cast<std::int64_t>(series.bands.size());
    series.values = tensors.vector<std::int16_t>(series.source + ".values", {n, n_dates, n_bands});
    series.valid = tensors.vector<std::uint8_t>(series.source + ".valid", {n, n_dates});
    series.scale = tensors.vector<float>(series.source + ".scale", {n_bands});
    for (const std::uint8_t valid : series.valid)
      if (valid > 1) throw UserError(join_text(file, ": tensor \"", series.source, ".valid\": ", valid, "; expected 0 or 1"));
    for (const float scale : series.scale)
      if (!std::isfinite(scale) || scale <= 0)
        throw UserError(join_text(file, ": tensor \"", series.source, ".scale\": ", scale, "; expected a positive number"));
  }
  return samples;
}

}  // namespace millesime
