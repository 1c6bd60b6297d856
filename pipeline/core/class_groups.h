#pragma once

#include "pipeline/core/nomenclature.h"

namespace millesime {

// UserError where a group has the code of a class: in a map that holds both (classify.levels) they would be one. The only class of a group
// may have its code, because there the two are the same.
void require_groups_apart(const Nomenclature& nomenclature);

}  // namespace millesime
