#include "pipeline/core/samples.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <set>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {

const char* to_text(Split split) {
  switch (split) {
    case Split::learn: return "learn";
    case Split::test: return "test";
    case Split::both: return "both";
    case Split::unused: return "unused";
  }
  throw Bug("unknown split");
}

Samples load_samples(const std::string& file, const Nomenclature* nomenclature) {
  const bool table = lower(std::filesystem::path(file).extension().string()) == ".csv";
  return table ? read_samples_csv(file, nomenclature) : read_samples(file);
}

void check(const Samples& samples) {
  const std::size_t n = samples.label.size();
  const auto sized = [&](std::size_t size, std::size_t expected, const char* what) {
    MILLESIME_CHECK(size == expected, "samples: ", what, " has ", size, " entries, expected ", expected);
  };
  sized(samples.polygon.size(), n, "polygon");
  sized(samples.region.size(), n, "region");
  sized(samples.x.size(), n, "x");
  sized(samples.y.size(), n, "y");
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
  std::int64_t samples = 0, learn = 0, test = 0;
  std::set<std::int64_t> polygons;
};

std::map<std::int32_t, ClassCount> count_classes(const Samples& samples) {
  std::map<std::int32_t, ClassCount> classes;
  for (std::int64_t i = 0; i < samples.size(); ++i) {
    ClassCount& count = classes[samples.label[static_cast<std::size_t>(i)]];
    ++count.samples;
    count.polygons.insert(samples.polygon[static_cast<std::size_t>(i)]);
    const Split split = samples.split_of(i, 0);
    count.learn += split == Split::learn || split == Split::both;
    count.test += split == Split::test || split == Split::both;
  }
  return classes;
}

double share_missing(const SampleSeries& series) {
  if (series.valid.empty()) return 0;
  return static_cast<double>(std::ranges::count(series.valid, 0)) / static_cast<double>(series.valid.size());
}

std::string percent(double share) {
  char text[16];
  std::snprintf(text, sizeof text, "%.1f %%", 100 * share);
  return text;
}

}  // namespace

nlohmann::ordered_json samples_summary(const Samples& samples) {
  const std::set<std::int64_t> polygons(samples.polygon.begin(), samples.polygon.end());
  nlohmann::ordered_json summary{{"tile", samples.tile},
                                 {"year", samples.year},
                                 {"samples", samples.size()},
                                 {"polygons", polygons.size()},
                                 {"seeds", samples.n_seeds},
                                 {"regions", samples.region_names},
                                 {"classes", nlohmann::ordered_json::array()},
                                 {"series", nlohmann::ordered_json::array()},
                                 {"statics", nlohmann::ordered_json::array()}};
  for (const auto& [code, count] : count_classes(samples))
    summary["classes"].push_back(
        {{"code", code}, {"samples", count.samples}, {"polygons", count.polygons.size()}, {"learn", count.learn}, {"test", count.test}});
  for (const SampleSeries& series : samples.series) {
    std::vector<std::string> dates;
    for (const Date date : series.dates) dates.push_back(date.iso());
    summary["series"].push_back({{"source", series.source},
                                 {"bands", series.bands},
                                 {"scale", series.scale},
                                 {"dates", dates},
                                 {"share_missing", share_missing(series)}});
  }
  for (std::size_t s = 0; s < samples.static_names.size(); ++s) {
    std::int64_t missing = 0;
    for (std::size_t i = s; i < samples.statics.size(); i += samples.static_names.size()) missing += std::isnan(samples.statics[i]);
    summary["statics"].push_back({{"name", samples.static_names[s]}, {"missing", missing}});
  }
  return summary;
}

std::string to_text(const Samples& samples, const Nomenclature* nomenclature) {
  const auto summary = samples_summary(samples);
  std::string text = join_text(samples.size(), " samples of ", summary["polygons"].get<std::int64_t>(), " polygons",
                               samples.tile.empty() ? "" : " in tile " + samples.tile, ", ", samples.year, ", ", samples.n_seeds,
                               samples.n_seeds == 1 ? " split\n" : " splits\n");
  for (const SampleSeries& series : samples.series)
    text += join_text(series.source, ": ", join_list(series.bands, " "), "; ", series.dates.size(), " dates",
                      series.dates.empty() ? "" : join_text(", ", series.dates.front().iso(), " to ", series.dates.back().iso()), "; ",
                      percent(share_missing(series)), " missing\n");
  for (const auto& entry : summary["statics"])
    text += join_text("static: ", entry["name"].get<std::string>(), ", missing in ", entry["missing"].get<std::int64_t>(), " samples\n");
  if (samples.region_names != std::vector<std::string>{""}) text += "regions: " + join_list(samples.region_names, ", ") + "\n";

  char line[96];
  std::snprintf(line, sizeof line, "%11s %9s %9s %9s %9s  %s\n", "class", "samples", "polygons", "learn", "test",
                nomenclature ? "name" : "");
  text += std::string(line, std::string_view(line).find_last_not_of(" \n") + 1) + "\n";
  for (const auto& [code, count] : count_classes(samples)) {
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
