#pragma once
// Inside learning only: thermal time of samples, from their series of daily temperature.

#include <cstdint>
#include <vector>

#include "models/base/model_spec.h"
#include "pipeline/learning/sample_input.h"

namespace millesime {

// Growing degree days of a mean day of these samples. UserError where they have no temperature, or none above the base.
double growing_degrees_per_day(const ThermalTime& time, const std::vector<SampleSelection>& selections);

// Of the samples of a selection, [sample][date of the series], `valid` likewise. UserError that names a day without a temperature that
// a valid observation needs.
std::vector<float> thermal_positions(const ThermalTime& time, const SampleSelection& selection, const SampleSeries& series,
                                     const std::vector<std::uint8_t>& valid, std::int64_t first, std::int64_t count);

}  // namespace millesime
