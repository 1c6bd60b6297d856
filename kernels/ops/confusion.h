#pragma once
// Counting over maps. Label 0 is no data and is not counted.
//
//   confusion         counts[reference][predicted] += 1
//   class_areas       counts[label] += 1; times the area of a pixel it is the mapped area
//   class_series      of each label and date: number, sum and sum of squares of a band's valid samples (never kMissing), from which
//                     mean = sum / n and spread^2 = squares / n - mean^2 (exact integers, so in any order)
//
// Results are added to the counts, so that windows and tiles can be processed one after the other.

#include <cstdint>

#include "kernels/base/host_device.h"
#include "kernels/base/stream.h"

namespace millesime {

inline constexpr int kLabels = 256;

struct ConfusionArgs {
  std::int64_t pixels = 0;
  const std::uint8_t* reference = nullptr;  // [pixel]
  const std::uint8_t* predicted = nullptr;  // [pixel]
  std::uint64_t* counts = nullptr;          // [kLabels][kLabels], added to
};

void confusion(const Stream& stream, const ConfusionArgs& args);

struct ClassAreasArgs {
  std::int64_t pixels = 0;
  const std::uint8_t* labels = nullptr;  // [pixel]
  std::uint64_t* counts = nullptr;       // [kLabels], added to
};

void class_areas(const Stream& stream, const ClassAreasArgs& args);

// n samples of one label on one date. sum is in two's complement.
struct ClassMoments {
  std::uint64_t n = 0, sum = 0, squares = 0;
  double mean() const { return n == 0 ? 0.0 : static_cast<double>(static_cast<std::int64_t>(sum)) / static_cast<double>(n); }
  double variance() const {  // of the population
    if (n == 0) return 0.0;
    const double variance = static_cast<double>(squares) / static_cast<double>(n) - mean() * mean();
    return variance > 0.0 ? variance : 0.0;
  }
};

struct ClassSeriesArgs {
  std::int64_t pixels = 0;
  int n_dates = 0, n_bands = 0, band = 0;
  const std::uint8_t* labels = nullptr;   // [pixel]
  const std::int16_t* samples = nullptr;  // [date][band][pixel]
  const std::uint8_t* valid = nullptr;    // [date][pixel], 1 = valid; null: all are
  ClassMoments* moments = nullptr;        // [date][kLabels], added to
};

void class_series(const Stream& stream, const ClassSeriesArgs& args);

}  // namespace millesime
