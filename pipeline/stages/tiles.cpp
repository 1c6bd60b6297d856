#include "pipeline/stages/tiles.h"

#include <algorithm>

#include "pipeline/core/error.h"
#include "pipeline/io/sensor.h"
#include "pipeline/stages/config.h"

namespace millesime {

std::vector<std::string> tiles_of(const Config& config) {
  auto tiles =
      config.tiles.names.empty() ? make_sensor(config.sources.front().sensor)->tiles(config.sources.front().root) : config.tiles.names;
  std::ranges::sort(tiles);
  tiles.erase(std::unique(tiles.begin(), tiles.end()), tiles.end());
  if (tiles.empty())
    throw UserError(
        join_text(config.sources.front().root, ": no tiles found; expected folders <tile>/<product> such as T31TCJ/SENTINEL2A_..."));
  return tiles;
}

}  // namespace millesime
