#pragma once
// Body of mosaic_rule.h.

#include <cstdint>

#include "kernels/base/parallel_for.h"
#include "kernels/ops/mosaic_rule.h"

namespace millesime {

struct MosaicRulePixel {
  MosaicRuleArgs args;

  // Confidence, validity, rank in one number: the higher, the better.
  static MILLESIME_HD std::uint32_t order(std::uint8_t confidence, std::uint8_t validity, std::uint16_t rank) {
    return static_cast<std::uint32_t>(confidence) << 24 | static_cast<std::uint32_t>(validity) << 16 |
           static_cast<std::uint32_t>(kNoTile - rank);
  }

  MILLESIME_HD void operator()(std::int64_t pixel) const {
    if (args.tile_label[pixel] == 0) return;
    const std::uint32_t ours = order(args.tile_confidence[pixel], args.tile_validity[pixel], args.tile_rank);
    const std::uint32_t there = order(args.confidence[pixel], args.validity[pixel], args.rank[pixel]);
    if (args.label[pixel] != 0 && there >= ours) return;
    args.label[pixel] = args.tile_label[pixel];
    args.confidence[pixel] = args.tile_confidence[pixel];
    args.validity[pixel] = args.tile_validity[pixel];
    args.rank[pixel] = args.tile_rank;
  }
};

template <class Backend>
void mosaic_rule_on(const Backend& backend, const MosaicRuleArgs& args) {
  parallel_for(backend, "mosaic_rule", args.pixels, MosaicRulePixel{args});
}

}  // namespace millesime
