#pragma once
// What the numbers of a product's file mean: how those of a band become numbers of a Series, and what those of a mask say of a pixel.
// A sensor file declares both (sensor_file.h); they are the only way from a file to a Series.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/series.h"

namespace millesime {

// The unit of a source: the numbers of its Series are the physical values x per_unit(), as int16.
enum class SampleUnit { reflectance, decibel, celsius, millimetre, index, number };
std::string to_text(SampleUnit unit);
std::optional<SampleUnit> sample_unit(const std::string& text);
double per_unit(SampleUnit unit);  // reflectance 10000, decibel 100, degree Celsius 100, millimetre 10, index 10000, number 1

// Numbers of a band -> numbers of a Series.
struct Encoding {
  enum class Kind {
    stated,  // as the file says by GDAL's scale and offset (sample_unit.h); without them the numbers are in the unit already
    file,    // (number * scale + offset of the file) * factor + offset
    linear,  // number * factor + offset
    power    // 10 log10(number) decibel, of a linear power; 0 and less is no data
  };
  Kind kind = Kind::stated;
  double factor = 1, offset = 0;
  std::optional<double> nodata;       // in addition to the no-data value that the file states
  std::optional<double> least, most;  // numbers outside are no data

  bool operator==(const Encoding&) const = default;
  double in_unit(double number) const;  // NaN for no data; not for `stated` and `file`
  Encoding of_floats() const;           // for Float32 images: its numbers as such an image holds them
  nlohmann::ordered_json to_json() const;
  static Encoding from_json(const nlohmann::ordered_json& document);
};

// Whether a number is the fill value of its file. Fill values of 1e20 and the like are often written with few digits (9.96921e36).
bool is_fill(double number, double fill);

// What the values of one mask say of a pixel.
struct MaskMeaning {
  enum Answer : std::uint8_t { valid = 0, invalid = 1, no_image = 2 };
  std::vector<int> valid_values;  // where there are any, every other value is invalid
  std::vector<int> invalid_values;
  std::vector<int> invalid_bits;
  std::vector<int> image_values;  // where there are any, every other value means that the product has no image here
  std::vector<int> no_image_values;
  std::vector<int> no_image_bits;

  bool operator==(const MaskMeaning&) const = default;
  Answer of(std::int64_t value) const;
  bool tells_images() const { return !image_values.empty() || !no_image_values.empty() || !no_image_bits.empty(); }
  bool fits_a_byte() const;  // no value above 255 and no bit above 7 is named
};

// A mask plane of a Series. The byte of a pixel is the value of the file where that fits, and another byte of the same meaning where not;
// where the meaning needs more than a byte, it is MaskMeaning's answer. Decided here and nowhere else.
struct MaskPlane {
  std::string name;
  MaskMeaning meaning;
  std::string band;       // the mask is what this band says: no image where it has no data; "" for a mask with a file of its own
  bool optional = false;  // a product without the file has a valid pixel everywhere

  bool is_coded() const { return !band.empty() || !meaning.fits_a_byte(); }
  std::uint8_t byte_of(std::int64_t value) const;
  std::uint8_t byte_of_float(double value) const;           // no image, or invalid, where it is no whole number
  MaskRule invalid() const;                                 // of the plane's bytes
  MaskRule no_image() const;                                // likewise
  std::uint8_t byte_for(MaskMeaning::Answer answer) const;  // the highest byte of this meaning; where there is none, 0
  bool tells_images() const { return !band.empty() || meaning.tells_images(); }

  nlohmann::ordered_json to_json() const;
  static MaskPlane from_json(const nlohmann::ordered_json& document);
};

}  // namespace millesime
