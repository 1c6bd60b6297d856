#pragma once
// Reduced images of maps, for a report or a preview.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/core/nomenclature.h"
#include "pipeline/core/raster.h"
#include "pipeline/io/color_ramp.h"

namespace millesime {

// The first band, reduced so that no side is longer than `longest_side`, from the file's overviews if it has them (nearest
// neighbour). A raster that is small enough is not reduced.
Raster<std::uint8_t> read_reduced(const std::string& path, int longest_side);
// Of a class map, with the values of class_palette().
Raster<std::uint8_t> read_reduced_classes(const std::string& path, int longest_side, const Nomenclature& nomenclature);

struct PaletteEntry {
  Color color;
  std::uint8_t alpha = 0;
};
using Palette = std::array<PaletteEntry, 256>;
// The value of a class is its code, or, in a nomenclature with codes above 255, its place from 1. 0 and other values are transparent.
Palette class_palette(const Nomenclature& nomenclature);
std::vector<std::uint8_t> picture_values(const Nomenclature& nomenclature);  // the value of each code of 16 bits
Palette number_palette(const ColorRamp& ramp, int maximum);                  // 0 is transparent; values above the maximum have its colour

std::string encode_png(const Raster<std::uint8_t>& picture, const Palette& palette);    // the bytes of an 8-bit paletted PNG
std::string embedded_png(const Raster<std::uint8_t>& picture, const Palette& palette);  // the same as the URL of an <img>

}  // namespace millesime
