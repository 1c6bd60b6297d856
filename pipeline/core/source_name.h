#pragma once
// Names under which GDAL opens data: a path, or a path inside its own syntax (an archive, a variable of a file).

#include <filesystem>
#include <string>

namespace millesime {

// NETCDF:"climate.nc":t2m is NETCDF:" climate.nc ":t2m; /vsizip/parcels.zip/a.shp is /vsizip/ parcels.zip /a.shp.
struct SourceName {
  std::string before, file, after;  // file: on this machine; "" where the name is of something else (/vsicurl/, PG:...)
};
SourceName parse_source_name(const std::string& name);

// What a name says besides its file: NETCDF:"":t2m, /vsizip//a.shp; all of it where there is none on this machine; "" of a path.
std::string part_of_source(const std::string& name);

// The name with its path relative to `folder` made a path of its own, as every path of a configuration is.
std::string source_in(const std::filesystem::path& folder, const std::string& name);

// What GDAL calls a variable of a file. `variable` is the name of one in a NetCDF file (t2m), or GDAL's name with {file} in the place of
// the file, as gdalinfo lists it: HDF4_EOS:EOS_GRID:"{file}":MODIS_Grid_16DAY_250m_500m_VI:250m 16 days NDVI.
std::string variable_of(const std::string& file, const std::string& variable);
// The beginning of that name: "NETCDF", "HDF4_EOS".
std::string format_of_variable(const std::string& variable);

}  // namespace millesime
