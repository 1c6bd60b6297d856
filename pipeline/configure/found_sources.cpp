#include "pipeline/configure/found_sources.h"

#include <algorithm>
#include <fstream>
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

bool looks_like_items(const fs::path& file) {
  const std::string ending = lower(file.extension().string());
  if (ending != ".json" && ending != ".geojson") return false;
  constexpr std::streamsize kBeginning = 1 << 16;
  std::string text(kBeginning, '\0');
  std::ifstream stream(file, std::ios::binary);
  stream.read(text.data(), kBeginning);
  text.resize(static_cast<std::size_t>(stream.gcount()));
  const auto has = [&](const char* key) { return text.find(key) != std::string::npos; };
  return has("\"features\"") && (has("\"stac_version\"") || has("\"assets\""));
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

std::vector<fs::path> lists_below(const fs::path& folder, int depth) {
  std::vector<fs::path> lists;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, fs::directory_options::skip_permission_denied, error))
    if (entry.is_regular_file() && looks_like_items(entry.path())) lists.push_back(entry.path());
  std::ranges::sort(lists);
  if (depth < kDeepestFolder)
    for (const fs::path& child : children_of(folder))
      for (fs::path& list : lists_below(child, depth + 1)) lists.push_back(std::move(list));
  return lists;
}

// What is wrong with the items of a list before an image is opened.
std::vector<std::string> problems_of_list(const Sensor& reader, const std::string& list, const std::vector<std::string>& tiles,
                                          const std::string& variant) {
  std::vector<std::string> problems;
  for (const std::string& tile : tiles) {
    const CensusRequest request{"", list, tile, variant, {}, Date::from_ymd(1900, 1, 1), Date::from_ymd(2200, 1, 1)};
    for (std::string& problem : reader.problems_of_metadata(request)) problems.push_back(std::move(problem));
  }
  return problems;
}

// The items of a list that are of the sensor. `why_not`: why there are none, what tells most first.
std::optional<FoundSource> source_of_list(const std::string& list, const SensorFile& sensor, const Sensor& reader,
                                          std::vector<std::string>& why_not, std::vector<std::string>& assumed) {
  if (sensor.items.empty()) return std::nullopt;  // it would take any item
  try {
    const std::vector<std::string> tiles = reader.tiles(list);
    std::optional<FoundSource> found = source_in(list, sensor, tiles);
    std::vector<std::string> problems = problems_of_list(reader, list, tiles, "");
    const std::string raw = "raw";
    if (found && !problems.empty() && std::ranges::find(sensor.variants, raw) != sensor.variants.end())
      if (problems_of_list(reader, list, tiles, raw).empty()) {
        problems.clear();
        found->options.variant = raw;
        assumed.push_back(join_text(list, ": its items do not say whether the offset of their numbers is applied: variant = \"raw\", ",
                                    "numbers as ESA delivers them; set \"applied\" where 1000 is taken off already"));
      }
    if (found && std::ssize(problems) < found->products) return found;
    if (!problems.empty()) why_not.insert(why_not.begin(), join_text("items of ", sensor.name, ": ", problems.front()));
  } catch (const UserError& error) {  // of another sensor, or no list
    why_not.emplace_back(error.what());
  }
  return std::nullopt;
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
  const bool is_list = fs::is_regular_file(root);
  const std::vector<fs::path> lists = is_list ? std::vector{root} : lists_below(root, 0);
  std::vector<std::string> why_not;
  for (const std::string& name : known_sensors()) {
    const SensorFile sensor = SensorFile::load(name);
    const Sensor reader(sensor);
    std::vector<FoundSource> roots;
    if (!is_list) find_roots(root, sensor, reader, 0, roots);
    std::vector<std::string> assumed;
    for (const fs::path& list : lists)
      if (std::optional<FoundSource> found = source_of_list(list.string(), sensor, reader, why_not, assumed))
        roots.push_back(std::move(*found));
    const FoundSource* best = nullptr;
    for (const FoundSource& found : roots)  // parents before their children
      if (!best || found.products > best->products ||
          (found.products == best->products && found.options.root.starts_with(best->options.root + "/") &&
           std::ranges::find(lists, fs::path(found.options.root)) == lists.end()))
        best = &found;
    if (!best) continue;
    for (const std::string& note : assumed)
      if (note.starts_with(best->options.root + ":")) notes.push_back(note);
    for (const FoundSource& found : roots)
      if (!found.options.root.starts_with(best->options.root) && !best->options.root.starts_with(found.options.root))
        notes.push_back(join_text(name, ": also in ", found.options.root, "; add a [[source]] with a name of its own if it is meant"));
    sources.push_back(*best);
  }
  if (sources.empty() && !lists.empty())
    throw UserError(join_text(root.string(),
                              ": expected images, or lists of STAC items, of a known sensor (`millesime sensors` lists them); ",
                              why_not.empty() ? "there are none" : why_not.front()));
  keep_understood(sources);
  std::ranges::stable_sort(sources, [](const FoundSource& a, const FoundSource& b) {
    const bool a_first = a.unit == SampleUnit::reflectance, b_first = b.unit == SampleUnit::reflectance;
    return a_first != b_first ? a_first : a.products > b.products;
  });
  return sources;
}

}  // namespace millesime
