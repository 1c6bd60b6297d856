#pragma once
// Thermal time: the position of acquisitions in growing degree days since 1 January (pipeline/learning/thermal_time.h has the paper, and
// the days that are summed).
//
//   position[pixel][date] = sum over days d of the date's sum of max(0, degrees_d - base) / per_day;  negative before 1 January
//
// Sums are of 64 bits in the order of the days. A day without a temperature adds nothing; where a valid acquisition needs it, the earliest
// such day is told.

#include <cstdint>

#include "kernels/base/stream.h"

namespace millesime {

// The measured days that an acquisition's position is the sum of: [first, end).
struct ThermalSum {
  std::int32_t first = 0, end = 0;
  std::int32_t before_new_year = 0;  // 1: summed for itself, and negative; the others begin on one day and rise
  friend bool operator==(const ThermalSum& a, const ThermalSum& b) {
    return a.first == b.first && a.end == b.end && a.before_new_year == b.before_new_year;
  }
};

struct ThermalTimeArgs {
  std::int64_t pixels = 0;
  int n_days = 0, n_dates = 0;
  const std::int16_t* temperature = nullptr;  // [day][pixel], deg C x 100, a day every day_stride
  std::int64_t day_stride = 0;
  const std::uint8_t* known = nullptr;  // [day][pixel], 1: measured
  const ThermalSum* sums = nullptr;     // [date]
  double base = 0, per_day = 1;         // deg C
  const std::uint8_t* valid = nullptr;  // [pixel][date], of the acquisitions; null: all are
  float* positions = nullptr;           // [pixel][date]
  std::int32_t* lacking = nullptr;      // 0, or the number of the earliest day that lacks, minus n_days: its lowest so far
};

void thermal_time(const Stream& stream, const ThermalTimeArgs& args);

}  // namespace millesime
