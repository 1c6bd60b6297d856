#pragma once
// Simple mask rules (MaskRule, series.h) for tests and benchmarks. Those of products come from their sensor files (io/encoding.h,
// MaskPlane).

#include <cstdint>
#include <initializer_list>

#include "pipeline/core/series.h"

namespace millesime {

MaskRule only_zero_is_valid();                                   // THEIA MUSCATE and MAJA: CLM, SAT, EDG
MaskRule only_valid(std::initializer_list<std::uint8_t> codes);  // every other value is invalid

}  // namespace millesime
