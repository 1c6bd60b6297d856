#pragma once
// A raster that consists of others without copying them (GDAL's VRT format).

#include <string>
#include <vector>

#include "pipeline/core/grid.h"
#include "pipeline/io/raster_file.h"

namespace millesime {

struct RasterPart {
  std::string file;  // a one-band raster of the mosaic's CRS and pixel size
  Window window;     // its position in the mosaic
};

// Atomic; `type`: u8 or u16. The parts are named relative to the folder of `path`. 0 is no data.
void write_virtual_raster(const std::string& path, const Grid& grid, const std::vector<RasterPart>& parts, PixelType type);

}  // namespace millesime
