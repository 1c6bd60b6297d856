#include "pipeline/engine/mending.h"

#include <algorithm>
#include <map>
#include <optional>

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
      for (const auto& [key, value] : options_of(unit, world)) {
        const auto then = known->config.find(key);
        if (then == known->config.end() || then->second == value) continue;
        throw UserError(join_text("--tiles ", join_list(selection.tiles, " "),
                                  ": single tiles are computed with the models that there are, and ", unit.name(), " was made with ", key,
                                  " = ", then->second, ", not with ", value,
                                  "; set it back, or run without --tiles, which trains again and maps every tile"));
      }
    }
  }
}

namespace {

// A unit that will be joined, and the options that it was made with, or will be.
struct Joined {
  std::string unit;
  bool runs = false;
  std::map<std::string, std::string> options;
};

void require_alike(const Joined& first, const Joined& other) {
  for (const auto& [key, value] : other.options) {
    const auto of_first = first.options.find(key);
    if (of_first == first.options.end() || of_first->second == value) continue;
    const auto said = [&key = key](const Joined& joined, const std::string& its) {
      return join_text(joined.unit, joined.runs ? " would be made with " : " was made with ", key, " = ", its);
    };
    throw UserError(
        join_text(said(first, of_first->second), ", and ", said(other, value),
                  ": one map of both has two settings; set it back, or run without --tiles and without --from, which maps every "
                  "tile alike"));
  }
}

// None where they cannot be planned: images may be gone, to make space.
std::vector<Unit> units_of(const Stage& stage, const Config& world) {
  try {
    return stage.plan(world).value_or(std::vector<Unit>{});
  } catch (const UserError&) {
    return {};
  }
}

}  // namespace

void require_tiles_alike(const std::vector<Stage>& stages, std::size_t first, std::size_t end, const Config& config,
                         const Selection& selection) {
  if (selection.tiles.empty() && first == 0) return;  // every tile is made with the configuration
  Config world = restricted_to(config, selection);
  const PlanBeingMade now(world);
  for (std::size_t joining = first; joining < end; ++joining)
    for (std::size_t i = 0; i < joining; ++i) {
      if (std::ranges::find(stages[joining].joins, stages[i].name) == stages[joining].joins.end()) continue;
      std::optional<Joined> one;
      for (const Unit& unit : units_of(stages[i], world)) {
        const auto known = known_manifest(Layout(world), unit);
        Joined joined{unit.name(), i >= first && selection.chooses(unit), options_of(unit, world)};
        if (unit.tile.empty() || (!joined.runs && !known)) continue;
        for (auto& [key, value] : joined.options)
          if (!joined.runs && known->config.contains(key)) value = known->config.at(key);
        if (one)
          require_alike(*one, joined);
        else
          one = std::move(joined);
      }
    }
}

}  // namespace millesime
