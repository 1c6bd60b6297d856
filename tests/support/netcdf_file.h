#pragma once
// Small NetCDF files as weather services publish them: one variable on axes of time, latitude and longitude, without a reference system.

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace millesime::testing {

struct NetcdfFile {
  std::string variable = "tg";
  std::string time_axis = "time", time_units = "days since 1950-01-01 00:00", calendar = "standard";
  std::vector<double> times;
  std::vector<double> latitudes, longitudes;  // of pixel centres
  double scale = 1, offset = 0;               // of its int16 numbers
  int fill = -9999;
  std::function<int(int time, int row, int col)> number;  // as stored, in the order of the axes
};

// In the classic format (NetCDF-3), written byte by byte: GDAL's writer would add a reference system.
void write_netcdf(const std::string& path, const NetcdfFile& file);

}  // namespace millesime::testing
