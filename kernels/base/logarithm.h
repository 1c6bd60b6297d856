#pragma once
// Natural logarithm in float32 from additions and multiplications only: the same bits on every device and compiler (contraction is off).
//
// x = m 2^e with m from sqrt(1/2) to sqrt(2), and the polynomial of Cephes (Moshier 1989, logf) in m - 1, ln 2 in two parts; within 2 units
// in the last place for normal positive numbers. Of others the result means nothing.

#include <cstdint>
#include <cstring>

#include "kernels/base/host_device.h"

namespace millesime {

MILLESIME_HD float logarithm(float x) {
  std::int32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  constexpr std::int32_t kRootOfHalf = 0x3f3504f3;
  // The exponent of the number whose mantissa is in [sqrt(1/2), sqrt(2)).
  const std::int32_t exponent = (bits - kRootOfHalf) >> 23;
  const std::int32_t mantissa = bits - (exponent << 23);
  float m;
  std::memcpy(&m, &mantissa, sizeof m);
  const float r = m - 1.0f, square = r * r, e = static_cast<float>(exponent);
  float p = 7.0376836292e-2f;
  p = p * r - 1.1514610310e-1f;
  p = p * r + 1.1676998740e-1f;
  p = p * r - 1.2420140846e-1f;
  p = p * r + 1.4249322787e-1f;
  p = p * r - 1.6668057665e-1f;
  p = p * r + 2.0000714765e-1f;
  p = p * r - 2.4999993993e-1f;
  p = p * r + 3.3333331174e-1f;
  const float tail = r * square * p - 2.12194440e-4f * e - 0.5f * square;
  return (r + tail) + 0.693359375f * e;
}

}  // namespace millesime
