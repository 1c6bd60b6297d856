#pragma once
// Editions of one output folder (2021, 2021-06): a unit that another edition has finished with the same code, options and inputs is taken
// from there instead of being computed again.

#include <optional>
#include <string>

#include "pipeline/core/manifest.h"
#include "pipeline/stages/layout.h"
#include "pipeline/stages/stage.h"

namespace millesime {

struct MadeBefore {
  std::string edition;
  Manifest manifest;  // of the unit there; its paths are relative to the folder of that edition
};

// Puts the outputs of `unit` in their places, as further names of the other edition's files (copies where the file system has no such
// names), after a look at their content. `now`: the unit's code, options and inputs. Nothing is changed where no edition has made it.
std::optional<MadeBefore> take_from_another_edition(const Unit& unit, const Manifest& now, const Layout& layout);

}  // namespace millesime
