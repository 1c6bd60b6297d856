#pragma once
// The numbers of an image's file in the unit of a Series: reflectance x 10000 as int16, kNodata where there is no data. A file may hold
// them as they are, in any type of pixel, or state how they become reflectance (GDAL's scale and offset). What can be neither is refused.

#include <cstdint>
#include <string>

#include "pipeline/io/raster_file.h"

namespace millesime {

// value in the unit = number of the file * factor + offset
struct UnitScale {
  double factor = 1, offset = 0;
};
// A stated scale below 0.1 makes reflectance of the numbers (0.0001: they are in the unit as they are), a greater one reflectance x 10000.
UnitScale unit_scale(const BandInfo& band);
bool is_in_unit(const BandInfo& band);  // int16 as it is stored

std::int16_t to_sample(double value);  // rounded, half away from 0; NaN and what is below any reflectance: kNodata

// What a band or a mask of an image's file holds that cannot be brought to the unit: expected, got, what to do; "" where nothing is wrong.
// Some blocks are looked at; all of them only where the numbers are fractions and small.
std::string problem_of_band(const RasterReader& file);
std::string problem_of_mask(const RasterReader& file);

}  // namespace millesime
