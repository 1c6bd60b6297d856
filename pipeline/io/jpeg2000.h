#pragma once
// JPEG 2000 without loss, as in the products of ESA.

#include <string>

namespace millesime {

// A copy of the raster file `source` with the same numbers and grid. Atomic. UserError where GDAL has no OpenJPEG, or cannot read or write.
void write_jpeg2000(const std::string& source, const std::string& path);

}  // namespace millesime
