#pragma once
// The numbers of a forest's features in at most 256 quantile bins (forest_trainer.h).

#include <cstdint>
#include <vector>

#include "models/arch/forest_trainer.h"

namespace millesime {

inline constexpr int kForestBins = 256;

// Every feature as the number of its bin.
struct ForestBins {
  std::vector<std::vector<float>> thresholds;  // [feature], ascending: bin b has values in (thresholds[b - 1], thresholds[b]]
  std::vector<std::uint8_t> bin;               // [sample][feature]: a node reads some features of some samples, a few cache lines each
};

// Quantiles are those of all samples, or of 65536 to 131072 drawn by `seed` where there are more. Each sample is read once or twice.
ForestBins make_bins(const ForestTable& table, std::uint64_t seed, int threads);

// Bytes that make_bins needs besides the bins: of the quantiles; of each thread.
std::int64_t bytes_of_quantiles(std::int64_t samples, int features);
std::int64_t bytes_of_rows(int features);

}  // namespace millesime
