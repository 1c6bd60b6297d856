#pragma once
// Random series for the tests of kernels, and simple implementations of the contracts of kernels/ops.

#include <cstdint>
#include <vector>

#include "kernels/ops/indices.h"
#include "kernels/ops/resample.h"
#include "pipeline/core/series.h"

namespace millesime::testing {

struct SeriesShape {
  int width = 70, height = 5;
  int dates = 6;
  double cloudy = 0.4;       // share of masked observations
  double missing = 0.02;     // share of missing samples
  bool simple_masks = true;  // "0 is valid" (THEIA L2A); or Sen2Cor's classes, L3A flags and bits
  unsigned seed = 1;
  bool operator==(const SeriesShape&) const = default;
};

// Ten Sentinel-2 bands: four on the window's grid, six of half the resolution with a margin of one pixel and an odd offset.
Series random_series(const SeriesShape& shape);
inline const std::vector<std::string> kTestBands = {"B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12"};

std::vector<std::int16_t> expected_samples(const Series& series, Resampling method);  // [date][band][pixel]
std::vector<std::uint8_t> expected_validity(const Series& series);                    // [date][pixel]
std::vector<std::int16_t> expected_fill(const std::vector<std::int32_t>& days, const std::vector<std::int32_t>& targets, int n_bands,
                                        std::int64_t pixels, const std::vector<std::int16_t>& samples,
                                        const std::vector<std::uint8_t>& valid);  // [target][band][pixel]

// The result of gap_fill() for the same, linear; fails the test if it writes beyond its buffer.
std::vector<std::int16_t> filled(const std::vector<std::int32_t>& days, const std::vector<std::int32_t>& targets, int n_bands,
                                 std::int64_t pixels, const std::vector<std::int16_t>& samples, const std::vector<std::uint8_t>& valid);

// Runs `work` with this many OpenMP threads.
template <class Work>
void with_threads(int threads, const Work& work);

}  // namespace millesime::testing

#include <omp.h>

template <class Work>
void millesime::testing::with_threads(int threads, const Work& work) {
  const int before = omp_get_max_threads();
  omp_set_num_threads(threads);
  work();
  omp_set_num_threads(before);
}
