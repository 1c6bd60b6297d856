#pragma once
// Which tiles a production has.

#include <string>
#include <vector>

namespace millesime {

struct Config;

struct TileOptions {               // [tiles]
  std::vector<std::string> names;  // empty: all that are found
};

// The tiles of a production, sorted: those that the configuration names, or all that lie under the sensor's root. UserError when there are
// none.
std::vector<std::string> tiles_of(const Config& config);

}  // namespace millesime
