#pragma once
// Mosaic: joins tiles on their own UTM grids into one map on the national grid, by nearest neighbour; overlaps do not depend
// on the order of the tiles (kernels/ops/mosaic_rule.h).

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/core/raster.h"
#include "pipeline/io/map_input.h"
#include "pipeline/stages/names_language.h"
#include "pipeline/stages/stage.h"

namespace millesime {

struct MosaicOptions {    // [mosaic]
  std::string crs;        // "": the system of most tiles
  double resolution = 0;  // 0: the pixel size of the tiles, in the unit of the system
  int sheet_px = 4096;    // the map is computed and updated in sheets of this side
};

// The maps of one tile, on one grid. Confidence and validity may be absent ("").
struct TileMaps {
  std::string name;  // decides ties; of equal names, the first in the list
  std::string classification, confidence, validity;
  std::vector<std::string> uncertainty = {};           // of each seed: the mean of those that have a value counts; {}: none
  std::vector<std::string> level1 = {}, deepest = {};  // of each seed: what they agree on counts (levels.h); {}: none
  std::map<int, int> groups = {};                      // of the classes, for that
  MapForm form_of_classes{.kind = MapKind::classes}, form_of_confidence{.kind = MapKind::confidence},
      form_of_validity{.kind = MapKind::validity};  // of files of this program
};

struct MapLayers {  // levels and uncertainty: of the tile that the class is from
  Raster<std::uint16_t> classification, level1, deepest;
  Raster<std::uint8_t> confidence, validity, uncertainty;
};

// The grid that covers all `tiles`, with corners at multiples of the resolution: adding a tile never shifts a pixel. crs "": the system of
// most tiles. resolution 0: the pixels of the tiles of that system, where all lie on one lattice of squares (30 m from 15 m on, as
// Landsat's); else the smallest pixel size of the tiles in the unit of the system, rounded to two digits (10 m: 0.00009 degrees). In
// degrees, a map across the 180th meridian has longitudes above 180. UserError for pixels larger than a tile, and for a tile that the edge
// of the system cuts.
Grid national_grid(const std::vector<Grid>& tiles, const std::string& crs, double resolution);

// The part of the mosaic in `window` of `grid`. Reads only the pixels that the window needs.
MapLayers mosaic_window(const std::vector<TileMaps>& tiles, const Grid& grid, const Window& window, const Context& context);

struct MosaicCommand {
  std::vector<std::string> classification, confidence, validity, uncertainty, level1, deepest;
  std::string nomenclature;  // adds palette and names; "" for none
  std::string crs;           // "": that of most tiles
  double resolution = 0;     // 0: the tiles' pixels
  NamesLanguage names;
  std::string output;  // folder of classification.tif (COG), and of the other layers that were given

  Options declare();
};
// The order of the files has no influence: where maps overlap, the higher confidence wins, then the higher validity, then the tile that
// the file's name names (T31TCJ; else the file name), then the file name, then the folder.
void mosaic(const MosaicCommand& command, const Context& context);

Stage mosaic_stage();

// The rasters of the whole map, which consist of the sheets; publishing reads them.
struct MosaicMaps {
  std::string classification, confidence, validity;
  std::string uncertainty, level1, deepest;  // "": not wanted
};
MosaicMaps mosaic_maps(const Config& config);
// Their grid; nothing before the census.
std::optional<Grid> mosaic_grid(const Config& config);

}  // namespace millesime
