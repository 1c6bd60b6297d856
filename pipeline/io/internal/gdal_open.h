#pragma once
// Inside pipeline/io only: opening what a name stands for.

#include <string>
#include <vector>

#include "pipeline/io/internal/gdal_call.h"

namespace millesime {

// `kind`: GDAL_OF_RASTER or GDAL_OF_VECTOR. Reads only. The name may be that of a file, of a folder (FileGDB), GDAL's own (a variable of a
// NetCDF file), or of an archive in which one data set lies, at whatever depth. `drivers`: the only formats allowed; {} for all.
// UserError with GDAL's own words.
DatasetHandle open_dataset(const std::string& name, unsigned kind, const std::vector<std::string>& drivers = {});

}  // namespace millesime
