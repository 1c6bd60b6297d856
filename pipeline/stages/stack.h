#pragma once
// Stack: a tile's analysis-ready series as a data cube for other programs.
//
// zarr  a Zarr (version 2) directory that GDAL and xarray open, one array a variable, [time, y, x], int16:
//         B2, B3, ...  reflectance x 10000, -10000 for no data; validity  uint8, 1 = valid
//       with `filled`, bands on the dates of the time grid, gap-filled (kernels/ops/gap_fill.h), and no validity per date;
//       with `features`, also the indices of each date, x 1000 (Brightness as it is), computed from the gap-filled bands. Radar is not
//       filled; its index is VH - VV, in its unit. Coordinates time (days since 1970-01-01), y and x (pixel centres), and spatial_ref after
//       the CF conventions.
// cog   the same variables, one cloud-optimised GeoTIFF each, one band a date.

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/stages/stage.h"

namespace millesime {

struct StackOptions {
  std::vector<std::string> tiles;  // empty: those of the configuration
  std::string format = "zarr";
  bool filled = false;               // on the time grid, without gaps
  bool features = false;             // the same, and indices
  std::vector<std::string> indices;  // of `features`; empty: NDVI, NDWI and Brightness
  std::string output;                // folder; empty: Layout::cubes

  Options declare();
};

std::string folder_of_cubes(const Config& config, const StackOptions& options);

// Takes a new census of each tile, and writes <tile>.zarr, or <tile>_<variable>.tif, into the output folder (atomic). Nobody else may write
// cubes there meanwhile. Returns the written files of each tile.
nlohmann::json stack(const Config& config, const StackOptions& options, const Context& context);

}  // namespace millesime
