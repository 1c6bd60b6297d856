#include <algorithm>
#include <map>
#include <set>

#include "pipeline/core/error.h"
#include "pipeline/core/samples.h"
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
}

}  // namespace

void number_groups(const std::vector<FilePart>& parts) {
  std::int64_t next = 0;
  for (const FilePart& part : parts)
    for (const std::int64_t polygon : part.samples->polygon) next = std::max(next, polygon + 1);
  std::map<std::string, std::map<std::int64_t, std::int64_t>> numbers;  // by what the polygons are of
  std::set<std::int64_t> taken;
  for (const FilePart& part : parts) {
    Samples& samples = *part.samples;
    auto& number_of = numbers[samples.reference.empty() ? "file " + part.file : "reference " + samples.reference];
    samples.group.clear();
    for (const std::int64_t polygon : samples.polygon) {
      const auto [at, fresh] = number_of.emplace(polygon, polygon);
      if (fresh && !taken.insert(polygon).second) taken.insert(at->second = next++);
      samples.group.push_back(at->second);
    }
  }
}

std::vector<Samples> join_samples(const std::vector<std::string>& files) {
  if (files.empty()) throw UserError("no file of samples to merge");
  std::vector<Samples> parts;
  std::vector<std::string> file_of;
  for (const std::string& file : files)
    for (Samples& part : load_parts(file)) {
      parts.push_back(std::move(part));
      file_of.push_back(file);
      require_agreement(parts.front(), files.front(), parts.back(), file);
    }
  std::vector<FilePart> named;
  for (std::size_t p = 0; p < parts.size(); ++p) named.push_back({file_of[p], &parts[p]});
  number_groups(named);
  std::set<std::string> regions;
  for (const Samples& part : parts) regions.insert(part.region_names.begin(), part.region_names.end());
  const std::vector<std::string> region_names(regions.begin(), regions.end());
  for (Samples& part : parts) {
    part.polygon = std::move(part.group);
    part.group.clear();
    for (std::int32_t& region : part.region.edit())
      region = static_cast<std::int32_t>(std::ranges::lower_bound(region_names, part.region_names[static_cast<std::size_t>(region)]) -
                                         region_names.begin());
    part.region_names = region_names;
  }
  return parts;
}

}  // namespace millesime
