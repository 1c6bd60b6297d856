#pragma once
// Samples: labelled time series, from images or from a table: the input of training, evaluation and prediction.
//
// The working file is samples.safetensors (pipeline/core/samples_file.cpp documents its tensors); CSV is for exchange.

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/dates.h"
#include "pipeline/core/nomenclature.h"

namespace millesime {

// Observations of one source (a sensor) on its own dates.
struct SampleSeries {
  std::string source;  // "sentinel2", "sentinel1", ...
  std::vector<std::string> bands;
  std::vector<float> scale;          // per band: physical value = stored number * scale (1 keeps the product's integers)
  std::vector<Date> dates;           // in time order
  std::vector<std::int16_t> values;  // [sample][date][band]; kNodata where invalid
  std::vector<std::uint8_t> valid;   // [sample][date]
};

// How a sample is used in the run of one seed. The only polygon of a class is used for learning and testing (iota2's rule). Unused: in a
// learning polygon, but not selected.
enum class Split : std::uint8_t { learn = 0, test = 1, both = 2, unused = 3 };

struct Samples {
  std::string tile;                       // "" if the samples come from a table
  int year = 0;                           // positions in time are counted in days from 1 January of this year
  std::vector<SampleSeries> series;       // the first one is the main source
  std::vector<std::string> static_names;  // elevation, slope, climate...
  std::vector<std::string> region_names;  // {""} without regions

  // one entry a sample
  std::vector<std::int32_t> label;     // class code
  std::vector<std::int64_t> polygon;   // group: never split between learn and test
  std::vector<std::int32_t> region;    // index in region_names
  std::vector<double> x, y;            // map position (of the pixel's centre) or 0
  std::vector<std::int32_t> col, row;  // pixel in the tile, -1 for tables
  std::vector<float> statics;          // [sample][static]; NaN where missing
  int n_seeds = 1;
  std::vector<std::uint8_t> split;  // [sample][seed], a Split

  std::int64_t size() const { return static_cast<std::int64_t>(label.size()); }
  Split split_of(std::int64_t sample, int seed) const {
    return static_cast<Split>(split[static_cast<std::size_t>(sample * n_seeds + seed)]);
  }
};

// Checks names, shapes, types, sizes and codes before it allocates; UserError with file and tensor.
Samples read_samples(const std::string& file);
void write_samples(const Samples& samples, const std::string& file);  // atomic; same samples, same bytes

// One row a sample, one column each:
//   label                 class code (any integer), or a class name if a nomenclature is given; 0 if it is not known
//   group                 optional: polygon, a number or a name; without it every row is its own group
//   x, y                  optional: map position
//   region                optional: name of the region
//   split, or split_0...  optional: learn, test, both or unused, for each seed; without it all learn
//   <BAND>_<YYYYMMDD>     an observation; an empty cell, "nan" or "NA" is cloudy or missing
//   any other             a static input; an empty cell is missing
// Sources: B1 to B12 and B8A are "sentinel2"; VV, VH, HH and HV are "sentinel1"; other bands that have the same dates are one source
// ("series", "series_2"...). A date of a source is valid if all its bands have a value; otherwise all of them are set to kNodata.
// Numbers: a band of integers that fit into int16 is stored as it is (and kNodata, -10000, is missing, as in the images). Other
// bands are stored as rounded multiples of a power of ten: as many decimals as their numbers have and int16 holds (-0.2 to 0.9: four).
// Files of write_samples_csv() are read back equal (except for tile, col and row).
// UserError with file, line and column.
Samples read_samples_csv(const std::string& file, const Nomenclature* nomenclature = nullptr);
void write_samples_csv(const Samples& samples, const std::string& file);  // atomic

// By the file's name: CSV if it ends in .csv, the working format otherwise.
Samples load_samples(const std::string& file, const Nomenclature* nomenclature = nullptr);

// Merges the samples of several files (the tiles of a production). Sources have the dates of all files; a date that a file lacks is
// invalid for its samples. Files must agree in year, bands, scales, static inputs and number of seeds: UserError with both files otherwise.
// Groups stay distinct: polygon numbers that an earlier file has are replaced. Samples of several tiles have no tile, col and row.
Samples merge_samples(const std::vector<std::string>& files);

// A summary: samples and polygons per class and split; bands, dates and share of missing observations per source; static inputs.
nlohmann::ordered_json samples_summary(const Samples& samples);
std::string to_text(const Samples& samples, const Nomenclature* nomenclature = nullptr);  // the same as a printed table

const char* to_text(Split split);  // "learn", "test", "both", "unused"

// Bug if the samples are inconsistent (sizes, dates out of order).
void check(const Samples& samples);

}  // namespace millesime
