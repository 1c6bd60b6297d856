#include "pipeline/io/raster_file.h"

#include <array>

#include <gdal.h>
#include <ogr_srs_api.h>

#include "pipeline/core/error.h"
#include "pipeline/io/internal/class_legend.h"
#include "pipeline/io/internal/gdal_raster.h"

namespace millesime {
namespace {

Grid grid_of(GDALDatasetH dataset, const std::string& path) {
  std::array<double, 6> transform{};
  if (GDALGetGeoTransform(dataset, transform.data()) != CE_None)
    throw UserError(join_text(path, ": has no georeference; add one (gdal_edit.py -a_ullr) or replace the file"));
  if (transform[2] != 0 || transform[4] != 0 || !(transform[1] > 0) || !(transform[5] < 0))
    throw UserError(join_text(path, ": is rotated or upside down; expected a north-up image (gdalwarp makes one)"));
  const OGRSpatialReferenceH crs = GDALGetSpatialRef(dataset);
  if (!crs) throw UserError(join_text(path, ": has no coordinate reference system; add one (gdal_edit.py -a_srs)"));
  return {canonical_crs_of(crs),      transform[0], transform[3], transform[1], -transform[5], GDALGetRasterXSize(dataset),
          GDALGetRasterYSize(dataset)};
}

}  // namespace

struct RasterReader::Impl {
  std::string path;
  DatasetHandle dataset;
  RasterInfo info;
};

RasterReader::RasterReader(const std::string& path, const std::vector<std::string>& drivers) : impl_(std::make_unique<Impl>()) {
  impl_->path = path;
  impl_->dataset = open_raster(path, drivers);
  GDALDatasetH dataset = impl_->dataset.get();
  RasterInfo& info = impl_->info;
  info.grid = grid_of(dataset, path);
  info.bands = GDALGetRasterCount(dataset);
  GDALRasterBandH band = GDALGetRasterBand(dataset, 1);
  info.type = pixel_type(GDALGetRasterDataType(band), path);
  GDALGetBlockSize(band, &info.block_width, &info.block_height);
  int has_nodata = 0;
  const double nodata = GDALGetRasterNoDataValue(band, &has_nodata);
  if (has_nodata) info.nodata = nodata;
}

RasterReader::~RasterReader() = default;
RasterReader::RasterReader(RasterReader&&) noexcept = default;
RasterReader& RasterReader::operator=(RasterReader&&) noexcept = default;

const std::string& RasterReader::path() const { return impl_->path; }
const RasterInfo& RasterReader::info() const { return impl_->info; }

template <class T>
void RasterReader::read(const Window& window, int band, T* samples) const {
  MILLESIME_CHECK(!window.empty() && grid().whole().intersect(window) == window, impl_->path, ": window ", to_text(window), " of ",
                  grid().cols, " x ", grid().rows);
  MILLESIME_CHECK(band >= 0 && band < info().bands, impl_->path, ": band ", band, " of ", info().bands);
  const GdalMessages messages;
  const CPLErr result = GDALRasterIO(GDALGetRasterBand(impl_->dataset.get(), band + 1), GF_Read, window.col, window.row, window.width,
                                     window.height, samples, window.width, window.height, kGdalType<T>, 0, 0);
  if (result != CE_None)
    throw UserError(join_text(impl_->path, ": band ", band + 1, ", window ", to_text(window),
                              " cannot be read; the file is damaged, replace it. ", messages.text()));
}

template <class T>
void RasterReader::read_block(int block_col, int block_row, T* samples) const {
  GDALRasterBandH band = GDALGetRasterBand(impl_->dataset.get(), 1);
  const GDALDataType type = GDALGetRasterDataType(band);
  const std::int64_t pixels = std::int64_t{info().block_width} * info().block_height;
  const auto bytes = static_cast<std::size_t>(GDALGetDataTypeSizeBytes(type));
  const bool as_stored = type == kGdalType<T>;
  std::vector<char> stored(as_stored ? 0 : bytes * static_cast<std::size_t>(pixels));
  const GdalMessages messages;
  if (GDALReadBlock(band, block_col, block_row, as_stored ? static_cast<void*>(samples) : stored.data()) != CE_None)
    throw UserError(join_text(impl_->path, ": block ", block_col, ", ", block_row, " cannot be read; the file is damaged, replace it. ",
                              messages.text()));
  if (!as_stored) GDALCopyWords64(stored.data(), type, static_cast<int>(bytes), samples, kGdalType<T>, sizeof(T), pixels);
}

template <class T>
Raster<T> RasterReader::read_all(int band) const {
  Raster<T> raster(grid());
  read(grid().whole(), band, raster.samples.data());
  return raster;
}

std::optional<Nomenclature> RasterReader::legend() const { return legend_of(impl_->dataset.get()); }

void RasterReader::probe() const {
  const int across = (grid().cols + info().block_width - 1) / info().block_width,
            down = (grid().rows + info().block_height - 1) / info().block_height;
  for (int band = 0; band < info().bands; ++band)
    for (const bool last : {false, true}) {
      const GdalMessages messages;
      GDALRasterBandH handle = GDALGetRasterBand(impl_->dataset.get(), band + 1);
      const auto bytes = static_cast<std::size_t>(GDALGetDataTypeSizeBytes(GDALGetRasterDataType(handle)));
      std::vector<char> block(bytes * static_cast<std::size_t>(info().block_width) * static_cast<std::size_t>(info().block_height));
      if (GDALReadBlock(handle, last ? across - 1 : 0, last ? down - 1 : 0, block.data()) != CE_None)
        throw UserError(join_text(impl_->path, ": the ", last ? "last" : "first", " block of band ", band + 1,
                                  " cannot be read; the file is truncated or damaged. ", messages.text()));
    }
}

#define MILLESIME_PIXEL_TYPE(T)                                      \
  template void RasterReader::read<T>(const Window&, int, T*) const; \
  template Raster<T> RasterReader::read_all<T>(int) const;
MILLESIME_PIXEL_TYPE(std::uint8_t)
MILLESIME_PIXEL_TYPE(std::uint16_t)
MILLESIME_PIXEL_TYPE(std::int16_t)
MILLESIME_PIXEL_TYPE(std::int32_t)
MILLESIME_PIXEL_TYPE(float)
#undef MILLESIME_PIXEL_TYPE
template void RasterReader::read_block<std::uint8_t>(int, int, std::uint8_t*) const;
template void RasterReader::read_block<std::int16_t>(int, int, std::int16_t*) const;

}  // namespace millesime
