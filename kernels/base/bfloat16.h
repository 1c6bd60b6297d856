#pragma once
// Bfloat16: the upper half of a float32, rounded to nearest, ties to even; NaN stays NaN. The format of tensor cores and torch::kBFloat16.

#include <cstdint>
#include <cstring>

#include "kernels/base/host_device.h"

namespace millesime {

struct Bfloat16 {
  std::uint16_t bits;
};

MILLESIME_HD Bfloat16 to_bfloat16(float value) {
  std::uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const bool nan = (bits & 0x7FFFFFFFu) > 0x7F800000u;
  const std::uint32_t rounded = bits + 0x7FFFu + (bits >> 16 & 1u);
  return {static_cast<std::uint16_t>(nan ? (bits >> 16 | 0x40u) : rounded >> 16)};
}

}  // namespace millesime
