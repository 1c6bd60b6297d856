#include "pipeline/core/samples.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string_view>

#include "pipeline/core/counted.h"
#include "pipeline/core/divided_groups.h"
#include "pipeline/core/error.h"
#include "pipeline/core/other_format.h"
#include "pipeline/core/static_groups.h"
#include "pipeline/core/text.h"

namespace millesime {

const char* to_text(Split split) {
  switch (split) {
    case Split::learn: return "learn";
    case Split::test: return "test";
    case Split::both: return "both";
    case Split::unused: return "unused";
    case Split::final_map: return "final";
  }
  throw Bug("unknown split");
}

namespace {

// A file of samples begins with the size of its header, in any eight bytes, and the JSON text that this is.
void require_header(const std::string& file) {
  constexpr std::size_t kSizeBytes = 8;
  char begin[16] = {};
  std::ifstream(file, std::ios::binary).read(begin, sizeof begin);
  if (begin[kSizeBytes] != '{')
    refuse_other_format(file, std::string_view(begin, sizeof begin), "a table in CSV (NAME.csv) or a .safetensors file of samples");
}

}  // namespace

std::vector<Samples> load_parts(const std::string& file, const Nomenclature* nomenclature, const TableRules& rules) {
  const bool table = lower(std::filesystem::path(file).extension().string()) == ".csv";
  if (table) return read_parts_csv(file, nomenclature, rules);
  require_header(file);
  std::vector<Samples> parts = read_parts(file);
  for (const Samples& part : parts)
    if (part.reference.empty()) refuse_divided_groups(part, file);  // of tables; polygons of images are divided as wholes
  return parts;
}

void check(const Samples& samples) {
  const std::size_t n = samples.label.size();
  const auto sized = [&](std::size_t size, std::size_t expected, const char* what) {
    MILLESIME_CHECK(size == expected, "samples: ", what, " has ", size, " entries, expected ", expected);
  };
  sized(samples.polygon.size(), n, "polygon");
  if (!samples.group.empty()) sized(samples.group.size(), n, "group");
  sized(samples.region.size(), n, "region");
  sized(samples.x.size(), n, "x");
  sized(samples.y.size(), n, "y");
  if (!samples.longitude.empty()) sized(samples.longitude.size(), n, "longitude");
  sized(samples.latitude.size(), samples.longitude.size(), "latitude");
  sized(samples.col.size(), n, "col");
  sized(samples.row.size(), n, "row");
  sized(samples.statics.size(), n * samples.static_names.size(), "statics");
  MILLESIME_CHECK(samples.n_seeds >= 1, "samples of no seed");
  sized(samples.split.size(), n * static_cast<std::size_t>(samples.n_seeds), "split");
  for (const std::int32_t region : samples.region)
    MILLESIME_CHECK(region >= 0 && static_cast<std::size_t>(region) < samples.region_names.size(), "region ", region, " of ",
                    samples.region_names.size());
  std::set<std::string> sources;
  for (const SampleSeries& series : samples.series) {
    MILLESIME_CHECK(sources.insert(series.source).second, "two sources ", series.source);
    sized(series.scale.size(), series.bands.size(), "scale");
    sized(series.valid.size(), n * series.dates.size(), "valid");
    sized(series.values.size(), n * series.dates.size() * series.bands.size(), "values");
    MILLESIME_CHECK(std::ranges::adjacent_find(series.dates, std::greater_equal{}) == series.dates.end(), "dates of ", series.source,
                    " are not in increasing order");
  }
}

namespace {

struct ClassCount {
  std::int64_t samples = 0, learn = 0, test = 0, final_map = 0;
  std::set<std::int64_t> polygons;
};

std::map<std::int32_t, ClassCount> count_classes(const std::vector<Samples>& parts) {
  std::map<std::int32_t, ClassCount> classes;
  for (const Samples& part : parts)
    for (std::int64_t i = 0; i < part.size(); ++i) {
      ClassCount& count = classes[part.label[static_cast<std::size_t>(i)]];
      ++count.samples;
      count.polygons.insert(part.polygon[static_cast<std::size_t>(i)]);
      const Split split = part.split_of(i, 0);
      count.learn += split == Split::learn || split == Split::both;
      count.test += split == Split::test || split == Split::both;
      count.final_map += split == Split::final_map;
    }
  return classes;
}

// One series of all parts.
struct SeriesSummary {
  std::set<Date> dates;
  std::set<std::vector<Date>> lists;
  std::int64_t observations = 0, missing = 0;
  std::vector<float> scale;  // the coarsest of each band
  double share_missing() const { return observations == 0 ? 0 : static_cast<double>(missing) / static_cast<double>(observations); }
};

SeriesSummary summary_of(const std::vector<Samples>& parts, std::size_t s) {
  SeriesSummary all;
  for (const Samples& part : parts) {
    const SampleSeries& series = part.series[s];
    all.dates.insert(series.dates.begin(), series.dates.end());
    all.lists.insert(series.dates);
    all.observations += static_cast<std::int64_t>(series.valid.size());
    all.missing += std::ranges::count(series.valid, 0);
    all.scale.resize(series.scale.size(), 0);
    for (std::size_t b = 0; b < series.scale.size(); ++b) all.scale[b] = std::max(all.scale[b], series.scale[b]);
  }
  return all;
}

// "steps of 1", or "steps of 0.001 (VV), 0.0001 (VH)"
std::string precision_text(const std::vector<std::string>& bands, const std::vector<float>& scale) {
  std::map<float, std::vector<std::string>> by_step;
  for (std::size_t b = 0; b < bands.size(); ++b) by_step[scale[b]].push_back(bands[b]);
  std::vector<std::string> steps;
  char digits[32];
  for (const auto& [step, of] : by_step) {
    const std::string text(digits, std::to_chars(digits, digits + sizeof digits, step).ptr);
    steps.push_back(by_step.size() == 1 ? text : text + " (" + join_list(of, " ") + ")");
  }
  return "kept in steps of " + join_list(steps, ", ");
}

std::string percent(double share) {
  char text[16];
  std::snprintf(text, sizeof text, "%.1f %%", 100 * share);
  return text;
}

}  // namespace

nlohmann::ordered_json samples_summary(const std::vector<Samples>& parts) {
  MILLESIME_CHECK(!parts.empty(), "no part of samples");
  const Samples& first = parts.front();
  const bool one_tile = std::ranges::all_of(parts, [&](const Samples& part) { return part.tile == first.tile; });
  std::set<std::int64_t> polygons;
  std::int64_t n = 0;
  for (const Samples& part : parts) {
    polygons.insert(part.polygon.begin(), part.polygon.end());
    n += part.size();
  }
  nlohmann::ordered_json summary{{"tile", one_tile ? first.tile : ""},
                                 {"year", first.year},
                                 {"samples", n},
                                 {"polygons", polygons.size()},
                                 {"seeds", first.n_seeds},
                                 {"regions", first.region_names},
                                 {"classes", nlohmann::ordered_json::array()},
                                 {"series", nlohmann::ordered_json::array()},
                                 {"statics", nlohmann::ordered_json::array()},
                                 {"parts", nlohmann::ordered_json::array()},
                                 {"notes", nlohmann::ordered_json::array()}};
  for (const auto& [code, count] : count_classes(parts))
    summary["classes"].push_back({{"code", code},
                                  {"samples", count.samples},
                                  {"polygons", count.polygons.size()},
                                  {"learn", count.learn},
                                  {"test", count.test},
                                  {"final", count.final_map}});
  for (std::size_t s = 0; s < first.series.size(); ++s) {
    const SeriesSummary all = summary_of(parts, s);
    std::vector<std::string> dates;
    for (const Date date : all.dates) dates.push_back(date.iso());
    summary["series"].push_back({{"source", first.series[s].source},
                                 {"bands", first.series[s].bands},
                                 {"scale", all.scale},
                                 {"dates", dates},
                                 {"date_lists", all.lists.size()},
                                 {"share_missing", all.share_missing()}});
  }
  for (std::size_t s = 0; s < first.static_names.size(); ++s) {
    std::int64_t missing = 0;
    for (const Samples& part : parts)
      for (std::size_t i = s; i < part.statics.size(); i += part.static_names.size()) missing += std::isnan(part.statics[i]);
    summary["statics"].push_back({{"name", first.static_names[s]}, {"missing", missing}});
  }
  for (const Samples& part : parts) {
    summary["parts"].push_back({{"tile", part.tile}, {"samples", part.size()}});
    for (const std::string& note : part.notes) summary["notes"].push_back(note);
  }
  return summary;
}

std::string to_text(const std::vector<Samples>& parts, const Nomenclature* nomenclature) {
  const auto summary = samples_summary(parts);
  const Samples& first = parts.front();
  const auto tile = summary["tile"].get<std::string>();
  std::string text = join_text(counted(summary["samples"].get<std::int64_t>(), "sample"), " of ",
                               counted(summary["polygons"].get<std::int64_t>(), "polygon"), tile.empty() ? "" : " in tile " + tile,
                               parts.size() == 1 ? "" : join_text(" in ", counted(parts.size(), "part")), ", ", first.year, ", ",
                               counted(first.n_seeds, "split"), "\n");
  for (std::size_t s = 0; s < first.series.size(); ++s) {
    const SampleSeries& series = first.series[s];
    const SeriesSummary all = summary_of(parts, s);
    text += join_text(series.source, ": ", join_list(series.bands, " "), "; ", counted(all.dates.size(), "date"),
                      all.dates.empty() ? "" : join_text(", ", all.dates.begin()->iso(), " to ", all.dates.rbegin()->iso()),
                      all.lists.size() > 1 ? join_text(" in ", all.lists.size(), " lists") : "", "; ", percent(all.share_missing()),
                      " missing; ", precision_text(series.bands, all.scale), "\n");
  }
  for (const StaticGroup& group : static_groups(first.static_names)) {
    std::int64_t missing = 0;
    for (std::size_t s = group.first; s < group.first + group.count; ++s)
      missing = std::max(missing, summary["statics"][s]["missing"].get<std::int64_t>());
    text += join_text("static: ", group.name, ", missing in ", counted(missing, "sample"), "\n");
  }
  if (first.region_names != std::vector<std::string>{""}) text += "regions: " + join_list(first.region_names, ", ") + "\n";
  for (const auto& note : summary["notes"]) text += "note: " + note.get<std::string>() + "\n";

  char line[96];
  std::snprintf(line, sizeof line, "%11s %9s %9s %9s %9s  %s\n", "class", "samples", "polygons", "learn", "test",
                nomenclature ? "name" : "");
  text += std::string(line, std::string_view(line).find_last_not_of(" \n") + 1) + "\n";
  for (const auto& [code, count] : count_classes(parts)) {
    std::snprintf(line, sizeof line, "%11d %9lld %9zu %9lld %9lld", code, static_cast<long long>(count.samples), count.polygons.size(),
                  static_cast<long long>(count.learn), static_cast<long long>(count.test));
    text += line;
    if (nomenclature)
      if (const auto index = nomenclature->index_of_code(code)) text += "  " + nomenclature->at(*index).name;
    text += "\n";
  }
  return text;
}

}  // namespace millesime
