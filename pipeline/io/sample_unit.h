#pragma once
// The numbers of an image's file in the unit of a Series (reflectance x 10000...) as int16, kNodata where there is no data. The sensor file
// says how they become that (Encoding), or else the file: it holds them as they are, in any type of pixel, or states how they become
// reflectance (GDAL's scale and offset). What can be neither is refused.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/core/series.h"
#include "pipeline/io/census.h"
#include "pipeline/io/raster_file.h"

namespace millesime {

// value in the unit = number of the file * factor + offset
struct UnitScale {
  double factor = 1, offset = 0;
};
// A stated scale below 0.1 makes reflectance of the numbers (0.0001: they are in the unit as they are), a greater one reflectance x 10000.
UnitScale unit_scale(const BandInfo& band);
bool is_in_unit(const BandInfo& band);  // int16 as it is stored

// Of a mask that is what a band says (MaskPlane::band).
inline std::uint8_t mask_byte_of(std::int16_t sample) { return sample == kNodata ? MaskMeaning::no_image : MaskMeaning::valid; }

std::int16_t to_sample(double value);  // rounded, half away from 0; NaN and what is below any reflectance: kNodata

// What a band or a mask of an image's file holds that cannot be brought to the unit: expected, got, what to do; "" where nothing is wrong.
// Some blocks are looked at; all of them only where the numbers are fractions and small.
// `alone`: the file is expected to have this one band.
std::string problem_of_band(const RasterReader& file, const Layer& layer, SampleUnit unit, bool alone);
std::string problem_of_mask(const RasterReader& file, const Layer& layer, bool alone);

// The numbers of a Series for every number of 16 (or 8) bits of a file, by its bit pattern: made once for each encoding.
const std::vector<std::int16_t>& sample_table(PixelType type, const Encoding& encoding, std::optional<double> file_nodata);

// The numbers of a Series for a linear power in float32 (decibel), without a logarithm for each: they rise with the bits of the power, so
// that a table knows them for all powers whose first bits are the same, but for the place where the next number begins.
class PowerSamples {
 public:
  static bool can(const Encoding& encoding, std::optional<double> file_nodata);
  static const PowerSamples& of(const Encoding& encoding);  // made once for each

  // As to_sample(encoding.in_unit(power)), bit for bit.
  void convert(const float* power, std::size_t n, std::int16_t* samples) const;

 private:
  explicit PowerSamples(const Encoding& encoding);
  std::int16_t exact(float power) const { return to_sample(encoding_.in_unit(static_cast<double>(power))); }

  struct Cell {
    std::int16_t sample;
    std::uint16_t next;  // the last bits from which on it is one more; more than any where it never is
  };
  Encoding encoding_;
  std::vector<Cell> cells_;
};

}  // namespace millesime
