#pragma once
// Gap filling: a series on any target dates, from its valid dates. Values at invalid dates have no influence; 0 where the pixel has no
// valid date; |values| <= 32767. Results are float32, or rounded half away from zero: whoever computes on with them takes the first.
//
// linear           out(t) = a + (t - d_a) / (d_b - d_a) * (b - a)    a, b: values of the nearest valid dates d_a <= t < d_b
//                  Before the first and after the last valid date, their value is used. Arithmetic in float32. The temporal interpolation
//                  of iota2 and of the OSO product (Inglada et al. 2017, Remote Sensing 9(1):95, sec. 3.2).
// moving_average   the mean of the valid values within window_days / 2 of t, in float32; as linear where there is none. (A moving average
//                  filter as in FORCE, Frantz 2019, Remote Sensing 11(9):1124.)
// whittaker        the series z on acquisition and target dates x that makes sum_valid (y - z)^2 + smoothing * sum_i (s_i+1 - s_i)^2
//                  smallest, s_i = (z_i+1 - z_i) / ((x_i+1 - x_i) / 10 days): Whittaker's smoother with second differences (Eilers 2003,
//                  Analytical Chemistry 75:3631, eq. 5), which on a grid of 10 days is smoothing * sum (second difference)^2. Before
//                  the first and after the last valid date, z is constant; as linear with a single valid date. Arithmetic in float64.

#include <cstdint>
#include <string>

#include "kernels/base/stream.h"

namespace millesime {

enum class FillMethod : std::uint8_t { linear, moving_average, whittaker };
FillMethod fill_method(const std::string& name);  // "linear", "moving-average", "whittaker"; UserError otherwise

struct GapFilling {
  FillMethod method = FillMethod::linear;
  float window_days = 30;  // of moving_average, > 0
  float smoothing = 1;     // of whittaker, > 0
  bool rounded = false;    // float32 results are whole numbers, too: what models of format 1 learned from

  bool operator==(const GapFilling& other) const {  // C++17 has no default
    return method == other.method && window_days == other.window_days && smoothing == other.smoothing && rounded == other.rounded;
  }
};

struct GapFillArgs {
  std::int64_t pixels = 0;
  int n_dates = 0, n_bands = 0, n_targets = 0;
  const std::int32_t* days = nullptr;         // [date], strictly rising
  const std::int32_t* target_days = nullptr;  // [target], strictly rising
  const std::int16_t* samples = nullptr;      // [date][band][pixel]
  const std::uint8_t* valid = nullptr;        // [date][pixel], 1 = valid
  std::int16_t* filled = nullptr;             // [target][band][pixel], rounded; or, or also,
  float* exact = nullptr;                     // the same, not rounded
  GapFilling filling = {};
};

void gap_fill(const Stream& stream, const GapFillArgs& args);

}  // namespace millesime
