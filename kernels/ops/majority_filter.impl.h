#pragma once
// Body of majority_filter.h. The labels of a square are counted in increasing order; each is found while the one before it is counted, so
// no histogram is needed: one pass over the square for each label that occurs, and one to find the first.

#include <cstdint>

#include "kernels/base/parallel_for.h"
#include "kernels/ops/majority_filter.h"
#include "kernels/ops/row_block.h"

namespace millesime {

template <int kLanes>
struct MajorityFilterBlock {
  MajorityFilterArgs args;

  // For each lane the count of `label` in its square, and the distance to the next higher label: 0 means label + 1; above 254 - label
  // there is no higher one (differences wrap around in a byte).
  MILLESIME_HD void count(const RowBlock<kLanes>& block, const std::uint8_t* label, std::uint8_t* votes, std::uint8_t* step) const {
    for (int lane = 0; lane < kLanes; ++lane) votes[lane] = 0, step[lane] = 255;
    const int reach = args.size / 2, centre_row = args.row + block.row, centre_col = args.col + block.col;
    const int first_row = centre_row > reach ? centre_row - reach : 0;
    const int end_row = centre_row + reach < args.rows ? centre_row + reach + 1 : args.rows;
    MILLESIME_ROLLED
    for (int row = first_row; row < end_row; ++row) {
      MILLESIME_ROLLED
      for (int shift = -reach; shift <= reach; ++shift) {
        const int col = centre_col + shift;  // of the first lane's neighbour
        const int first = col < 0 ? -col : 0, end = block.n() < args.cols - col ? block.n() : args.cols - col;
        const std::uint8_t* neighbour = args.labels + static_cast<std::int64_t>(row) * args.cols + col;
        MILLESIME_LANES_INDEPENDENT
        for (int lane = first; lane < end; ++lane) {
          const std::uint8_t above = static_cast<std::uint8_t>(neighbour[lane] - label[lane] - 1);
          votes[lane] = static_cast<std::uint8_t>(votes[lane] + (neighbour[lane] == label[lane] ? 1 : 0));
          step[lane] = above < step[lane] ? above : step[lane];
        }
      }
    }
  }

  MILLESIME_HD void operator()(std::int64_t item) const {
    const RowBlock<kLanes> block(args.width, static_cast<std::int64_t>(args.width) * args.height, item);
    const std::uint8_t* centre = args.labels + static_cast<std::int64_t>(args.row + block.row) * args.cols + args.col + block.col;
    std::uint8_t label[kLanes], votes[kLanes], step[kLanes], winner[kLanes], most[kLanes], own[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) label[lane] = winner[lane] = most[lane] = own[lane] = 0;
    for (bool more = true; more;) {
      count(block, label, votes, step);
      std::uint8_t advanced = 0;
      for (int lane = 0; lane < block.n(); ++lane) {
        const std::uint8_t counted = label[lane] == 0 ? std::uint8_t{0} : votes[lane];
        winner[lane] = counted > most[lane] ? label[lane] : winner[lane];
        most[lane] = counted > most[lane] ? counted : most[lane];
        own[lane] = label[lane] == centre[lane] ? counted : own[lane];
        const std::uint8_t by = step[lane] <= 254 - label[lane] ? static_cast<std::uint8_t>(step[lane] + 1) : std::uint8_t{0};
        label[lane] = static_cast<std::uint8_t>(label[lane] + by);  // the last one is counted again, without effect
        advanced = static_cast<std::uint8_t>(advanced | by);
      }
      more = advanced != 0;
    }
    std::uint8_t* out = args.filtered + block.first;
    for (int lane = 0; lane < block.n(); ++lane) out[lane] = centre[lane] == 0 || own[lane] == most[lane] ? centre[lane] : winner[lane];
  }
};

template <class Backend>
void majority_filter_on(const Backend& backend, const MajorityFilterArgs& args) {
  parallel_for(backend, "majority_filter", row_block_count(args.width, args.height, Backend::kLanes),
               MajorityFilterBlock<Backend::kLanes>{args});
}

}  // namespace millesime
