#include "pipeline/io/raster_file.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include <cpl_string.h>
#include <gdal.h>
#include <ogr_srs_api.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/checksum.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/io/internal/class_legend.h"
#include "pipeline/io/internal/gdal_raster.h"
#include "pipeline/io/internal/read_back.h"
#include "pipeline/io/internal/scratch_file.h"

namespace millesime {
namespace {

// Blocks of the file in the one order in which they are written: row by row of blocks, band by band, west to east.
class BlockOrder {
 public:
  BlockOrder(const Grid& grid, int bands, int block)
      : block_(block),
        bands_(bands),
        across_((grid.cols + block - 1) / block),
        down_((grid.rows + block - 1) / block),
        grid_(grid.whole()) {}

  std::int64_t count() const { return std::int64_t{across_} * down_ * bands_; }
  std::int64_t index(int block_col, int block_row, int band) const {
    return (std::int64_t{block_row} * bands_ + band) * across_ + block_col;
  }
  int block_col(std::int64_t index) const { return static_cast<int>(index % across_); }
  int band(std::int64_t index) const { return static_cast<int>(index / across_ % bands_); }
  int block_row(std::int64_t index) const { return static_cast<int>(index / across_ / bands_); }
  Window window(std::int64_t index) const {  // the part of it inside the grid
    return Window{block_col(index) * block_, block_row(index) * block_, block_, block_}.intersect(grid_);
  }

 private:
  int block_, bands_, across_, down_;
  Window grid_;
};

// A GeoTIFF under the name of another format would be read as that, or not at all. What is no format ("map.2021") is a name like any other.
void refuse_other_format(const std::string& path) {
  static const std::set<std::string> kOthers = {".jpg", ".jpeg", ".png", ".gif",  ".bmp", ".webp", ".img",     ".jp2",        ".nc",
                                                ".hdf", ".h5",   ".vrt", ".asc",  ".bil", ".pdf",  ".zip",     ".gpkg",       ".geojson",
                                                ".shp", ".fgb",  ".csv", ".json", ".txt", ".html", ".parquet", ".safetensors"};
  if (const std::string extension = lower(std::filesystem::path(path).extension().string()); kOthers.contains(extension))
    throw UserError(join_text(path, ": the map is written as GeoTIFF, not as \"", extension, "\"; expected a name that ends in .tif"));
}

constexpr std::size_t kWaitingBytes = std::size_t{64} << 20;

int fitting_block(int wanted, const Grid& grid) {  // TIFF tiles have sides that are multiples of 16
  const int largest = (std::max(grid.cols, grid.rows) + 15) / 16 * 16;
  MILLESIME_CHECK(wanted >= 16 && wanted % 16 == 0, "block of ", wanted);
  return std::min(wanted, largest);
}

// Differences of neighbours (predictor 2) compress well, except for class codes.
const char* predictor(PixelType type, bool classes) {
  if (classes) return "1";
  return type == PixelType::f32 ? "3" : "2";
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

}  // namespace

struct RasterWriter::Impl {
  struct Block {
    std::vector<char> bytes;   // empty while the block is in the scratch file
    std::int64_t written = 0;  // pixels
  };

  AtomicFile file;
  Grid grid;
  PixelType type;
  int bands, block;
  RasterOptions options;
  std::string sidecar;
  BlockOrder order;
  ScratchFile scratch;  // blocks beyond the limit of memory
  DatasetHandle dataset;
  std::int64_t next = 0;  // first block that is not in the file yet
  std::map<std::int64_t, Block> waiting;
  std::size_t waiting_bytes = 0;
  std::vector<std::string> digests;  // of the blocks in the file

  Impl(const std::string& path, const Grid& g, PixelType t, int n_bands, const RasterOptions& o)
      : file(path),
        grid(g),
        type(t),
        bands(n_bands),
        block(fitting_block(o.block, g)),
        options(o),
        order(g, n_bands, block),
        scratch(folder_of(file.temporary())) {}

  std::size_t sample_bytes() const { return static_cast<std::size_t>(GDALGetDataTypeSizeBytes(gdal_type(type))); }
  std::size_t block_bytes() const { return sample_bytes() * static_cast<std::size_t>(block) * static_cast<std::size_t>(block); }

  std::int64_t place_in_scratch(std::int64_t index) const { return index * static_cast<std::int64_t>(block_bytes()); }

  [[noreturn]] void cannot_write(const GdalMessages& messages) const {
    throw UserError(join_text(file.path(), ": cannot be written; is the disk full? The previous file is kept. ", messages.text()));
  }

  void create() {
    const GdalMessages messages;
    CPLStringList creation;
    creation.SetNameValue("TILED", "YES");
    creation.SetNameValue("BLOCKXSIZE", std::to_string(block).c_str());
    creation.SetNameValue("BLOCKYSIZE", std::to_string(block).c_str());
    creation.SetNameValue("INTERLEAVE", "BAND");
    creation.SetNameValue("BIGTIFF", "IF_SAFER");
    if (options.compression != "NONE") creation.SetNameValue("COMPRESS", options.compression.c_str());
    if (has_predictor(options.compression)) creation.SetNameValue("PREDICTOR", predictor(type, options.nomenclature != nullptr));
    GDALDriverH driver = GDALGetDriverByName("GTiff");
    dataset.reset(GDALCreate(driver, file.temporary().c_str(), grid.cols, grid.rows, bands, gdal_type(type), creation.List()));
    if (!dataset) cannot_write(messages);
    double transform[6] = {grid.x0, grid.pixel_width, 0, grid.y0, 0, -grid.pixel_height};
    GDALSetGeoTransform(dataset.get(), transform);
    OGRSpatialReferenceH crs = OSRNewSpatialReference(nullptr);
    const bool known = OSRSetFromUserInput(crs, grid.crs.c_str()) == OGRERR_NONE;
    if (known) GDALSetSpatialRef(dataset.get(), crs);
    OSRRelease(crs);
    if (!known)
      throw UserError(join_text(file.path(), ": coordinate reference system \"", grid.crs, "\" is not understood. ", messages.text()));
    if (options.nodata) GDALSetRasterNoDataValue(GDALGetRasterBand(dataset.get(), 1), *options.nodata);
    for (int band = 0; band < std::min(bands, static_cast<int>(options.band_names.size())); ++band)
      GDALSetDescription(GDALGetRasterBand(dataset.get(), band + 1), options.band_names[static_cast<std::size_t>(band)].c_str());
    for (int band = 1; band <= bands; ++band) {
      if (options.scale != 1) GDALSetRasterScale(GDALGetRasterBand(dataset.get(), band), options.scale);
      if (!options.long_name.empty())
        GDALSetMetadataItem(GDALGetRasterBand(dataset.get(), band), "long_name", options.long_name.c_str(), nullptr);
    }
    if (options.nomenclature) set_palette(dataset.get(), *options.nomenclature);
    if (messages.failed()) cannot_write(messages);
  }

  Block& block_at(std::int64_t index) {
    const auto [entry, is_new] = waiting.try_emplace(index);
    Block& result = entry->second;
    if (result.bytes.empty()) {
      result.bytes.resize(block_bytes());
      waiting_bytes += block_bytes();
      if (!is_new)
        scratch.get(place_in_scratch(index), result.bytes.data(), result.bytes.size());
      else if (options.nodata) {
        const double fill = *options.nodata;
        GDALCopyWords64(&fill, GDT_Float64, 0, result.bytes.data(), gdal_type(type), static_cast<int>(sample_bytes()),
                        std::int64_t{block} * block);
      }
    }
    return result;
  }

  // Moves the blocks that are written last to the scratch file.
  void make_room(std::int64_t keep) {
    for (auto entry = waiting.rbegin(); entry != waiting.rend() && waiting_bytes > kWaitingBytes; ++entry) {
      if (entry->second.bytes.empty() || entry->first == keep) continue;
      scratch.put(place_in_scratch(entry->first), entry->second.bytes.data(), entry->second.bytes.size());
      entry->second.bytes = {};
      waiting_bytes -= block_bytes();
    }
  }

  void put_next() {
    Block& ready = block_at(next);
    const GdalMessages messages;
    const CPLErr result = GDALWriteBlock(GDALGetRasterBand(dataset.get(), order.band(next) + 1), order.block_col(next),
                                         order.block_row(next), ready.bytes.data());
    if (result != CE_None || messages.failed()) cannot_write(messages);
    digests.push_back(digest(next, ready.bytes));
    waiting_bytes -= block_bytes();
    waiting.erase(next++);
  }

  void put_complete_ones() {
    while (!waiting.empty() && waiting.begin()->first == next && waiting.begin()->second.written == order.window(next).pixels()) put_next();
  }

  // Of the pixels of a block that are inside the grid.
  std::string digest(std::int64_t index, const std::vector<char>& bytes) const {
    const Window on_grid = order.window(index);
    const std::size_t row_bytes = sample_bytes() * static_cast<std::size_t>(on_grid.width);
    std::string rows;
    for (int row = 0; row < on_grid.height; ++row)
      rows.append(bytes.data() + sample_bytes() * static_cast<std::size_t>(row) * static_cast<std::size_t>(block), row_bytes);
    return xxh3(rows);
  }

  // Every block must be the same as it was written: errors of a full or faulty disk may be visible only here. The file's checksum is made
  // of the same bytes.
  void check_result() const {
    ReadBack result(file.temporary());
    const GdalMessages messages;
    if (GDALGetRasterXSize(result.dataset()) != grid.cols || GDALGetRasterYSize(result.dataset()) != grid.rows ||
        GDALGetRasterCount(result.dataset()) != bands)
      cannot_write(messages);
    std::vector<char> bytes(block_bytes());
    for (std::int64_t index = 0; index < order.count(); ++index) {
      if (index == 0) result.approach(0, 0, 0);
      GDALRasterBandH band = GDALGetRasterBand(result.dataset(), order.band(index) + 1);
      if (GDALReadBlock(band, order.block_col(index), order.block_row(index), bytes.data()) != CE_None) cannot_write(messages);
      if (digest(index, bytes) != digests[static_cast<std::size_t>(index)])
        throw UserError(join_text(file.path(), ": band ", order.band(index) + 1, ", window ", to_text(order.window(index)),
                                  ": the data read back differ from the written data; check the disk. The previous file is kept."));
    }
    result.finish();
  }
};

RasterWriter::RasterWriter(const std::string& path, const Grid& grid, PixelType type, int bands, const RasterOptions& options) {
  MILLESIME_CHECK(grid.cols > 0 && grid.rows > 0 && bands > 0, path, ": ", grid.cols, " x ", grid.rows, " px, ", bands, " bands");
  refuse_other_format(path);
  prepare_gdal();
  RasterOptions complete = options;
  if (options.nomenclature) {
    MILLESIME_CHECK(bands == 1 && (type == PixelType::u8 || type == PixelType::u16), path,
                    ": a class map has one band of unsigned integers");
    if (!complete.nodata) complete.nodata = 0;
  }
  const std::optional<Nomenclature> legend = options.nomenclature ? std::optional(legend_for(*options.nomenclature, type)) : std::nullopt;
  if (legend) complete.nomenclature = &*legend;
  impl_ = std::make_unique<Impl>(path, grid, type, bands, complete);
  if (legend) impl_->sidecar = legend_sidecar(*legend);
  impl_->create();
  impl_->options.nomenclature = nullptr;  // the caller's object may be destroyed after this call
}

RasterWriter::~RasterWriter() {
  if (!impl_) return;
  const GdalMessages ignored;  // of a file that is discarded
  impl_->dataset.reset();
}
RasterWriter::RasterWriter(RasterWriter&&) noexcept = default;

int RasterWriter::block() const { return impl_->block; }

template <class T>
void RasterWriter::write(const Window& window, int band, const T* samples) {
  Impl& impl = *impl_;
  MILLESIME_CHECK(impl.dataset != nullptr, impl.file.path(), ": written after commit");
  MILLESIME_CHECK(!window.empty() && impl.grid.whole().intersect(window) == window, impl.file.path(), ": window ", to_text(window), " of ",
                  impl.grid.cols, " x ", impl.grid.rows);
  MILLESIME_CHECK(band >= 0 && band < impl.bands, impl.file.path(), ": band ", band, " of ", impl.bands);
  const std::size_t bytes = impl.sample_bytes();
  const auto offset = [](int row, int width, int col) {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(width) + static_cast<std::size_t>(col);
  };
  for (int block_row = window.row / impl.block; block_row * impl.block < window.row + window.height; ++block_row)
    for (int block_col = window.col / impl.block; block_col * impl.block < window.col + window.width; ++block_col) {
      const std::int64_t index = impl.order.index(block_col, block_row, band);
      MILLESIME_CHECK(index >= impl.next, impl.file.path(), ": window ", to_text(window), " is written twice");
      const Window part = impl.order.window(index).intersect(window);
      Impl::Block& block = impl.block_at(index);
      for (int row = part.row; row < part.row + part.height; ++row)
        GDALCopyWords(samples + offset(row - window.row, window.width, part.col - window.col), kGdalType<T>, sizeof(T),
                      block.bytes.data() + bytes * offset(row - block_row * impl.block, impl.block, part.col - block_col * impl.block),
                      gdal_type(impl.type), static_cast<int>(bytes), part.width);
      block.written += part.pixels();
      MILLESIME_CHECK(block.written <= impl.order.window(index).pixels(), impl.file.path(), ": window ", to_text(window),
                      " is written twice");
      impl.put_complete_ones();
      impl.make_room(impl.next);
    }
}

void RasterWriter::commit() {
  Impl& impl = *impl_;
  MILLESIME_CHECK(impl.dataset != nullptr, impl.file.path(), ": committed twice");
  while (impl.next < impl.order.count()) impl.put_next();
  {
    const GdalMessages messages;
    impl.dataset.reset();
    if (messages.failed()) impl.cannot_write(messages);
  }
  impl.check_result();
  if (!impl.sidecar.empty()) write_text(impl.file.path() + ".aux.xml", impl.sidecar);
  impl.file.commit();
}

template <class T>
void write_raster(const std::string& path, const Raster<T>& raster, const RasterOptions& options) {
  constexpr PixelType type = std::is_same_v<T, std::uint8_t>    ? PixelType::u8
                             : std::is_same_v<T, std::uint16_t> ? PixelType::u16
                             : std::is_same_v<T, std::int16_t>  ? PixelType::i16
                             : std::is_same_v<T, std::int32_t>  ? PixelType::i32
                                                                : PixelType::f32;
  RasterWriter writer(path, raster.grid, type, 1, options);
  writer.write(raster.grid.whole(), 0, raster.samples.data());
  writer.commit();
}

#define MILLESIME_PIXEL_TYPE(T)                                       \
  template void RasterWriter::write<T>(const Window&, int, const T*); \
  template void write_raster<T>(const std::string&, const Raster<T>&, const RasterOptions&);
MILLESIME_PIXEL_TYPE(std::uint8_t)
MILLESIME_PIXEL_TYPE(std::uint16_t)
MILLESIME_PIXEL_TYPE(std::int16_t)
MILLESIME_PIXEL_TYPE(std::int32_t)
MILLESIME_PIXEL_TYPE(float)
#undef MILLESIME_PIXEL_TYPE

}  // namespace millesime
