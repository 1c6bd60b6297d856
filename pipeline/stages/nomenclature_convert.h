#pragma once
// `millesime nomenclature convert MAP --from F --to F`: a class map in another nomenclature.

#include <string>

#include <nlohmann/json.hpp>

#include "pipeline/core/nomenclature.h"

namespace millesime {

// Writes `output` on the grid of `map`, with palette and class names. Returns pixels of each class before and after. UserError when the map
// holds a code that `from` does not know (codes with their pixels), or `from` does not map to `to`.
nlohmann::json convert_map(const std::string& map, const Nomenclature& from, const Nomenclature& to, const std::string& output);

}  // namespace millesime
