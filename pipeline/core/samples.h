#pragma once
// Samples: labelled time series, from images or from a table. What training, evaluation and prediction work on.
//
// The working file is samples.safetensors (pipeline/core/samples.cpp documents its tensors); CSV is for exchange.

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/core/dates.h"

namespace millesime {

// Observations of one source (a sensor) on its own dates.
struct SampleSeries {
  std::string source;               // "sentinel2", "sentinel1", ...
  std::vector<std::string> bands;
  std::vector<float> scale;         // per band: physical value = stored number * scale (1 keeps the product's integers)
  std::vector<Date> dates;          // in time order
  std::vector<std::int16_t> values;  // [sample][date][band]; kNodata where invalid
  std::vector<std::uint8_t> valid;   // [sample][date]
};

// How a sample is used in the run of one seed. A lone polygon of its class both learns and tests (iota2's rule).
enum class Split : std::uint8_t { learn = 0, test = 1, both = 2 };

struct Samples {
  std::string tile;    // "" when the samples come from a table
  int year = 0;        // positions in time are counted in days from 1 January of this year
  std::vector<SampleSeries> series;          // the first one is the main source
  std::vector<std::string> static_names;     // elevation, slope, climate...
  std::vector<std::string> region_names;     // {""} without regions

  // one entry a sample
  std::vector<std::int32_t> label;    // class code
  std::vector<std::int64_t> polygon;  // group: never split between learn and test
  std::vector<std::int32_t> region;   // index in region_names
  std::vector<double> x, y;           // map position (of the pixel's centre) or 0
  std::vector<std::int32_t> col, row;  // pixel in the tile, -1 for tables
  std::vector<float> statics;         // [sample][static]; NaN where missing
  int n_seeds = 1;
  std::vector<std::uint8_t> split;    // [sample][seed], a Split

  std::int64_t size() const { return static_cast<std::int64_t>(label.size()); }
  Split split_of(std::int64_t sample, int seed) const { return static_cast<Split>(split[static_cast<std::size_t>(sample * n_seeds + seed)]); }
};

// Reading checks names, shapes, types and sizes before it allocates; UserError names file and tensor.
Samples read_samples(const std::string& file);
void write_samples(const Samples& samples, const std::string& file);  // atomic

// One row a sample: `label`, optional `group`, `x`, `y`, then <BAND>_<YYYYMMDD>; an empty cell is a cloudy or missing
// observation; a numeric column without date is static. Bands are grouped into sources by sensor and by their dates.
Samples read_samples_csv(const std::string& file);
void write_samples_csv(const Samples& samples, const std::string& file);  // atomic

}  // namespace millesime
