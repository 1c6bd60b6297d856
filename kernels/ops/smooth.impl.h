#pragma once
// Body of smooth.h. A class is a plane, so that neighbouring lanes read neighbouring numbers. The neighbours are added in the order of rows
// and columns: the sum has the same bits in any window.

#include <cstdint>

#include "kernels/base/exponential.h"
#include "kernels/base/parallel_for.h"
#include "kernels/ops/row_block.h"
#include "kernels/ops/smooth.cpu.h"
#include "kernels/ops/smooth.h"

namespace millesime {

inline constexpr int kMostSmoothedClasses = 256;

template <int kLanes>
struct SmoothBlock {
  SmoothArgs args;

  // The weights of the neighbours at this row and shift; 0 for those that do not exist or do not count.
  MILLESIME_HD void weigh(const RowBlock<kLanes>& block, std::int64_t neighbour_row, int shift, float* weight) const {
    const std::int64_t plane = static_cast<std::int64_t>(args.cols) * args.rows;
    const std::int64_t neighbour = neighbour_row * args.cols + block.col + shift;
    const int first = block.col + shift < 0 ? -(block.col + shift) : 0;
    const int last = args.cols - block.col - shift, end = block.n() < last ? block.n() : last;
    for (int lane = 0; lane < kLanes; ++lane) weight[lane] = 0.0f;
    MILLESIME_ROLLED
    for (int c = 0; c < args.n_classes; ++c) {
      const float* own = args.probabilities + c * plane + block.first;
      const float* other = args.probabilities + c * plane + neighbour;
      MILLESIME_LANES_INDEPENDENT
      for (int lane = first; lane < end; ++lane) {
        const float difference = own[lane] - other[lane];
        weight[lane] = weight[lane] + (difference < 0.0f ? -difference : difference);
      }
    }
    const float scale = -0.5f / args.tolerance;
    const std::uint8_t* counts = args.counts + neighbour;
    MILLESIME_LANES_INDEPENDENT
    for (int lane = first; lane < end; ++lane) weight[lane] = counts[lane] != 0 ? exponential(weight[lane] * scale) : 0.0f;
  }

  MILLESIME_HD void operator()(std::int64_t item) const {
    const RowBlock<kLanes> block(args.cols, static_cast<std::int64_t>(args.cols) * args.rows, item);
    sum_neighbours(block);
  }

 private:
  MILLESIME_HD int first_row(const RowBlock<kLanes>& block) const { return block.row > args.reach ? block.row - args.reach : 0; }
  MILLESIME_HD int end_row(const RowBlock<kLanes>& block) const {
    return block.row + args.reach < args.rows ? block.row + args.reach + 1 : args.rows;
  }

  // The sums of the block's pixels are those that are written.
  MILLESIME_HD void sum_neighbours(const RowBlock<kLanes>& block) const {
    const std::int64_t plane = static_cast<std::int64_t>(args.cols) * args.rows;
    float weight[kLanes], total[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) total[lane] = 0.0f;
    for (int c = 0; c < args.n_classes; ++c)
      for (int lane = 0; lane < block.n(); ++lane) args.smoothed[c * plane + block.first + lane] = 0.0f;
    MILLESIME_ROLLED
    for (int row = first_row(block); row < end_row(block); ++row) {
      MILLESIME_ROLLED
      for (int shift = -args.reach; shift <= args.reach; ++shift) {
        weigh(block, row, shift, weight);
        const std::int64_t neighbour = static_cast<std::int64_t>(row) * args.cols + block.col + shift;
        const int first = block.col + shift < 0 ? -(block.col + shift) : 0;
        const int last = args.cols - block.col - shift, end = block.n() < last ? block.n() : last;
        for (int lane = 0; lane < kLanes; ++lane) total[lane] = total[lane] + weight[lane];
        MILLESIME_ROLLED
        for (int c = 0; c < args.n_classes; ++c) {
          const float* other = args.probabilities + c * plane + neighbour;
          float* sum = args.smoothed + c * plane + block.first;
          MILLESIME_LANES_INDEPENDENT
          for (int lane = first; lane < end; ++lane) sum[lane] = sum[lane] + weight[lane] * other[lane];
        }
      }
    }
    const std::uint8_t* counts = args.counts + block.first;
    for (int c = 0; c < args.n_classes; ++c) {
      const float* own = args.probabilities + c * plane + block.first;
      float* sum = args.smoothed + c * plane + block.first;
      for (int lane = 0; lane < block.n(); ++lane)
        sum[lane] = counts[lane] != 0 && total[lane] > 0.0f ? sum[lane] / total[lane] : own[lane];
    }
  }
};

template <class Backend>
void smooth_on(const Backend& backend, const SmoothArgs& args) {
  const std::int64_t blocks = row_block_count(args.cols, args.rows, Backend::kLanes);
  if constexpr (Backend::kLanes == 1)
    parallel_for(backend, "smooth", blocks, SmoothBlock<1>{args});
  else
    parallel_for(backend, "smooth", blocks, SmoothLanes{args});
}

}  // namespace millesime
