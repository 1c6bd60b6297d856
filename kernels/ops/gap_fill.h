#pragma once
// Gap filling: linear in days between valid dates, on any target dates.
//
//   out(t) = round(a + (t - d_a) / (d_b - d_a) * (b - a))    a, b: values of the nearest valid dates d_a <= t < d_b
//
// Before the first and after the last valid date their value holds; 0 where the pixel has no valid date. Values at invalid
// dates have no influence. Arithmetic in float32, rounded half away from zero; |a|, |b| <= 32767.
// This is the temporal interpolation of iota2 and of the OSO product (Inglada et al. 2017, Remote Sensing 9(1):95, sec. 3.2).

#include <cstdint>

#include "kernels/base/stream.h"

namespace millesime {

struct GapFillArgs {
  std::int64_t pixels = 0;
  int n_dates = 0, n_bands = 0, n_targets = 0;
  const std::int32_t* days = nullptr;         // [date], strictly rising
  const std::int32_t* target_days = nullptr;  // [target], rising
  const std::int16_t* samples = nullptr;      // [date][band][pixel]
  const std::uint8_t* valid = nullptr;        // [date][pixel], 1 = valid
  std::int16_t* filled = nullptr;             // [target][band][pixel]
};

void gap_fill(const Stream& stream, const GapFillArgs& args);

}  // namespace millesime
