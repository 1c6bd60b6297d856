#pragma once
// Bfloat16: the upper half of a float32, rounded to nearest, ties to even; NaN stays NaN. The format of tensor cores and torch::kBFloat16.

#include <cstdint>
#include <cstring>

#include "kernels/base/host_device.h"

namespace millesime {

enum class Arithmetic { float32, bfloat16 };  // of products

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

MILLESIME_HD float to_float(Bfloat16 number) {
  const std::uint32_t bits = static_cast<std::uint32_t>(number.bits) << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// 0 for numbers below the smallest normal one, as instructions for products of bfloat16 read them.
MILLESIME_HD float normal_or_zero(float value) { return value < 1.17549435e-38f && value > -1.17549435e-38f ? 0.0f : value; }

}  // namespace millesime
