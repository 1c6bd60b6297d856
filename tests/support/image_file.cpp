#include "tests/support/image_file.h"

#include <filesystem>
#include <stdexcept>

#include <cpl_string.h>
#include <gdal.h>
#include <ogr_srs_api.h>

namespace millesime::testing {

void write_image(const std::string& path, const ImageFile& image) {
  GDALAllRegister();
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  const Grid& grid = image.grid;
  GDALDatasetH file =
      GDALCreate(GDALGetDriverByName("MEM"), "", grid.cols, grid.rows, image.bands, GDALGetDataTypeByName(image.type.c_str()), nullptr);
  double transform[6] = {grid.x0, grid.pixel_width, 0, grid.y0, 0, -grid.pixel_height};
  GDALSetGeoTransform(file, transform);
  OGRSpatialReferenceH crs = OSRNewSpatialReference(nullptr);
  OSRSetFromUserInput(crs, grid.crs.c_str());
  OSRSetAxisMappingStrategy(crs, OAMS_TRADITIONAL_GIS_ORDER);
  GDALSetSpatialRef(file, crs);
  OSRDestroySpatialReference(crs);
  for (const auto& [key, value] : image.metadata) GDALSetMetadataItem(file, key.c_str(), value.c_str(), nullptr);
  bool filled = true;
  for (int number = 0; number < image.bands; ++number) {
    GDALRasterBandH band = GDALGetRasterBand(file, number + 1);
    if (static_cast<std::size_t>(number) < image.descriptions.size())
      GDALSetDescription(band, image.descriptions[static_cast<std::size_t>(number)].c_str());
    std::vector<double> numbers(static_cast<std::size_t>(grid.pixels()));
    for (int row = 0; row < grid.rows; ++row)
      for (int col = 0; col < grid.cols; ++col)
        numbers[static_cast<std::size_t>(row * grid.cols + col)] = image.number ? image.number(number, col, row) : 0;
    filled = filled &&
             GDALRasterIO(band, GF_Write, 0, 0, grid.cols, grid.rows, numbers.data(), grid.cols, grid.rows, GDT_Float64, 0, 0) == CE_None;
  }
  GDALDatasetH copy = GDALCreateCopy(GDALGetDriverByName(image.driver.c_str()), path.c_str(), file, FALSE, nullptr, nullptr, nullptr);
  GDALClose(file);
  if (!filled || !copy) throw std::runtime_error(path + ": cannot be written");
  GDALClose(copy);
}

}  // namespace millesime::testing
