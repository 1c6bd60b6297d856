#pragma once
// Pictures of maps, for a report or a preview.

#include <array>
#include <cstdint>
#include <string>

#include "pipeline/core/nomenclature.h"
#include "pipeline/core/raster.h"
#include "pipeline/io/color_ramp.h"

namespace millesime {

// The first band so small that no side is longer than `longest_side`, from the file's overviews where it has them (nearest
// neighbour of those). A raster that is small enough comes as it is.
Raster<std::uint8_t> read_reduced(const std::string& path, int longest_side);

struct PaletteEntry {
  Color color;
  std::uint8_t alpha = 0;
};
using Palette = std::array<PaletteEntry, 256>;
Palette class_palette(const Nomenclature& nomenclature);     // 0 and what is no class are transparent
Palette number_palette(const ColorRamp& ramp, int maximum);  // 0 is transparent; above the maximum as at it

std::string encode_png(const Raster<std::uint8_t>& picture, const Palette& palette);  // the bytes of an 8-bit paletted PNG

}  // namespace millesime
