#pragma once
// Body of forest.h: the lanes of a block traverse one tree together, tree after tree, so that a tree's nodes stay in cache and the
// loads of the lanes overlap. A leaf refers to itself; a tree is done when no lane moves. On a GPU it walks a pixel a thread, and only
// where ForestGroup (forest.gpu.h) has no room for the features.

#include <cstdint>

#include "kernels/base/parallel_for.h"
#include "kernels/ops/forest.gpu.h"
#include "kernels/ops/forest.h"

namespace millesime {

// The winners of n pixels from `first` on, and the shares of their votes; votes[class][lane].
MILLESIME_HD void decide_votes(const ForestArgs& args, std::int64_t first, int n, const Rows<std::uint16_t>& votes) {
  for (int lane = 0; lane < n; ++lane) {
    int winner = 0;
    for (int c = 1; c < args.forest.n_classes; ++c)
      if (votes[c][lane] > votes[winner][lane]) winner = c;
    if (args.winner) args.winner[first + lane] = static_cast<std::uint8_t>(winner);
    if (args.confidence) args.confidence[first + lane] = static_cast<float>(votes[winner][lane]) / static_cast<float>(args.forest.n_trees);
  }
}

// votes[class][lane] to args.votes[pixel][class]
MILLESIME_HD void copy_votes(const ForestArgs& args, std::int64_t first, int n, const Rows<std::uint16_t>& votes) {
  const int n_classes = args.forest.n_classes;
  for (int lane = 0; lane < n; ++lane)
    for (int c = 0; c < n_classes; ++c) args.votes[(first + lane) * n_classes + c] = votes[c][lane];
}

template <int kLanes, bool kStatics>
struct ForestBlock {
  static constexpr bool kWholeWarps = kLanes == 1;
  ForestArgs args;

  MILLESIME_HD std::int64_t scratch_bytes() const { return 2 * std::int64_t{args.forest.n_classes}; }

  MILLESIME_HD void operator()(std::int64_t item, const Scratch& scratch) const {
    const ForestView& forest = args.forest;
    const bool exists = item * kLanes < args.pixels;  // not always in a warp
    const std::int64_t first = exists ? item * kLanes : args.pixels - 1;
    const int n = lanes_in_use<kLanes>(first, args.pixels);
    const auto votes = scratch.rows<std::uint16_t>(0);  // [class][lane]
    for (int c = 0; c < forest.n_classes; ++c)
      for (int lane = 0; lane < kLanes; ++lane) votes[c][lane] = 0;

    // Lanes beyond the last pixel repeat the first one.
    std::int64_t pixel[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) pixel[lane] = first + (lane < n ? lane : 0);
    for (int t = 0; t < forest.n_trees; ++t) {
      const ForestNode* nodes = forest.nodes + forest.root[t];
      std::uint32_t at[kLanes];
      for (int lane = 0; lane < kLanes; ++lane) at[lane] = 0;
      std::uint32_t moved = 1;
      while (moved) {
        moved = 0;
        for (int lane = 0; lane < kLanes; ++lane) {
          const ForestNode node = nodes[at[lane]];
          const float x = feature(pixel[lane], node_feature(node));
          const std::uint32_t next = node_left(node) + (x > node.threshold ? 1u : 0u);
          moved |= next ^ at[lane];
          at[lane] = next;
        }
      }
      const std::uint8_t* leaf_class = forest.leaf_class + forest.root[t];
      for (int lane = 0; lane < kLanes; ++lane) ++votes[leaf_class[at[lane]]][lane];
    }

    if (exists && (args.winner || args.confidence)) decide_votes(args, first, n, votes);
    if (args.votes) store_votes(item, n, votes, scratch);
  }

 private:
  MILLESIME_HD float feature(std::int64_t pixel, std::uint32_t number) const {
    const std::uint32_t n = static_cast<std::uint32_t>(args.forest.n_features - args.n_statics);
    if (kStatics && number >= n) return args.statics[pixel * args.n_statics + (number - n)];
    return args.features[pixel * n + number];
  }

  MILLESIME_HD void store_votes(std::int64_t item, int n, const Rows<std::uint16_t>& votes, const Scratch& scratch) const {
    const int n_classes = args.forest.n_classes;
    if constexpr (kWholeWarps) {
      using Tile = PixelTile<std::uint16_t>;
      Tile tile(scratch.tile, WarpPixels(item, args.pixels));
      for (int first = 0; first < n_classes; first += Tile::kColumns) {
        const int columns = n_classes - first < Tile::kColumns ? n_classes - first : Tile::kColumns;
        for (int c = 0; c < columns; ++c) tile.set(c, votes[first + c][0]);
        tile.store(args.votes, n_classes, first, columns, [](std::uint16_t count) { return count; });
      }
    } else {
      copy_votes(args, item * kLanes, n, votes);
    }
    static_cast<void>(scratch), static_cast<void>(n);
  }
};

template <class Backend>
void forest_on(const Backend& backend, const ForestArgs& args) {
  constexpr int kLanes = Backend::kLanes;
  if constexpr (kLanes == 1) {
    switch (forest_group_pixels(args.forest)) {
      case 16: return parallel_for(backend, "forest", block_count(args.pixels, 16), ForestGroup<16>{args});
      case 8: return parallel_for(backend, "forest", block_count(args.pixels, 8), ForestGroup<8>{args});
      case 4: return parallel_for(backend, "forest", block_count(args.pixels, 4), ForestGroup<4>{args});
      default: break;
    }
  }
  const std::int64_t blocks = block_count(args.pixels, kLanes);
  if (args.n_statics > 0)
    parallel_for(backend, "forest", blocks, ForestBlock<kLanes, true>{args});
  else
    parallel_for(backend, "forest", blocks, ForestBlock<kLanes, false>{args});
}

}  // namespace millesime
