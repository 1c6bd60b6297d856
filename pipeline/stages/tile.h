#pragma once
// Tile: where a tile has images and how often each of its pixels was seen, from one reading of its series, window by window.
//
//   footprint  uint8, 1 where any acquisition has an image (union over dates of edge mask = 0), else 0
//   validity   uint8, number of valid acquisitions of the pixel, at most 255 (kernels/ops/validity.h)
//   report     JSON: grid, bands, dates with their covered and valid shares, counts

#include <string>

#include <nlohmann/json.hpp>

#include "pipeline/io/sensor.h"
#include "pipeline/stages/stage.h"

namespace millesime {

Stage tile_stage();

struct TileFiles {
  std::string report, footprint, validity;
};
// Writes them (atomic), and returns the counts of the report.
nlohmann::json describe_tile(const Census& census, const TileFiles& files, const Context& context);

}  // namespace millesime
