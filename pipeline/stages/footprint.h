#pragma once
// Footprint: where a tile has images and how much of each date is clear, from its masks only, window by window. Bands are read once, by
// classification, which also counts the valid acquisitions of each pixel.
//
//   footprint  uint8, 1 where any acquisition has an image (union over dates of edge mask = 0), else 0
//   report     JSON: grid, bands, footprint; for each date the pixels with an image (covered) and those that no mask excludes (clear)

#include <string>

#include <nlohmann/json.hpp>

#include "pipeline/io/census.h"
#include "pipeline/stages/stage.h"

namespace millesime {

Stage footprint_stage();

struct FootprintFiles {
  std::string report, footprint;
};
// Writes them (atomic), and returns the counts of the report.
nlohmann::json write_footprint(const SourceCensus& census, const FootprintFiles& files, const Context& context);

}  // namespace millesime
