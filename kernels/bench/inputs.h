#pragma once
// What the operations are measured on: random numbers in the shapes of a Sentinel-2 year.

#include <omp.h>

#include <cstdint>
#include <random>

#include "kernels/base/buffer.h"
#include "kernels/ops/forest.h"
#include "kernels/ops/ltae.h"
#include "pipeline/core/series.h"

namespace millesime {

inline constexpr int kDates = 30, kTargets = 37, kClasses = 23, kTrees = 100, kTreeNodes = 3250, kForestFeatures = 370, kMaps = 5,
                     kBands = 10;

// Written once, so that its pages are allocated.
template <class T>
Buffer<T> numbers(std::int64_t n, int low, int high) {
  Buffer<T> buffer(Device{}, n);
  const auto range = static_cast<unsigned>(high - low + 1);
#pragma omp parallel
  {
    std::minstd_rand random(1 + static_cast<unsigned>(omp_get_thread_num()));
#pragma omp for
    for (std::int64_t i = 0; i < n; ++i) buffer.data()[i] = static_cast<T>(low + static_cast<int>(random() % range));
  }
  return buffer;
}

// Random splits: a leaf lies about 2 ln(leaves) = 15 nodes deep.
ForestArrays random_forest();

// The default network of models/registry.cpp.
LtaeWeights random_ltae();

// As Sentinel-2 has it: four bands of 10 m, six of 20 m, three mask planes.
Series year(int across);

// All ten bands on one grid, one mask plane: 2110 bytes a pixel with float32 output and no indices.
Series year_on_one_grid(int across);

}  // namespace millesime
