#pragma once
// Maps that this program or another one wrote, in the one form that commands work with: class codes, confidence in percent, numbers of
// valid acquisitions; 0 is no data. What other forms are taken for is decided here and nowhere else:
//
//   classes     whole numbers 0 to 65535 of any pixel type (also as floating-point numbers)
//   confidence  8-bit numbers: percent. Numbers of more bits and floating-point numbers by the largest of the file: up to 1 and with a
//               fraction: probabilities; up to 100: percent; whole numbers up to 1000: per mille
//   validity    whole numbers of any pixel type; more than 255 are 255
//
// The file's no-data value, NaN and pixels that a mask band or an alpha band hides are 0; a declared scale and offset are applied first.
// Percents are truncated as everywhere in the program (kernels/ops/decide.h): 0.53 is 52.

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/core/context.h"
#include "pipeline/io/raster_file.h"

namespace millesime {

enum class MapKind { classes, confidence, validity };

// How the numbers of a file are read.
struct MapForm {
  MapKind kind = MapKind::classes;
  bool as_stored = true;        // the numbers of the file are the values; otherwise they are converted as follows
  float factor = 1;             // value = number * factor, truncated
  int highest = 255;            // at least the largest value of the file
  bool whole_percents = false;  // of a confidence; as_stored: always
  std::string assumed = {};     // for the log: what the file is taken for; "" if it says so itself
};

class MapInput {
 public:
  // Reads the whole file once if its type does not say what its numbers are. UserError with file, number and what to do.
  MapInput(const std::string& file, MapKind kind);
  // With the form found before. A file of this program needs none: MapForm{kind}.
  MapInput(const std::string& file, const MapForm& form);

  const RasterReader& reader() const { return reader_; }
  const std::string& path() const { return reader_.path(); }
  const Grid& grid() const { return reader_.grid(); }
  const MapForm& form() const { return form_; }

  // UserError for an 8-bit confidence above 100.
  template <class T>  // std::uint8_t for confidence and validity, std::uint16_t for classes, std::int32_t for all
  void read(const Window& window, T* values) const;
  // Confidence as probabilities 0 to 1, as exact as the file has them: of whole percents, which are truncated, the middle of the step.
  void read_probabilities(const Window& window, float* probabilities) const;

 private:
  void find_form();
  std::vector<float> numbers(const Window& window) const;  // NaN: no data

  RasterReader reader_;
  MapForm form_;
};

// Of a command: notes what is assumed.
MapInput open_map(const std::string& file, MapKind kind, const Context& context);

// A truncated percent as a probability: the middle of the step. 100 is reached by certainty alone.
inline double middle_of_percent(int percent) { return percent >= 100 ? 1.0 : (percent + 0.5) / 100; }

// The pixel type of a map with codes up to `highest`.
inline PixelType class_type(int highest) { return highest > 255 ? PixelType::u16 : PixelType::u8; }

}  // namespace millesime
