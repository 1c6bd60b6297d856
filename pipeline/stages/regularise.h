#pragma once
// Regularise: removes single pixels and small patches from a class map, in these steps:
//
//   1. a majority filter (kernels/ops/majority_filter.h);
//   2. a sieve by a minimum number of pixels, repeated until nothing changes (kernels/ops/connected_components.h, sieve.h);
//   3. larger pixels, each of the most frequent class of those that it covers;
//   4. a sieve by another minimum, of the larger pixels;
//   5. a sieve by the minimum mapping unit.
//
// With groups (level 1 of the nomenclature, e.g. built-up, crops, forests) a pixel is voted on by the labels of its own group alone, and a
// small patch of steps 2 and 4 joins a neighbour of its group. What is too small even so joins, in the last step, the class that it touches
// most, of any group: the minimum mapping unit holds either way. A class without group is a group of its own.
//
// iota2's rule is: groups, no filter, 10 pixels (its umc1) first 8- and then 4-connected, 20 m, 3 pixels (umc2), 0.1 ha.
//
// Classes to keep (roads, rivers) may be one pixel wide: the filter leaves them, their patches are 8-connected whatever the others are, and
// they win a larger pixel of which they have a part. Their patches below the minimum go like all others.
//
// The result is that of the whole map in memory, independent of the windows: each is read with the surroundings that its result depends
// on, and between two steps the map is in a temporary file in the folder of the output (two bytes a pixel on its disk). Memory does not
// depend on the size of the map.

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/context.h"
#include "pipeline/core/options.h"
#include "pipeline/stages/names_language.h"
#include "pipeline/stages/stage.h"

namespace millesime {

struct RegulariseOptions {  // [regularise]; iota2's rule
  bool enabled = false;     // in a production
  int majority = 0;         // side of the filter's square, odd, px; 0: none
  int min_pixels = 10;      // minimum size of a patch; 0: no sieve
  std::string connectivity = "8 then 4";
  bool groups = true;      // within the nomenclature's level-1 groups first
  double resolution = 20;  // of the result, in the unit of the map; 0: that of the map
  int min_pixels_resampled = 3;
  std::string min_area = "0.1 ha";  // "": none
  std::vector<std::string> keep;    // codes or names of classes

  void declare(Options& options);
};

struct RegulariseCommand : RegulariseOptions {
  std::string map;           // class map, 0 = no data
  std::string nomenclature;  // palette, names and groups; "": those of the map
  NamesLanguage names;
  std::string output;  // the map to write

  RegulariseCommand();  // a majority filter and a sieve, at the map's resolution
  Options declare();
};

struct RegulariseCounts {
  std::int64_t pixels = 0, mapped = 0;         // of the result
  std::int64_t by_majority = 0, by_sieve = 0;  // pixels changed
  int passes = 0;                              // of the sieve that changed pixels
};
RegulariseCounts regularise(const RegulariseCommand& command, const Context& context);

// One unit: the map of the mosaic becomes Layout::regularised(). None unless regularise.enabled.
Stage regularise_stage();

}  // namespace millesime
