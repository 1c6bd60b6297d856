#pragma once
// Rules that say which values of a product's mask planes make a pixel invalid: one rule a plane, applied by kernels/ops/validity.h.

#include <cstdint>
#include <initializer_list>

#include "pipeline/core/series.h"

namespace millesime {

MaskRule only_zero_is_valid();                                   // THEIA MUSCATE and MAJA: CLM, SAT, EDG
MaskRule only_valid(std::initializer_list<std::uint8_t> codes);  // every other value is invalid

}  // namespace millesime
