#include "pipeline/stages/tiles.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/io/sensor.h"
#include "pipeline/stages/config.h"
#include "pipeline/stages/planning.h"
#include "pipeline/stages/sources.h"

namespace millesime {
namespace {

constexpr std::size_t kTilesListed = 20;  // tiles named in a message

// Every stage asks for the tiles of a production while it is planned; polygons and images are read once for each tile and state of the
// area's file. A name of Sentinel-2 tells where the tile lies; that it does not meet the area is believed once an image says so, too.
bool is_touched(const std::string& tile, const Config& config) {
  const AreaOptions& mapped = config.tiles.mapped;
  const std::optional<Grid> named = sentinel2_grid(tile, 10);
  if (!named) return true;
  const SourceOptions& source = config.sources.front();
  std::string key = join_text(tile, "|", mapped.area, "|", source.sensor, "|", source.root);
  for (const std::string& file : AreaOptions{mapped.area, ""}.files()) {
    std::error_code ignored;
    key += join_text("|", std::filesystem::last_write_time(file, ignored).time_since_epoch().count());
  }
  static std::mutex mutex;
  static std::map<std::string, bool> known;
  const std::lock_guard lock(mutex);
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  bool touched = touches(mapped, *named);
  if (!touched) {
    const auto [first, last] = config.days();
    const std::optional<Grid> grid = make_sensor(source.sensor)->grid_of(census_request(source, tile, first, last));
    touched = grid && touches(mapped, *grid);
  }
  return known.emplace(key, touched).first->second;
}

// Names of tiles are names of files, and many file systems do not tell t31tcj from T31TCJ.
void require_apart(const std::vector<std::string>& tiles, const Config& config) {
  std::map<std::string, std::string> known;
  for (const std::string& tile : tiles)
    if (const auto [other, is_new] = known.emplace(lower(tile), tile); !is_new)
      throw UserError(join_text(config.sources.front().root, ": the tiles ", other->second, " and ", tile,
                                " differ in the case of letters alone, so that their products would be one file on many file systems; ",
                                "rename the folder or files of one (they are one tile), or name the one that is meant in tiles.names"));
}

}  // namespace

std::vector<std::string> tiles_of(const Config& config) {
  std::vector<std::string> tiles = config.tiles.names;
  if (tiles.empty())
    tiles = once(config, "tiles", [&] { return make_sensor(config.sources.front().sensor)->found_tiles(config.sources.front().root); });
  std::ranges::sort(tiles);
  tiles.erase(std::unique(tiles.begin(), tiles.end()), tiles.end());
  require_apart(tiles, config);
  if (config.tiles.mapped.area.empty()) return tiles;
  const std::string all = tiles.size() <= kTilesListed ? join_list(tiles, ", ") : join_text(tiles.size(), " tiles");
  std::erase_if(tiles, [&](const std::string& tile) { return !is_touched(tile, config); });
  if (tiles.empty())
    throw UserError(join_text(config.file, ": tiles.area: ", config.tiles.mapped.area, " touches no tile; expected to meet one of ", all));
  return tiles;
}

}  // namespace millesime
