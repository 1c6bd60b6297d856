#include "tests/support/muscate_product.h"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include <cpl_string.h>
#include <gdal.h>
#include <ogr_srs_api.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/raster.h"
#include "pipeline/io/zip_file.h"
#include "tests/support/temp_dir.h"

namespace millesime::testing {
namespace fs = std::filesystem;

namespace {

// Directly with GDAL: the pipeline's own writer flushes every file to disk, which the many small files of a test do not need.
template <class T>
void write_file(const std::string& stem, const Raster<T>& raster, Storage storage, int block) {
  constexpr GDALDataType type = sizeof(T) == 1 ? GDT_Byte : GDT_Int16;
  GDALAllRegister();
  const Grid& grid = raster.grid;
  GDALDatasetH file = GDALCreate(GDALGetDriverByName("MEM"), "", grid.cols, grid.rows, 1, type, nullptr);
  double transform[6] = {grid.x0, grid.pixel_width, 0, grid.y0, 0, -grid.pixel_height};
  GDALSetGeoTransform(file, transform);
  OGRSpatialReferenceH crs = OSRNewSpatialReference(nullptr);
  OSRSetFromUserInput(crs, grid.crs.c_str());
  GDALSetSpatialRef(file, crs);
  OSRDestroySpatialReference(crs);
  GDALRasterBandH band = GDALGetRasterBand(file, 1);
  if (type == GDT_Int16) GDALSetRasterNoDataValue(band, -10000);
  const bool filled = GDALRasterIO(band, GF_Write, 0, 0, grid.cols, grid.rows, const_cast<T*>(raster.samples.data()), grid.cols, grid.rows,
                                   type, 0, 0) == CE_None;
  CPLStringList options;
  if (storage != Storage::strips) options.SetNameValue("BLOCKXSIZE", std::to_string(block).c_str());
  options.SetNameValue("BLOCKYSIZE", std::to_string(block).c_str());
  if (storage == Storage::jpeg2000) {
    options.SetNameValue("REVERSIBLE", "YES"), options.SetNameValue("QUALITY", "100");
  } else {
    options.SetNameValue("COMPRESS", "DEFLATE");
    if (storage == Storage::tiles) options.SetNameValue("TILED", "YES");
  }
  const bool is_jpeg = storage == Storage::jpeg2000;
  const std::string path = stem + (is_jpeg ? ".jp2" : ".tif");
  GDALDatasetH copy =
      GDALCreateCopy(GDALGetDriverByName(is_jpeg ? "JP2OpenJPEG" : "GTiff"), path.c_str(), file, FALSE, options.List(), nullptr, nullptr);
  GDALClose(file);
  if (!filled || !copy) throw std::runtime_error(path + ": cannot be written");
  GDALClose(copy);
}

}  // namespace

std::string MuscateProduct::name() const { return platform + "_" + date + "-" + time + "_L2A_" + tile + "_D_V" + version; }

bool is_10m(const std::string& band) { return band == "B2" || band == "B3" || band == "B4" || band == "B8"; }

std::string write_product(const std::string& root, const MuscateProduct& product) {
  const std::string folder = root + "/" + product.tile + "/" + product.name();
  fs::create_directories(folder + "/MASKS");
  for (const std::string& band : product.bands) {
    Grid grid = product.grid;
    if (!is_10m(band)) grid = {grid.crs, grid.x0, grid.y0, 2 * grid.pixel_width, 2 * grid.pixel_height, grid.cols / 2, grid.rows / 2};
    Raster<std::int16_t> raster(grid);
    for (int row = 0; row < grid.rows; ++row)
      for (int col = 0; col < grid.cols; ++col)
        raster.at(col, row) =
            product.value ? product.value(band, col, row) : static_cast<std::int16_t>(100 * std::stoi(band.substr(1)) + col + row);
    write_file(folder + "/" + product.name() + "_FRE_" + band, raster, product.storage, product.block);
  }
  for (const std::string mask : {"CLM", "SAT", "EDG"}) {
    Raster<std::uint8_t> raster(product.grid);
    if (product.mask)
      for (int row = 0; row < raster.grid.rows; ++row)
        for (int col = 0; col < raster.grid.cols; ++col) raster.at(col, row) = product.mask(mask, col, row);
    write_file(folder + "/MASKS/" + product.name() + "_" + mask + "_R1", raster, product.storage, product.block);
  }
  return folder;
}

void store_bands(const std::string& folder, const StoredAs& storage) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string path = entry.path().string();
    if (path.find("_FRE_") == std::string::npos || entry.path().filename().string().starts_with('.')) continue;
    GDALDatasetH from = GDALOpen(path.c_str(), GA_ReadOnly);
    const int cols = GDALGetRasterXSize(from), rows = GDALGetRasterYSize(from);
    std::vector<std::int16_t> samples(static_cast<std::size_t>(cols) * static_cast<std::size_t>(rows));
    bool good = GDALRasterIO(GDALGetRasterBand(from, 1), GF_Read, 0, 0, cols, rows, samples.data(), cols, rows, GDT_Int16, 0, 0) == CE_None;
    double transform[6];
    GDALGetGeoTransform(from, transform);
    std::vector<double> numbers;
    for (const std::int16_t sample : samples) numbers.push_back(storage.number(sample));
    const std::string made = path + ".made";
    GDALDatasetH to =
        GDALCreate(GDALGetDriverByName("GTiff"), made.c_str(), cols, rows, 1, GDALGetDataTypeByName(storage.type.c_str()), nullptr);
    GDALSetGeoTransform(to, transform);
    GDALSetSpatialRef(to, GDALGetSpatialRef(from));
    GDALRasterBandH band = GDALGetRasterBand(to, 1);
    if (storage.nodata) GDALSetRasterNoDataValue(band, *storage.nodata);
    if (storage.scale != 1) GDALSetRasterScale(band, storage.scale);
    if (storage.offset != 0) GDALSetRasterOffset(band, storage.offset);
    good = GDALRasterIO(band, GF_Write, 0, 0, cols, rows, numbers.data(), cols, rows, GDT_Float64, 0, 0) == CE_None && good;
    GDALClose(to);
    GDALClose(from);
    if (!good) throw std::runtime_error(path + ": cannot be stored anew");
    fs::rename(made, path);
  }
}

std::string zip_product(const std::string& folder, bool with_folder) {
  const std::string top = with_folder ? fs::path(folder).filename().string() + "/" : "";
  std::vector<ZipMember> members;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) members.push_back({top + fs::relative(entry.path(), folder).generic_string(), entry.path().string()});
  write_zip(folder + ".zip", members);
  fs::remove_all(folder);
  return folder + ".zip";
}

void cut_file(const std::string& path, std::uintmax_t bytes) { fs::resize_file(path, bytes); }

std::string real_data(const std::string& folder) {
  const char* chosen = std::getenv("MILLESIME_REAL_DATA");
  const std::string path = (chosen ? std::string(chosen) : source_folder() + "/../shared/real-data") + "/" + folder;
  return fs::is_directory(path) ? path : "";
}

}  // namespace millesime::testing
