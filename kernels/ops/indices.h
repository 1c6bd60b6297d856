#pragma once
// Spectral indices, declared in one table (indices.cpp) or by an expression of the configuration (index_expression.h).
//
//   ratio index   gain * (n0 + sum_i n_i b_i) / (d0 + sum_i d_i b_i), 0 where the denominator is 0
//   Brightness    sqrt(sum over all bands b^2)
//
// Bands are stored in steps of their unit (reflectance x 10000). Ratio indices are stored as integers x 1000, Brightness as it is;
// integers are rounded half away from zero and saturated to int16.

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/stream.h"

namespace millesime {

inline constexpr int kMaxIndices = 24;
inline constexpr int kMaxIndexBands = 6;

// One index, resolved to the bands of a series. Plain data.
struct IndexFormula {
  bool brightness = false;
  int n_bands = 0;
  std::int8_t band[kMaxIndexBands] = {};   // position among the series' bands
  float numerator[kMaxIndexBands] = {};    // n_i
  float denominator[kMaxIndexBands] = {};  // d_i
  float numerator_offset = 0;              // n0, in stored numbers
  float denominator_offset = 0;            // d0, the same
  float gain = 1;
  float integer_scale = 1000;  // stored integer = value * integer_scale
};

struct IndexPlan {
  int n = 0;
  IndexFormula formulas[kMaxIndices];
};

// For each known index: its bands, formula and source.
struct IndexInfo {
  std::string name, formula, source;
  std::vector<std::string> bands;
};
const std::vector<IndexInfo>& known_indices();

// {"NDVI", "Brightness", "GCVI = B8 / B3 - 1"} on the bands of a series: names of the table, whose case does not matter, and expressions
// (index_expression.h). UserError names an unknown index (with the nearest known one), or the band that an index needs and the series
// lacks. Formulas are of physical values: `steps` are those of a stored number of each band; {}: 0.0001, as of reflectance.
IndexPlan plan_indices(const std::vector<std::string>& names, const std::vector<std::string>& bands, const std::vector<float>& steps = {});

struct IndicesArgs {
  std::int64_t pixels = 0;
  int n_dates = 0, n_bands = 0;
  IndexPlan plan;
  const std::int16_t* samples = nullptr;  // [date][band][pixel]; or, instead,
  const float* exact = nullptr;           // the same as float32, e.g. of gap_fill
  float* values = nullptr;                // [date][index][pixel], may be null
  std::int16_t* integers = nullptr;       // [date][index][pixel], may be null
};

void indices(const Stream& stream, const IndicesArgs& args);

}  // namespace millesime
