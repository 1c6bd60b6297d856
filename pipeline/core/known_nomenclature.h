#pragma once
// The nomenclature of configs/ that the legend of a map is written in.

#include <optional>

#include "pipeline/core/nomenclature.h"

namespace millesime {

// The one that has the same codes under the same names (in either language) as the legend, and no others: with its aliases, groups and
// mappings, which a map cannot hold; names stay those of the legend, in the language of the product. Nothing if there is none.
std::optional<Nomenclature> known_nomenclature(const Nomenclature& legend);

}  // namespace millesime
