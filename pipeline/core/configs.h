#pragma once
// Names of the files of configs/.

#include <string>
#include <vector>

namespace millesime {

// The names in a folder of configs/ ("nomenclatures", "sites"): its TOML files without their ending, sorted.
std::vector<std::string> names_in_configs(const std::string& folder);

}  // namespace millesime
