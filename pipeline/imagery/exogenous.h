#pragma once
// Static inputs of a model that are not from the sensor: elevation, slope, climate, the farm register of the year before. Rasters or
// polygons of any reference system and resolution; longitudes may be counted from -180 or from 0 degrees. A pixel takes the value at its
// centre.
//
// Rasters: categories, and bands of bytes without scale and sign, are classes (nearest pixel), all others are continuous (bilinear, over
// the pixels that have a value; missing if the nearest one has none). So are embeddings in signed bytes, or in bytes with a scale. Outside
// the raster, and where it has no data (no-data value of the band, mask band, alpha band, NaN), the value is missing: NaN. Alpha bands are
// no inputs. Polygons: the value of a field, as a number or a category; where polygons overlap, that of the last; missing outside of all.
// Categories: a code is a whole number; any other text of a field becomes one from 8388608 on, the same for the same text in every file.
// The result does not depend on the windows of a tile.
//
// A fill value that a raster does not declare (-9999, -32768, 3.4e38...) is missing where it lies plainly beyond the other numbers of the
// band or frames the image, and refused where it may be a number; `nodata` decides (exogenous_fills.h).

#include <memory>
#include <string>
#include <vector>

#include "pipeline/core/grid.h"
#include "pipeline/core/options.h"
#include "pipeline/core/static_groups.h"

namespace millesime {

struct ExogenousOptions {  // [[exogenous]]
  std::string name, path;
  std::string field = {}, layer = {};    // of polygons
  std::string kind = "number";           // or "category"
  std::vector<std::string> nodata = {};  // numbers of a raster that stand for missing values; {"none"}: every number is one; {}: look

  bool is_category() const { return kind == "category"; }
  std::string identity() const;  // what it is, besides the content of its files
  Options declare();
};

// Names of the static inputs: the entry's name, or name_1, name_2... if its raster has several bands; those of categories end in kCategory.
// UserError for a double name.
std::vector<std::string> exogenous_names(const std::vector<ExogenousOptions>& entries);

// UserError where a raster cannot be opened, or polygons lack their layer or field. Reads no value.
void require_exogenous(const std::vector<ExogenousOptions>& entries);

// Every file they consist of (io/source_files.h).
std::vector<std::string> files_of_exogenous(const std::vector<ExogenousOptions>& entries);

// Looks for undeclared fill values of their rasters. What stands for a missing value, a sentence each, for the log. UserError where it
// cannot be told.
std::vector<std::string> notes_of_exogenous(const std::vector<ExogenousOptions>& entries);

// What the log says of inputs that often have no value: rasters from a hundredth of the places on, and polygons, which leave most land out,
// where there is no place with one. `places`: "samples", "pixels".
std::vector<std::string> notes_of_missing(const MissingStatics& missing, const std::vector<ExogenousOptions>& entries,
                                          const std::string& places);

// Not thread-safe: one object a thread.
class ExogenousReader {
 public:
  ExogenousReader(const std::vector<ExogenousOptions>& entries, const Grid& tile);
  ~ExogenousReader();
  ExogenousReader(ExogenousReader&&) noexcept;
  ExogenousReader& operator=(ExogenousReader&&) noexcept;

  std::size_t size() const;                                                  // static inputs
  std::vector<float> read(const Window& window) const;                       // [pixel of the window][static]
  void read(const Window& window, float* values, std::size_t stride) const;  // to values[pixel * stride + static]

 private:
  struct Source;
  struct Image;
  struct Polygons;
  Grid tile_;
  std::vector<std::unique_ptr<Source>> sources_;
};

}  // namespace millesime
