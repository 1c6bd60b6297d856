#pragma once
// How numbers become integers: half away from zero, saturated. The half is added in float32.

#include <cmath>
#include <cstdint>

#include "kernels/base/host_device.h"

namespace millesime {

MILLESIME_HD float away_from_zero(float x) { return x + copysignf(0.5f, x); }

// |x| must be below 32767.5.
MILLESIME_HD std::int16_t round_to_int16(float x) { return static_cast<std::int16_t>(static_cast<std::int32_t>(away_from_zero(x))); }

MILLESIME_HD float within_int16(float x) {
  const float low = x < -32768.0f ? -32768.0f : x;
  return low > 32767.0f ? 32767.0f : low;
}

MILLESIME_HD std::int16_t saturate_to_int16(float x) { return round_to_int16(within_int16(x)); }

}  // namespace millesime
