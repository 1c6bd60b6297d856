#pragma once
// The plan: which work units there are, and for each whether it has to run and why.

#include <optional>
#include <string>
#include <vector>

#include "pipeline/core/manifest.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/stage.h"

namespace millesime {

struct Selection {
  std::vector<std::string> tiles;  // empty: all
  std::string from, to;            // stage names; empty: first, last
  bool force = false;
};

// UserError when a stage is unknown (suggests the nearest) or `from` comes after `to`.
void check_selection(const std::vector<Stage>& stages, const Selection& selection);

struct PlannedUnit {
  Unit unit;
  std::string why;  // "" = up to date
};

struct PlannedStage {
  const Stage* stage = nullptr;
  bool known = true;  // false: its units are known once the stages before it have run
  std::vector<PlannedUnit> units;
};

// The options that shape a unit, with their values.
std::map<std::string, std::string> shaping_config(const Unit& unit, Config& config);
std::string code_of(const Stage& stage);  // program version and stage revision

// Why a unit has to run, or "" when its manifest answers for configuration, inputs, code and outputs. `known` is that manifest,
// where there is a readable one.
std::string reason_to_run(const Stage& stage, const Unit& unit, Config& config, const std::optional<Manifest>& known);
std::optional<Manifest> known_manifest(const Layout& layout, const Unit& unit);

// With --tiles, the world is the chosen tiles and those that were mapped before.
Config restricted_to(const Config& config, const Selection& selection);

// The plan of `stages` as it stands now. Units whose inputs other units will make anew are planned to run.
std::vector<PlannedStage> make_plan(const std::vector<Stage>& stages, const Config& config, const Selection& selection);

}  // namespace millesime
