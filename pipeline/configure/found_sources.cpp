#include "pipeline/configure/found_sources.h"

#include <algorithm>
#include <optional>

#include "pipeline/configure/written_config.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace fs = std::filesystem;

std::vector<fs::path> children_of(const fs::path& folder) {
  std::vector<fs::path> children;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, fs::directory_options::skip_permission_denied, error))
    if (entry.is_directory() && !entry.path().filename().string().starts_with('.')) children.push_back(entry.path());
  std::ranges::sort(children);
  return children;
}

namespace {

std::optional<FoundSource> source_in(const std::string& folder, const SensorFile& sensor, const std::vector<std::string>& tiles) {
  try {
    FoundSource found{{.name = sensor.source, .sensor = sensor.name, .root = folder}, sensor.title, sensor.unit, tiles, {}, 0};
    std::erase_if(found.tiles, [&](const std::string& tile) { return years_of_source(found.options, {tile}).empty(); });
    if (found.tiles.empty()) return std::nullopt;
    found.years = years_of_source(found.options, found.tiles);
    for (const auto& [year, number] : found.years) found.products += number;
    return found;
  } catch (const UserError&) {  // names that another sensor may understand
    return std::nullopt;
  }
}

// Every folder that is the root of images of this sensor, but not the tiles below it.
void find_roots(const fs::path& folder, const SensorFile& sensor, const Sensor& reader, int depth, std::vector<FoundSource>& roots) {
  const std::vector<std::string> tiles = reader.tiles(folder.string());
  std::optional<FoundSource> found = source_in(folder.string(), sensor, tiles);
  if (found) roots.push_back(*found);
  const bool looks_below = sensor.layout == "raster_series";  // finds its files at any depth
  if (depth == kDeepestFolder || (looks_below && !found)) return;
  for (const fs::path& child : children_of(folder))
    if (std::ranges::find(tiles, child.filename().string()) == tiles.end()) find_roots(child, sensor, reader, depth + 1, roots);
}

// Of sensors that read the same files in different ways, the one whose numbers they are (Sentinel-1 as power or in decibel).
void keep_understood(std::vector<FoundSource>& sources) {
  const auto files_of = [](const FoundSource& source) {
    const SensorFile sensor = SensorFile::load(source.options.sensor);
    return sensor.settings.contains("file") ? sensor.settings.at("file") : "";
  };
  const auto is_understood = [](const FoundSource& source) {
    const CensusRequest request{.source = "",
                                .root = source.options.root,
                                .tile = source.tiles.front(),
                                .variant = "",
                                .bands = {},
                                .first = Date::from_ymd(1900, 1, 1),
                                .last = Date::from_ymd(2200, 1, 1)};
    return make_sensor(source.options.sensor)->problem_of_numbers(request).empty();
  };
  for (std::size_t i = 0; i < sources.size(); ++i)
    for (std::size_t j = i + 1; j < sources.size();) {
      const std::string files = files_of(sources[i]);
      if (files.empty() || files != files_of(sources[j]) || sources[i].options.root != sources[j].options.root) {
        ++j;
        continue;
      }
      if (!is_understood(sources[i]) && is_understood(sources[j])) std::swap(sources[i], sources[j]);
      sources.erase(sources.begin() + static_cast<std::ptrdiff_t>(j));
    }
}

}  // namespace

std::vector<FoundSource> find_sources(const fs::path& root, std::vector<std::string>& notes) {
  std::vector<FoundSource> sources;
  for (const std::string& name : known_sensors()) {
    const SensorFile sensor = SensorFile::load(name);
    std::vector<FoundSource> roots;
    find_roots(root, sensor, Sensor(sensor), 0, roots);
    const FoundSource* best = nullptr;
    for (const FoundSource& found : roots)  // parents before their children
      if (!best || found.products > best->products ||
          (found.products == best->products && found.options.root.starts_with(best->options.root)))
        best = &found;
    if (!best) continue;
    for (const FoundSource& found : roots)
      if (!found.options.root.starts_with(best->options.root) && !best->options.root.starts_with(found.options.root))
        notes.push_back(join_text(name, ": also in ", found.options.root, "; add a [[source]] with a name of its own if it is meant"));
    sources.push_back(*best);
  }
  keep_understood(sources);
  std::ranges::stable_sort(sources, [](const FoundSource& a, const FoundSource& b) {
    const bool a_first = a.unit == SampleUnit::reflectance, b_first = b.unit == SampleUnit::reflectance;
    return a_first != b_first ? a_first : a.products > b.products;
  });
  return sources;
}

}  // namespace millesime
