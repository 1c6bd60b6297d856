#pragma once
// Rules that say which values of a product's mask planes make a pixel invalid: one rule a plane, applied by kernels/ops/validity.h.

#include <cstdint>
#include <initializer_list>

#include "pipeline/core/series.h"

namespace millesime {

MaskRule only_zero_is_valid();                                   // THEIA MUSCATE and MAJA: CLM, SAT, EDG
MaskRule only_valid(std::initializer_list<std::uint8_t> codes);  // every other value is invalid
MaskRule invalid_where_set(std::uint8_t bits);                   // any of the bits; others are ignored. E.g. only the shadows of CLM

// Scene classification of Sen2Cor (ESA, Sentinel-2 MSI L2A product definition, table "SCL"): 0 no data, 1 saturated or defective,
// 3 cloud shadow, 8 and 9 cloud of medium and high probability and 10 thin cirrus are invalid; 2 dark area (topographic shadow),
// 4 vegetation, 5 bare, 6 water, 7 unclassified and 11 snow are valid. These are the classes that iota2 keeps. Values above 11 do not exist
// and are invalid.
MaskRule sen2cor_scene_classification();

// FLG of THEIA's monthly syntheses (L3A, WASP): 0 no data, 1 cloud, 2 snow, 3 water, 4 land. Cloud, no data and undefined values are
// invalid.
MaskRule theia_l3a_flags();

}  // namespace millesime
