#include "models/arch/forest_bins.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "pipeline/core/chance.h"
#include "pipeline/core/side_by_side.h"

namespace millesime {
namespace {

constexpr std::int64_t kRowsAtOnce = 1024;
constexpr std::int64_t kSamplesForQuantiles = 1 << 16;

// A number in [low, high): where a split between the two is made.
float between(float low, float high) {
  const float middle = low / 2 + high / 2;
  return middle >= low && middle < high ? middle : low;
}

// `values`: sorted, without NaN.
std::vector<float> quantile_thresholds(const std::vector<float>& values) {
  std::vector<float> thresholds;
  std::vector<std::size_t> first;  // of each different value
  for (std::size_t i = 0; i < values.size(); ++i)
    if (i == 0 || values[i] != values[i - 1]) first.push_back(i);
  if (first.size() <= kForestBins) {
    for (std::size_t v = 1; v < first.size(); ++v) thresholds.push_back(between(values[first[v - 1]], values[first[v]]));
    return thresholds;
  }
  for (std::size_t b = 1, v = 0; b < kForestBins; ++b) {
    const std::size_t rank = b * values.size() / kForestBins;
    while (v < first.size() && first[v] < rank) ++v;
    if (v == 0 || v == first.size()) continue;
    const float threshold = between(values[first[v] - 1], values[first[v]]);
    if (thresholds.empty() || threshold > thresholds.back()) thresholds.push_back(threshold);
  }
  return thresholds;
}

// Calls use(first, count, rows [sample][feature]) for blocks of the `n` samples sample_of(0), sample_of(1)...
template <class SampleOf, class Use>
void in_blocks(const ForestTable& table, std::int64_t n, int threads, const SampleOf& sample_of, const Use& use) {
  side_by_side((n + kRowsAtOnce - 1) / kRowsAtOnce, threads, [&](std::int64_t block) {
    const std::int64_t first = block * kRowsAtOnce, count = std::min(kRowsAtOnce, n - first);
    std::vector<std::int64_t> samples;
    for (std::int64_t i = first; i < first + count; ++i) samples.push_back(sample_of(i));
    std::vector<float> rows(static_cast<std::size_t>(count * table.n_features));
    table.read(samples, rows.data());
    use(first, count, rows.data());
  });
}

// The values of each feature, sorted, without NaN: of one of every `step` samples in turn, which a hash chooses: the order of the samples
// may have any period.
std::vector<std::vector<float>> sorted_values(const ForestTable& table, std::int64_t step, std::uint64_t seed, int threads) {
  const auto n_features = static_cast<std::size_t>(table.n_features);
  const std::int64_t n = (table.n_samples + step - 1) / step;
  const auto chosen = [&](std::int64_t i) {
    const std::int64_t first = i * step, of = std::min(step, table.n_samples - first);
    return first + static_cast<std::int64_t>(mix(mix(seed) ^ static_cast<std::uint64_t>(i)) % static_cast<std::uint64_t>(of));
  };
  std::vector<std::vector<float>> values(n_features, std::vector<float>(static_cast<std::size_t>(n)));
  in_blocks(table, n, threads, chosen, [&](std::int64_t first, std::int64_t count, const float* rows) {
    for (std::size_t f = 0; f < n_features; ++f)
      for (std::int64_t i = 0; i < count; ++i)
        values[f][static_cast<std::size_t>(first + i)] = rows[static_cast<std::size_t>(i) * n_features + f];
  });
  side_by_side(table.n_features, threads, [&](std::int64_t f) {
    auto& sorted = values[static_cast<std::size_t>(f)];
    std::erase_if(sorted, [](float value) { return std::isnan(value); });
    std::ranges::sort(sorted);
  });
  return values;
}

}  // namespace

ForestBins make_bins(const ForestTable& table, std::uint64_t seed, int threads) {
  const std::int64_t n = table.n_samples, step = std::max<std::int64_t>(1, n / kSamplesForQuantiles);
  ForestBins bins;
  for (const auto& values : sorted_values(table, step, seed, threads)) bins.thresholds.push_back(quantile_thresholds(values));
  bins.bin.resize(static_cast<std::size_t>(table.n_features * n));
  in_blocks(table, n, threads, std::identity(), [&](std::int64_t first, std::int64_t count, const float* rows) {
    std::uint8_t* const to = bins.bin.data() + first * table.n_features;
    for (int f = 0; f < table.n_features; ++f) {
      const auto& thresholds = bins.thresholds[static_cast<std::size_t>(f)];
      for (std::int64_t i = f; i < count * table.n_features; i += table.n_features) {
        const auto bin = std::isnan(rows[i]) ? thresholds.begin() : std::ranges::lower_bound(thresholds, rows[i]);
        to[i] = static_cast<std::uint8_t>(bin - thresholds.begin());
      }
    }
  });
  return bins;
}

std::int64_t bytes_of_quantiles(std::int64_t samples, int features) {
  return std::min(samples, 2 * kSamplesForQuantiles) * features * std::int64_t{sizeof(float)};
}

std::int64_t bytes_of_rows(int features) { return kRowsAtOnce * features * 8; }

}  // namespace millesime
