#pragma once
// Mosaic: joins tiles on their own UTM grids into one map on the national grid, by nearest neighbour; overlaps do not depend
// on the order of the tiles (kernels/ops/mosaic_rule.h).

#include <optional>
#include <string>
#include <vector>

#include "pipeline/core/raster.h"
#include "pipeline/stages/stage.h"

namespace millesime {

struct MosaicOptions {  // [mosaic]
  std::string crs = "EPSG:2154";
  double resolution = 10;
  int sheet_px = 4096;  // the map is computed and updated in sheets of this side
};

// The maps of one tile, on one grid. Confidence and validity may be absent ("").
struct TileMaps {
  std::string name;  // decides ties
  std::string classification, confidence, validity;
};

struct MapLayers {
  LabelMap classification;
  Raster<std::uint8_t> confidence, validity;
};

// The grid that covers all `tiles`, with corners at multiples of the resolution: adding a tile never shifts a pixel.
Grid national_grid(const std::vector<Grid>& tiles, const std::string& crs, double resolution);

// The part of the mosaic in `window` of `grid`. Reads only the pixels that the window needs.
MapLayers mosaic_window(const std::vector<TileMaps>& tiles, const Grid& grid, const Window& window, const Context& context);

struct MosaicCommand {
  std::vector<std::string> classification, confidence, validity;
  std::string nomenclature;  // adds palette and names; "" for none
  std::string crs = "EPSG:2154";
  double resolution = 10;
  std::string output;  // folder of classification.tif, confidence.tif and validity.tif (COG)

  Options declare();
};
void mosaic(const MosaicCommand& command, const Context& context);

Stage mosaic_stage();

// The rasters of the whole map, which consist of the sheets; publishing reads them.
struct MosaicMaps {
  std::string classification, confidence, validity;
};
MosaicMaps mosaic_maps(const Config& config);

}  // namespace millesime
