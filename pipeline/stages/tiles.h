#pragma once
// The tiles of a production.

#include <string>
#include <vector>

#include "pipeline/imagery/area.h"

namespace millesime {

struct Config;

struct TileOptions {               // [tiles]
  std::vector<std::string> names;  // empty: all that are found
  AreaOptions mapped;
  std::vector<std::string> left_out = {};  // tiles of the production that the map lacks, of `run --partial`. Not an option.
};

// The tiles of a production, sorted: those of the configuration, or all in the sensor's root folder, that the area touches as far as their
// names say where they lie (T31TCJ). UserError if there are none.
std::vector<std::string> tiles_of(const Config& config);

}  // namespace millesime
