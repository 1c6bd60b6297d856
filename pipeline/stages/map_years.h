#pragma once
// The years of maps that a command takes beside each other.

#include <string>
#include <vector>

namespace millesime {

// `years`: one a map, or {}: the year in each file's name (OCS_2021.tif, OCS_2021-06.tif). UserError with the name of the command where
// there is none, or where they are not in order, each once.
std::vector<int> years_of_maps(const std::string& command, const std::vector<std::string>& maps, const std::vector<std::string>& years);

}  // namespace millesime
