#pragma once
// The GPU form of ForestBlock (forest.impl.h): the features of a group of pixels lie in the shared memory of a block, where each is asked
// for many times, and several threads share the trees of a pixel. Votes are integers: their order does not matter.

#include <cstdint>

#include "kernels/base/atomics.h"
#include "kernels/base/block.h"
#include "kernels/base/warp.h"
#include "kernels/ops/forest.h"

namespace millesime {

template <int kPixels>
struct ForestGroup {
  static constexpr bool kWholeBlocks = true;
  ForestArgs args;

  // features[feature][pixel], float32, then votes[class][pixel], integers of 32 bits
  static std::int64_t bytes_of(const ForestView& forest) { return std::int64_t{4} * kPixels * (forest.n_features + forest.n_classes); }
  std::int64_t shared_bytes() const { return bytes_of(args.forest); }

  MILLESIME_HD void operator()(std::int64_t item, const BlockThread& block) const {
    const std::int64_t first = item * kPixels;
    const int n = args.pixels - first < kPixels ? static_cast<int>(args.pixels - first) : kPixels;
    const int n_series = args.forest.n_features - args.n_statics;
    auto* const features = reinterpret_cast<float*>(block.shared);
    auto* const votes = reinterpret_cast<std::int32_t*>(features + args.forest.n_features * kPixels);
    load(args.features, n_series, first, n, 0, block, features);
    if (args.n_statics > 0) load(args.statics, args.n_statics, first, n, n_series, block, features);
    for (int k = block.thread; k < args.forest.n_classes * kPixels; k += kBlockThreads) votes[k] = 0;
    block_barrier();
    walk(block, features, votes);
    block_barrier();
    if (block.thread < n && (args.winner || args.confidence)) decide(first, block.thread, votes);
    if (args.votes) store_votes(first, n, block, votes);
  }

 private:
  // Numbers that are side by side in memory are a column apart: they, too, shall be in different banks.
  MILLESIME_HD static int place(int feature, int pixel) { return feature * kPixels + (pixel ^ (feature % kPixels)); }

  // array[pixel][column] to features[begin + column][pixel], a warp a pixel. Pixels after the last one repeat it.
  MILLESIME_HD static void load(const float* array, int columns, std::int64_t first, int n, int begin, const BlockThread& block,
                                float* features) {
    for (int pixel = block.thread / kWarpThreads; pixel < kPixels; pixel += kBlockThreads / kWarpThreads) {
      const float* row = array + (first + (pixel < n ? pixel : n - 1)) * columns;
      for (int column = warp_lane(); column < columns; column += kWarpThreads) features[place(begin + column, pixel)] = row[column];
    }
  }

  MILLESIME_HD void walk(const BlockThread& block, const float* features, std::int32_t* votes) const {
    const ForestView& forest = args.forest;
    const int pixel = block.thread % kPixels;
    for (int t = block.thread / kPixels; t < forest.n_trees; t += kBlockThreads / kPixels) {
      const ForestNode* nodes = forest.nodes + forest.root[t];
      std::uint32_t at = 0, before = 1;
      while (at != before) {
        const ForestNode node = nodes[at];
        const float x = features[place(static_cast<int>(node_feature(node)), pixel)];
        before = at;
        at = node_left(node) + (x > node.threshold ? 1u : 0u);
      }
      atomic_add(votes + (forest.leaf_class + forest.root[t])[at] * kPixels + pixel, 1);
    }
  }

  MILLESIME_HD void decide(std::int64_t first, int pixel, const std::int32_t* votes) const {
    int winner = 0;
    for (int c = 1; c < args.forest.n_classes; ++c)
      if (votes[c * kPixels + pixel] > votes[winner * kPixels + pixel]) winner = c;
    if (args.winner) args.winner[first + pixel] = static_cast<std::uint8_t>(winner);
    if (args.confidence)
      args.confidence[first + pixel] = static_cast<float>(votes[winner * kPixels + pixel]) / static_cast<float>(args.forest.n_trees);
  }

  MILLESIME_HD void store_votes(std::int64_t first, int n, const BlockThread& block, const std::int32_t* votes) const {
    const int classes = args.forest.n_classes;
    for (int k = block.thread; k < n * classes; k += kBlockThreads)
      args.votes[first * classes + k] = static_cast<std::uint16_t>(votes[k % classes * kPixels + k / classes]);
  }
};

// Pixels of a group: as many as the shared memory holds; 0: it does not hold four of them (more than 3000 features and classes), and
// ForestBlock walks a pixel a thread.
inline int forest_group_pixels(const ForestView& forest) {
  if (ForestGroup<16>::bytes_of(forest) <= kBlockSharedBytes) return 16;
  if (ForestGroup<8>::bytes_of(forest) <= kBlockSharedBytes) return 8;
  return ForestGroup<4>::bytes_of(forest) <= kBlockSharedBytes ? 4 : 0;
}

}  // namespace millesime
