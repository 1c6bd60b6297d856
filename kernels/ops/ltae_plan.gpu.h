#pragma once
// Where LtaeGroup (ltae.gpu.h) keeps what in the shared memory of a block, and for how many pixels there is room.

#include <algorithm>
#include <cstdint>

#include "kernels/base/block.h"
#include "kernels/base/warp.h"
#include "kernels/ops/ltae.h"
#include "kernels/ops/ltae_product.h"

namespace millesime {

inline constexpr int kBlockWarps = kBlockThreads / kWarpThreads;

// Positions in a block's shared memory, bytes. Two areas, each used again when what it held has been read:
//   first    attention [head][span], then what is embedded of these heads in its place, then the hidden layer
//   second   what is read and the dates that warps work on, then the means, then the dense layer, then the logits
template <int kPixels>
struct LtaeGroupPlan {
  static constexpr int kRow = 4 * kPixels;                    // bytes of a number of all pixels
  static constexpr int kPart = kPixels > 4 ? 2 : 1;           // pixels of a thread: its sums and what it reads shall stay in registers
  static constexpr int kParts = kPixels / kPart, kHeads = 2;  // a thread makes the means of two heads
  int heads = 0, embedded = 0;                                // whose means are made at once, and that are embedded at once; 0: no room
  int span = 0;                                               // rows of a head. Odd, so that heads side by side are in different banks
  int first = 0, second = 0, selected = 0, slices = 0, slice = 0, means = 0, seen = 0, norm = 0, shown = 0, used = 0;
  std::int64_t end = 0;

  LtaeGroupPlan(const LtaeView& net, int dates) {
    const int number_tasks = fours(net.attended) * kParts, embed_tasks = fours(net.head_width) * kParts;
    heads = std::min(net.heads, kHeads * (kBlockThreads / number_tasks)), embedded = std::min(net.heads, kBlockThreads / embed_tasks);
    span = std::max(dates, net.head_width) | 1;
    const std::int64_t row = kRow, in_first = row * std::max(net.heads * span, net.hidden);
    const std::int64_t read = (std::int64_t{2} * kPixels * dates * (net.features + 1) + 15) / 16 * 16;
    const std::int64_t of_date = row * (net.attended + (net.spectral >= 0 ? net.features : 0)), of_means = row * heads * net.attended;
    const bool at_once = heads == net.heads;  // nothing is read again after the means
    const std::int64_t until_means =
        at_once ? std::max(read + kBlockWarps * of_date, of_means) : read + std::max(kBlockWarps * of_date, of_means);
    const std::int64_t in_second = std::max(until_means, row * std::max(net.mlp + net.statics, net.classes));
    end = in_first + in_second + row * 3 + std::int64_t{4} * (2 * dates + 1);
    if (embedded == 0 || end > kBlockSharedBytes || (kPixels > 8 && !at_once)) heads = 0;  // not at once: half as many pixels cost less
    if (heads == 0) return;
    second = static_cast<int>(in_first), selected = second + 2 * kPixels * dates * net.features;
    slices = second + static_cast<int>(read), slice = static_cast<int>(of_date), means = at_once ? second : slices;
    seen = static_cast<int>(in_first + in_second), norm = seen + kRow, shown = norm + 2 * kRow, used = shown + 4 * dates;
  }
};

// Pixels of a group: as many as the shared memory holds; 0: it does not hold four of them (many dates, or a network many times as wide as
// the default one), and LtaeBlock computes a pixel a thread.
inline int ltae_group_pixels(const LtaeView& net, int dates) {
  if (LtaeGroupPlan<16>(net, dates).heads > 0) return 16;
  if (LtaeGroupPlan<8>(net, dates).heads > 0) return 8;
  return LtaeGroupPlan<4>(net, dates).heads > 0 ? 4 : 0;
}

}  // namespace millesime
