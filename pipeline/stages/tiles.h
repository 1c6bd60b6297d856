#pragma once
// The tiles of a production.

#include <string>
#include <vector>

namespace millesime {

struct Config;

struct TileOptions {               // [tiles]
  std::vector<std::string> names;  // empty: all that are found
};

// The tiles of a production, sorted: those of the configuration, or all in the sensor's root folder. UserError if there
// are none.
std::vector<std::string> tiles_of(const Config& config);

}  // namespace millesime
