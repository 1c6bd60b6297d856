#include "pipeline/core/class_groups.h"

#include <algorithm>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {

void require_groups_apart(const Nomenclature& nomenclature) {
  for (const LandClass& group : nomenclature.groups) {
    const auto same = nomenclature.index_of_code(group.code);
    if (!same) continue;
    const LandClass& of_code = nomenclature.at(*same);
    const auto members = std::ranges::count(nomenclature.classes, group.code, &LandClass::parent);
    if (members == 0 || (members == 1 && of_code.parent == group.code)) continue;
    throw UserError(join_text("nomenclature ", nomenclature.name, ": ", group.code, " is the code of the group \"", group.name,
                              "\" and of the class \"", of_code.name,
                              "\"; maps of levels (classify.levels) hold both: give groups codes that no class has, e.g. from ",
                              nomenclature.max_code() + 1, " on, or set classify.levels = false"));
  }
}

}  // namespace millesime
