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

namespace millesime {
namespace {

constexpr std::size_t kTilesListed = 20;  // tiles named in a message

// Every stage asks for the tiles of a production while it is planned; polygons are read once for each tile and state of their file.
bool is_touched(const std::string& tile, const AreaOptions& mapped) {
  const std::optional<Grid> grid = sentinel2_grid(tile, 10);
  if (!grid) return true;
  std::string key = tile + "|" + mapped.area;
  for (const std::string& file : AreaOptions{mapped.area, ""}.files()) {
    std::error_code ignored;
    key += join_text("|", std::filesystem::last_write_time(file, ignored).time_since_epoch().count());
  }
  static std::mutex mutex;
  static std::map<std::string, bool> known;
  const std::lock_guard lock(mutex);
  const auto found = known.find(key);
  return found != known.end() ? found->second : known.emplace(key, touches(mapped, *grid)).first->second;
}

}  // namespace

std::vector<std::string> tiles_of(const Config& config) {
  std::vector<std::string> tiles = config.tiles.names;
  if (tiles.empty())
    tiles = once(config, "tiles", [&] { return make_sensor(config.sources.front().sensor)->found_tiles(config.sources.front().root); });
  std::ranges::sort(tiles);
  tiles.erase(std::unique(tiles.begin(), tiles.end()), tiles.end());
  if (config.tiles.mapped.area.empty()) return tiles;
  const std::string all = tiles.size() <= kTilesListed ? join_list(tiles, ", ") : join_text(tiles.size(), " tiles");
  std::erase_if(tiles, [&](const std::string& tile) { return !is_touched(tile, config.tiles.mapped); });
  if (tiles.empty())
    throw UserError(join_text(config.file, ": tiles.area: ", config.tiles.mapped.area, " touches no tile; expected to meet one of ", all));
  return tiles;
}

}  // namespace millesime
