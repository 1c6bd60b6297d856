#pragma once
// The rule of the mosaic: selects the tile for a pixel that several tiles cover.
//
// Higher confidence wins, then higher validity, then the lower rank (the tile's place in the order of names). Label 0 is no data and
// never overwrites. The rule is a maximum over a total order, so the result does not depend on the order of the tiles.

#include <cstdint>

#include "kernels/base/stream.h"

namespace millesime {

inline constexpr std::uint16_t kNoTile = 65535;

struct MosaicRuleArgs {
  std::int64_t pixels = 0;
  // the tile
  const std::uint16_t* tile_label = nullptr;
  const std::uint8_t* tile_confidence = nullptr;
  const std::uint8_t* tile_validity = nullptr;
  std::uint16_t tile_rank = 0;  // < kNoTile, different for every tile
  // the mosaic so far, updated; starts as label 0, confidence 0, validity 0, rank kNoTile
  std::uint16_t* label = nullptr;
  std::uint8_t* confidence = nullptr;
  std::uint8_t* validity = nullptr;
  std::uint16_t* rank = nullptr;
};

void mosaic_rule(const Stream& stream, const MosaicRuleArgs& args);

}  // namespace millesime
