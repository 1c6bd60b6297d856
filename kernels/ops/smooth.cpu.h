#pragma once
// The CPU twin of SmoothBlock (smooth.impl.h): the planes around some pixels are copied side by side first, where they do not contend for
// the same lines of the nearest cache (a plane is often a multiple of 4096 bytes), with zeros beyond the edges, which add nothing; then the
// neighbours of a row are weighed together. The sums are those of the shared body, in its order.

#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/base/exponential.h"
#include "kernels/base/lanes.h"
#include "kernels/ops/row_block.h"
#include "kernels/ops/smooth.h"

namespace millesime {

struct SmoothLanes {
  SmoothArgs args;

  std::int64_t scratch_bytes() const {
    const std::int64_t numbers = std::int64_t{args.n_classes} * (most_rows() * width() + kPart) + most_rows() * width();
    return 4 * ((numbers + kCpuLanes - 1) / kCpuLanes);
  }

  MILLESIME_HD void operator()(std::int64_t item, const Scratch& scratch) const {
    const RowBlock<kCpuLanes> block(args.cols, static_cast<std::int64_t>(args.cols) * args.rows, item);
    const int first_row = block.row > args.reach ? block.row - args.reach : 0;
    const int end_row = block.row + args.reach < args.rows ? block.row + args.reach + 1 : args.rows;
    Near near;
    near.rows = end_row - first_row, near.own_row = block.row - first_row;
    near.planes = reinterpret_cast<float*>(scratch.memory);
    near.sums = near.planes + std::int64_t{args.n_classes} * most_rows() * width();
    near.counts = reinterpret_cast<std::int32_t*>(near.sums + std::int64_t{args.n_classes} * kPart);
    for (int begin = 0; begin < block.n(); begin += kGroup) {
      copy(first_row, block.col + begin, near);
      const int end = block.n() - begin < kGroup ? block.n() - begin : kGroup;
      for (int lane = 0; lane < end; lane += kPart) {
        sum(near, lane);
        store(near, lane, block.first + begin + lane, end - lane < kPart ? end - lane : kPart);
      }
    }
  }

 private:
  static constexpr int kPart = 16;     // lanes of a register
  static constexpr int kGroup = 32;    // lanes whose surroundings are copied: of 23 classes a third of the nearest cache
  static constexpr int kTogether = 5;  // neighbours of a row, all of them with the usual reach of 2

  struct Near {
    float* planes;         // [class][row][column], from `reach` columns before the first pixel on
    float* sums;           // [class][lane] of a part
    std::int32_t* counts;  // [row][column]
    float total[kPart];    // of the weights
    int rows, own_row;
  };

  MILLESIME_HD int shifts() const { return 2 * args.reach + 1; }
  MILLESIME_HD std::int64_t most_rows() const { return shifts(); }
  // Neighbours that are weighed in vain because they fill up kTogether are beyond the others.
  MILLESIME_HD std::int64_t width() const { return kGroup + (shifts() + kTogether - 1) / kTogether * kTogether - 1; }
  MILLESIME_HD std::int64_t plane() const { return static_cast<std::int64_t>(args.cols) * args.rows; }

  MILLESIME_HD void copy(int first_row, int first_col, const Near& near) const {
    const int left = first_col - args.reach, n = static_cast<int>(width());
    const int begin = left < 0 ? -left : 0, end = args.cols - left < n ? args.cols - left : n;
    for (int row = 0; row < near.rows; ++row) {
      const std::int64_t from = static_cast<std::int64_t>(first_row + row) * args.cols + left;
      for (int c = 0; c < args.n_classes; ++c)
        copy_row(args.probabilities + c * plane() + from, begin, end, n, near.planes + (c * near.rows + row) * width());
      copy_row(args.counts + from, begin, end, n, near.counts + row * width());
    }
  }
  template <class From, class To>
  MILLESIME_HD static void copy_row(const From* from, int begin, int end, int n, To* to) {
    for (int i = 0; i < begin; ++i) to[i] = To{0};
    MILLESIME_LANES_INDEPENDENT
    for (int i = begin; i < end; ++i) to[i] = from[i];
    for (int i = end; i < n; ++i) to[i] = To{0};
  }

  // 0 where a neighbour does not count. With a condition in the loop the compiler would compute exp lane by lane.
  MILLESIME_HD void weights(const std::int32_t* counts, bool in_reach, float* weight) const {
    const float scale = -0.5f / args.tolerance;
    const std::int32_t all = in_reach ? -1 : 0;
    MILLESIME_LANES_INDEPENDENT
    for (int lane = 0; lane < kPart; ++lane) {
      const float number = exponential(weight[lane] * scale);
      std::int32_t bits;
      std::memcpy(&bits, &number, sizeof bits);
      bits &= -static_cast<std::int32_t>(counts[lane] != 0) & all;
      std::memcpy(&weight[lane], &bits, sizeof bits);
    }
  }

  // The weighted sums of a part's pixels, which begin `lane` after the first one of the group.
  MILLESIME_HD void sum(Near& near, int lane_of_part) const {
    for (int lane = 0; lane < kPart; ++lane) near.total[lane] = 0.0f;
    for (int i = 0; i < args.n_classes * kPart; ++i) near.sums[i] = 0.0f;
    for (int row = 0; row < near.rows; ++row)
      for (int shift = 0; shift < shifts(); shift += kTogether) add_row(near, row, lane_of_part + shift, shifts() - shift, lane_of_part);
  }

  // Neighbours from column `first` on, of which `in_reach` are wanted.
  MILLESIME_HD void add_row(Near& near, int row, int first, int in_reach, int lane_of_part) const {
    const float* own = near.planes + near.own_row * width() + lane_of_part + args.reach;
    const float* other = near.planes + row * width() + first;
    float va[kPart], vb[kPart], vc[kPart], vd[kPart], ve[kPart];
    for (int lane = 0; lane < kPart; ++lane) va[lane] = vb[lane] = vc[lane] = vd[lane] = ve[lane] = 0.0f;
    const std::int64_t step = near.rows * width();
    for (int c = 0; c < args.n_classes; ++c) {
      const float *x = own + c * step, *a = other + c * step;
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < kPart; ++lane) {
        va[lane] = va[lane] + std::fabs(x[lane] - a[lane]);
        vb[lane] = vb[lane] + std::fabs(x[lane] - a[lane + 1]);
        vc[lane] = vc[lane] + std::fabs(x[lane] - a[lane + 2]);
        vd[lane] = vd[lane] + std::fabs(x[lane] - a[lane + 3]);
        ve[lane] = ve[lane] + std::fabs(x[lane] - a[lane + 4]);
      }
    }
    const std::int32_t* counts = near.counts + row * width() + first;
    weights(counts, true, va), weights(counts + 1, in_reach > 1, vb), weights(counts + 2, in_reach > 2, vc);
    weights(counts + 3, in_reach > 3, vd), weights(counts + 4, in_reach > 4, ve);
    float* total = near.total;
    MILLESIME_LANES_INDEPENDENT
    for (int lane = 0; lane < kPart; ++lane) total[lane] = ((((total[lane] + va[lane]) + vb[lane]) + vc[lane]) + vd[lane]) + ve[lane];
    for (int c = 0; c < args.n_classes; ++c) {
      const float* a = other + c * step;
      float* sum = near.sums + c * kPart;
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < kPart; ++lane) {
        float s = sum[lane] + va[lane] * a[lane];
        s = s + vb[lane] * a[lane + 1];
        s = s + vc[lane] * a[lane + 2];
        s = s + vd[lane] * a[lane + 3];
        sum[lane] = s + ve[lane] * a[lane + 4];
      }
    }
  }

  MILLESIME_HD void store(const Near& near, int lane_of_part, std::int64_t pixel, int n) const {
    const std::int64_t own = near.own_row * width() + lane_of_part + args.reach;
    const std::int32_t* counts = near.counts + own;
    for (int c = 0; c < args.n_classes; ++c) {
      const float *sum = near.sums + c * kPart, *before = near.planes + c * near.rows * width() + own, *total = near.total;
      float mean[kPart];
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < kPart; ++lane) {
        const float divided = sum[lane] / total[lane];
        mean[lane] = ((counts[lane] != 0) & (total[lane] > 0.0f)) ? divided : before[lane];
      }
      float* to = args.smoothed + c * plane() + pixel;
      if (n == kPart)
        for (int lane = 0; lane < kPart; ++lane) to[lane] = mean[lane];
      else
        for (int lane = 0; lane < n; ++lane) to[lane] = mean[lane];
    }
  }
};

}  // namespace millesime
