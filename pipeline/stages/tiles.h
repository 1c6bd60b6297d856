#pragma once

#include <string>
#include <vector>

#include "pipeline/stages/config.h"

namespace millesime {

// The tiles of a production, sorted: those that the configuration names, or all that lie under the sensor's root. UserError when there are
// none.
std::vector<std::string> tiles_of(const Config& config);

}  // namespace millesime
