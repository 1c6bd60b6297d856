#pragma once
// `--tiles`: single tiles are computed again with what the other tiles were computed with.

#include <string>
#include <vector>

#include "pipeline/engine/plan.h"

namespace millesime {

// Whether a finished unit stays as it is, whatever has changed since: training again would change every other tile, too, and samples that
// models learned from know which polygons these did not see. Not where the run ends with the stage and names the unit's tile: then it is
// what was asked for.
bool is_kept(const Selection& selection, const Stage& stage, const Unit& unit, const Config& config);

// UserError where a unit that is kept was made with another option than the configuration has now: what it made would be published under
// that option.
void require_options_of_kept(const std::vector<Stage>& stages, const Config& config, const Selection& selection);

// UserError where a stage from `first` up to before `end` would join (Stage::joins) units of tiles that were made, or will be, with
// different options: a map of two settings.
void require_tiles_alike(const std::vector<Stage>& stages, std::size_t first, std::size_t end, const Config& config,
                         const Selection& selection);

}  // namespace millesime
