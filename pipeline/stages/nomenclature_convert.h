#pragma once
// `millesime nomenclature convert MAP --from F --to F`: converts a class map to another nomenclature.

#include <string>

#include <nlohmann/json.hpp>

#include "pipeline/core/nomenclature.h"

namespace millesime {

// Writes `output` on the grid of `map`, with palette and class names. Returns pixels of each class before and after. UserError if the map
// has a code that `from` does not have (codes with their pixels), or `from` has no mapping to `to`.
nlohmann::json convert_map(const std::string& map, const Nomenclature& from, const Nomenclature& to, const std::string& output);

}  // namespace millesime
