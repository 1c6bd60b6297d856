#include "pipeline/core/known_nomenclature.h"

#include <algorithm>

#include "pipeline/core/configs.h"

namespace millesime {

std::optional<Nomenclature> known_nomenclature(const Nomenclature& legend) {
  if (legend.classes.empty()) return std::nullopt;
  for (const std::string& name : names_in_configs("nomenclatures")) {
    Nomenclature known = Nomenclature::load(name);
    if (known.size() != legend.size()) continue;
    const bool same = std::ranges::all_of(known.classes, [&](LandClass& c) {
      const auto index = legend.index_of_code(c.code);
      if (!index) return false;
      const std::string& named = legend.at(*index).name;
      if (named != c.name && named != c.name_en) return false;
      c.name = named;
      return true;
    });
    if (same) return known;
  }
  return std::nullopt;
}

}  // namespace millesime
