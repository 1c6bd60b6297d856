#pragma once
// exp in float32 from additions and multiplications only: the same bits on every device and compiler (contraction is off).
//
// Cody and Waite's reduction x = n ln 2 + r, |r| <= ln 2 / 2, with ln 2 in two parts, and a polynomial in r; within 2 units in the
// last place for -87 <= x <= 88. Below, it is 0; above, it is that of 88.

#include <cstdint>
#include <cstring>

#include "kernels/base/host_device.h"

namespace millesime {

MILLESIME_HD float exponential(float x) {
  // Without branches, so that loops over lanes become vector instructions.
  const float above = x > -87.0f ? x : -87.0f;
  const float bounded = above < 88.0f ? above : 88.0f;
  const float turns = bounded * 1.44269504f;  // 1 / ln 2
  const std::int32_t n = static_cast<std::int32_t>(turns + (turns < 0.0f ? -0.5f : 0.5f));
  const float whole = static_cast<float>(n);
  const float r = (bounded - whole * 0.693359375f) - whole * -2.12194440e-4f;
  // Taylor to the 7th order: the remainder is below 2^-27 for |r| <= 0.35.
  float p = 1.98412698e-4f;
  p = p * r + 1.38888889e-3f;
  p = p * r + 8.33333333e-3f;
  p = p * r + 4.16666667e-2f;
  p = p * r + 1.66666667e-1f;
  p = p * r + 0.5f;
  p = p * r * r + r + 1.0f;
  const std::int32_t bits = x >= -87.0f ? (n + 127) << 23 : 0;  // 2^n, or 0
  float scale;
  std::memcpy(&scale, &bits, sizeof scale);
  return p * scale;
}

}  // namespace millesime
