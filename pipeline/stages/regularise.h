#pragma once
// Regularise: removes single pixels and small patches from a class map. First a majority filter (kernels/ops/majority_filter.h), then a
// sieve by a minimum mapping unit, repeated until nothing changes (kernels/ops/connected_components.h, sieve.h).
//
// With groups (level 1 of the nomenclature, e.g. built-up, crops, forests) a pixel is voted on by the labels of its own group alone, and a
// small patch first joins a neighbour of its group. What is too small even so then joins the class that it touches most, of any group: the
// minimum mapping unit holds either way. A class without group is a group of its own.
//
// The result is that of the whole map in memory, independent of the windows: each is read with the surroundings that its result depends
// on, and between two steps the map is in a temporary file in the folder of the output (two bytes a pixel on its disk).

#include <cstdint>
#include <string>

#include "pipeline/core/context.h"
#include "pipeline/core/options.h"

namespace millesime {

struct RegulariseCommand {
  std::string map;           // class map, 0 = no data
  int majority = 3;          // side of the filter's square, odd, px; 0: none
  int min_pixels = 10;       // minimum size of a patch; 0: no sieve. 10 px of 10 m are 0.1 ha
  bool corners = false;      // pixels that touch at a corner belong to one patch
  bool groups = false;       // within the nomenclature's level-1 groups first
  std::string nomenclature;  // palette and names; "": those of the map
  std::string output;        // the map to write

  Options declare();
};

struct RegulariseCounts {
  std::int64_t pixels = 0, mapped = 0;
  std::int64_t by_majority = 0, by_sieve = 0;  // pixels changed
  int passes = 0;                              // of the sieve that changed pixels
};
RegulariseCounts regularise(const RegulariseCommand& command, const Context& context);

}  // namespace millesime
