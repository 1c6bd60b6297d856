#pragma once
// Clump: the patches of a class map, numbered. Pixels of one class that meet at an edge (or, on request, at a corner) are one patch; the
// numbers rise with the patches' first pixels, row by row from the north-west, and do not depend on the windows that the map is read in.
// 0, no data, belongs to no patch.

#include <cstdint>
#include <string>

#include "pipeline/stages/stage.h"

namespace millesime {

struct ClumpCommand {
  std::string map;       // class map, one band of whole numbers, 0 = no data
  bool corners = false;  // pixels that meet at a corner are one patch
  std::string output;    // int32, one number a patch

  Options declare();
};

struct ClumpCounts {
  std::int64_t pixels = 0, mapped = 0, patches = 0, largest = 0;  // largest: pixels of the largest patch
};
// UserError for a map of more than 2^31 - 2 patches.
ClumpCounts clump(const ClumpCommand& command, const Context& context);

}  // namespace millesime
