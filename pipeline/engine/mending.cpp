#include "pipeline/engine/mending.h"

#include <algorithm>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/stages/planning.h"

namespace millesime {

bool is_kept(const Selection& selection, const Stage& stage, const Unit& unit, const Config& config) {
  if (selection.tiles.empty() || selection.force || !stage.kept_when_mending) return false;
  if (!unit.tile.empty() && selection.to == stage.name) return false;
  if (stage.kept_while && !stage.kept_while(config)) return false;
  const auto known = known_manifest(Layout(config), unit);
  return known && changed_output(unit, *known, config).empty();
}

void require_options_of_kept(const std::vector<Stage>& stages, const Config& config, const Selection& selection) {
  if (selection.tiles.empty() || selection.force) return;
  Config world = config;
  const PlanBeingMade now(world);
  for (const Stage& stage : stages) {
    if (!stage.kept_when_mending) continue;
    for (const Unit& unit : stage.plan(world).value_or(std::vector<Unit>{})) {
      if (!is_kept(selection, stage, unit, world)) continue;
      const auto known = known_manifest(Layout(world), unit);
      if (!known) continue;
      for (const auto& [key, value] : shaping_config(unit, world, &*known)) {
        const auto is_of = [&key = key](const std::string& section) { return key == section || key.starts_with(section + "."); };
        const auto then = known->config.find(key);
        if (then == known->config.end() || then->second == value || std::ranges::none_of(unit.config_keys, is_of)) continue;
        throw UserError(join_text("--tiles ", join_list(selection.tiles, " "),
                                  ": single tiles are computed with the models that there are, and ", unit.name(), " was made with ", key,
                                  " = ", then->second, ", not with ", value,
                                  "; set it back, or run without --tiles, which trains again and maps every tile"));
      }
    }
  }
}

}  // namespace millesime
