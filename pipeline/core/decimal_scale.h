#pragma once
// Powers of ten for storing numbers of a table as integers: a band whose numbers have two decimals is stored in hundredths.

namespace millesime {

inline constexpr int kMaxDecimals = 18;

inline double power_of_ten(int exponent) {  // exact up to 10^22; exponent >= 0
  double power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

// The factor of a stored integer: 10^exponent.
inline float scale_of(int exponent) { return static_cast<float>(exponent < 0 ? 1.0 / power_of_ten(-exponent) : power_of_ten(exponent)); }

}  // namespace millesime
