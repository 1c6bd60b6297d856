#pragma once
// Thermal time: the position of acquisitions for models of spec.time (models/base/model_spec.h), from daily temperatures at a sample or a
// pixel. Growing degree days since 1 January of the mapped year, divided by what a mean day of the training samples has, so that positions
// are about those of the calendar (Nyborg et al. 2022, CVPR Workshops, "Generalized Classification of Satellite Image Time Series with
// Thermal Positional Encoding"). Days of a period that begins before 1 January are counted backwards.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/ops/thermal_time.h"
#include "models/base/model_spec.h"
#include "pipeline/core/dates.h"

namespace millesime {

// Of the series of temperatures, the band that is read: the only one, or the one named temperature. UserError that starts with `where`.
std::string temperature_band(const std::vector<std::string>& bands, const std::string& where);

class ThermalClock {
 public:
  // `measured`: days of the temperatures. UserError that names the days that lack, of those from 1 January (or the first acquisition, if
  // that is earlier) to the last acquisition; it starts with `where`.
  ThermalClock(const ThermalTime& time, Date new_year, const std::vector<Date>& measured, const std::vector<Date>& acquisitions,
               const std::string& where);

  const std::vector<ThermalSum>& sums() const { return sums_; }  // of each acquisition, in numbers of the measured days

  // Writes the position of each acquisition at one place. `degrees` (deg C) and `known`: of each measured day; `valid`: of each
  // acquisition. The result is a day without a temperature that a valid acquisition needs; none: all is well.
  std::optional<Date> place(const float* degrees, const std::uint8_t* known, const std::uint8_t* valid, float* positions) const;

 private:
  double base_, per_day_;
  std::vector<Date> measured_;
  std::vector<ThermalSum> sums_;
};

// The message of a place whose temperature lacks on a day.
std::string lacking_temperature(const ThermalTime& time, Date day);

}  // namespace millesime
