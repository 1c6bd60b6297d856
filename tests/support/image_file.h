#pragma once
// Small images of any type and number of bands, for tests of product layouts.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/core/grid.h"

namespace millesime::testing {

struct ImageFile {
  Grid grid{"EPSG:32631", 300000, 4900020, 10, 10, 12, 12};
  std::string type = "Int16";  // of GDAL
  int bands = 1;
  std::function<double(int band, int col, int row)> number = {};  // band from 0; default: 0
  std::string driver = "GTiff";
  std::vector<std::pair<std::string, std::string>> metadata = {};  // of the file
  std::vector<std::string> descriptions = {};                      // of the bands
};

// Makes the folders of the path, too.
void write_image(const std::string& path, const ImageFile& image);

}  // namespace millesime::testing
