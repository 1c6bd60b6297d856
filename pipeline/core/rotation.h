#pragma once
// The groups of a nomenclature whose classes follow one another from year to year without being a change: crops in rotation.

#include <string>
#include <vector>

namespace millesime {

// Codes of groups: `rotating = [110]` of a nomenclature in TOML, a name or a file; none in other formats.
std::vector<int> rotating_groups(const std::string& nomenclature);

}  // namespace millesime
