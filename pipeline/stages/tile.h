#pragma once
// Tile: where a tile has images and how much of each date is clear, from its masks alone, window by window. Bands are read once, by
// classification, which also counts the valid acquisitions of each pixel.
//
//   footprint  uint8, 1 where any acquisition has an image (union over dates of edge mask = 0), else 0
//   report     JSON: grid, bands, footprint; of each date the pixels that have an image (covered) and those no mask rules out (clear)

#include <string>

#include <nlohmann/json.hpp>

#include "pipeline/io/sensor.h"
#include "pipeline/stages/stage.h"

namespace millesime {

Stage tile_stage();

struct TileFiles {
  std::string report, footprint;
};
// Writes them (atomic), and returns the counts of the report.
nlohmann::json describe_tile(const Census& census, const TileFiles& files, const Context& context);

}  // namespace millesime
