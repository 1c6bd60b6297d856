#include "pipeline/io/raster_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>

#include <cpl_conv.h>
#include <cpl_string.h>
#include <cpl_vsi.h>
#include <gdal.h>
#include <ogr_srs_api.h>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/checksum.h"
#include "pipeline/core/error.h"
#include "pipeline/io/internal/class_legend.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/internal/scratch_file.h"

namespace millesime {
namespace {

template <class T>
constexpr GDALDataType kGdalType = GDT_Unknown;
template <>
constexpr GDALDataType kGdalType<std::uint8_t> = GDT_Byte;
template <>
constexpr GDALDataType kGdalType<std::uint16_t> = GDT_UInt16;
template <>
constexpr GDALDataType kGdalType<std::int16_t> = GDT_Int16;
template <>
constexpr GDALDataType kGdalType<std::int32_t> = GDT_Int32;
template <>
constexpr GDALDataType kGdalType<float> = GDT_Float32;

GDALDataType gdal_type(PixelType type) {
  switch (type) {
    case PixelType::u8: return GDT_Byte;
    case PixelType::u16: return GDT_UInt16;
    case PixelType::i16: return GDT_Int16;
    case PixelType::i32: return GDT_Int32;
    case PixelType::f32: return GDT_Float32;
  }
  throw Bug("unknown pixel type");
}

PixelType pixel_type(GDALDataType type, const std::string& path) {
  switch (type) {
    case GDT_Byte: return PixelType::u8;
    case GDT_UInt16: return PixelType::u16;
    case GDT_Int16: return PixelType::i16;
    case GDT_UInt32:
    case GDT_Int32: return PixelType::i32;
    case GDT_UInt64:
    case GDT_Int64:
    case GDT_Float32:
    case GDT_Float64: return PixelType::f32;
    default:
      throw UserError(
          join_text(path, ": pixels of type ", GDALGetDataTypeName(type), " are not supported; expected integer or real numbers"));
  }
}

Grid grid_of(GDALDatasetH dataset, const std::string& path) {
  std::array<double, 6> transform{};
  if (GDALGetGeoTransform(dataset, transform.data()) != CE_None)
    throw UserError(join_text(path, ": has no georeference; give it one (gdal_edit.py -a_ullr) or replace the file"));
  if (transform[2] != 0 || transform[4] != 0 || !(transform[1] > 0) || !(transform[5] < 0))
    throw UserError(join_text(path, ": is rotated or upside down; expected a north-up image (gdalwarp makes one)"));
  const OGRSpatialReferenceH crs = GDALGetSpatialRef(dataset);
  if (!crs) throw UserError(join_text(path, ": has no coordinate reference system; give it one (gdal_edit.py -a_srs)"));
  return {canonical_crs_of(crs),      transform[0], transform[3], transform[1], -transform[5], GDALGetRasterXSize(dataset),
          GDALGetRasterYSize(dataset)};
}

DatasetHandle open_raster(const std::string& path, const std::vector<std::string>& drivers) {
  const GdalMessages messages;
  CPLStringList allowed;
  for (const std::string& driver : drivers) allowed.AddString(driver.c_str());
  DatasetHandle dataset(GDALOpenEx(path.c_str(), GDAL_OF_RASTER | GDAL_OF_READONLY | GDAL_OF_VERBOSE_ERROR,
                                   drivers.empty() ? nullptr : allowed.List(), nullptr, nullptr));
  if (!dataset) throw UserError(join_text(path, ": cannot be opened as an image. ", messages.text()));
  if (GDALGetRasterCount(dataset.get()) < 1) throw UserError(join_text(path, ": holds no raster band"));
  return dataset;
}

}  // namespace

// Reading.

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
                                  " cannot be read; the file is cut short or damaged. ", messages.text()));
    }
}

// Writing.

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

constexpr std::size_t kWaitingBytes = std::size_t{64} << 20;

int fitting_block(int wanted, const Grid& grid) {  // TIFF tiles have sides that are multiples of 16
  const int largest = (std::max(grid.cols, grid.rows) + 15) / 16 * 16;
  MILLESIME_CHECK(wanted >= 16 && wanted % 16 == 0, "block of ", wanted);
  return std::min(wanted, largest);
}

// Differences of neighbours compress well, except between class codes.
const char* predictor(PixelType type, bool classes) {
  if (classes) return "1";
  return type == PixelType::f32 ? "3" : "2";
}

bool has_predictor(const std::string& compression) { return compression == "DEFLATE" || compression == "ZSTD" || compression == "LZW"; }

void check_codes(const Nomenclature& nomenclature, PixelType type, const std::string& path) {
  const int limit = type == PixelType::u8 ? 255 : 65535;
  if (const int code = highest_code(nomenclature); code > limit)
    throw UserError(join_text(path, ": the nomenclature has the code ", code, ", but a map of this type holds codes up to ", limit,
                              "; renumber its classes"));
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

}  // namespace

struct RasterWriter::Impl {
  struct Block {
    std::vector<char> bytes;   // empty while it lies in the scratch file
    std::int64_t written = 0;  // pixels
  };

  AtomicFile file;
  Grid grid;
  PixelType type;
  int bands, block;
  RasterOptions options;
  std::string sidecar;
  BlockOrder order;
  ScratchFile scratch;  // blocks beyond what may wait in memory
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
    throw UserError(
        join_text(file.path(), ": cannot be written; is the disk full? The file that was there before is kept. ", messages.text()));
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

  // Moves the blocks whose turn comes last to the scratch file.
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

  // Of the pixels of a block that lie on the grid.
  std::string digest(std::int64_t index, const std::vector<char>& bytes) const {
    const Window on_grid = order.window(index);
    const std::size_t row_bytes = sample_bytes() * static_cast<std::size_t>(on_grid.width);
    std::string rows;
    for (int row = 0; row < on_grid.height; ++row)
      rows.append(bytes.data() + sample_bytes() * static_cast<std::size_t>(row) * static_cast<std::size_t>(block), row_bytes);
    return xxh3(rows);
  }

  // Every block has to come back as it was given to GDAL: what a full disk cuts off, or a bad one mangles, may come to light only here.
  void check_result() const {
    const DatasetHandle result = open_raster(file.temporary(), {"GTiff"});
    const GdalMessages messages;
    if (GDALGetRasterXSize(result.get()) != grid.cols || GDALGetRasterYSize(result.get()) != grid.rows ||
        GDALGetRasterCount(result.get()) != bands)
      cannot_write(messages);
    std::vector<char> bytes(block_bytes());
    for (std::int64_t index = 0; index < order.count(); ++index) {
      GDALRasterBandH band = GDALGetRasterBand(result.get(), order.band(index) + 1);
      if (GDALReadBlock(band, order.block_col(index), order.block_row(index), bytes.data()) != CE_None) cannot_write(messages);
      if (digest(index, bytes) != digests[static_cast<std::size_t>(index)])
        throw UserError(join_text(file.path(), ": band ", order.band(index) + 1, ", window ", to_text(order.window(index)),
                                  ": what was read back is not what was written; check the disk. The file that was there before is kept."));
    }
  }
};

RasterWriter::RasterWriter(const std::string& path, const Grid& grid, PixelType type, int bands, const RasterOptions& options) {
  MILLESIME_CHECK(grid.cols > 0 && grid.rows > 0 && bands > 0, path, ": ", grid.cols, " x ", grid.rows, " px, ", bands, " bands");
  prepare_gdal();
  RasterOptions complete = options;
  if (options.nomenclature) {
    MILLESIME_CHECK(bands == 1 && (type == PixelType::u8 || type == PixelType::u16), path,
                    ": a class map has one band of unsigned integers");
    check_codes(*options.nomenclature, type, path);
    if (!complete.nodata) complete.nodata = 0;
  }
  impl_ = std::make_unique<Impl>(path, grid, type, bands, complete);
  if (options.nomenclature) impl_->sidecar = legend_sidecar(*options.nomenclature);
  impl_->create();
  impl_->options.nomenclature = nullptr;  // the caller's object need not outlive this call
}

RasterWriter::~RasterWriter() {
  if (!impl_) return;
  const GdalMessages ignored;  // of a file that is given up
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

// Cloud-optimised GeoTIFF.

namespace {

template <class T>
void require_same_samples(const RasterReader& source, const RasterReader& made, const std::string& path) {
  constexpr int kBlock = 512, kPixels = 1 << 20;
  for (const Window& window : split(source.grid().whole(), kBlock, kBlock, kPixels))
    for (int band = 0; band < source.info().bands; ++band) {
      std::vector<T> given(static_cast<std::size_t>(window.pixels())), found(given.size());
      source.read(window, band, given.data());
      made.read(window, band, found.data());
      if (std::memcmp(given.data(), found.data(), given.size() * sizeof(T)) != 0)
        throw UserError(join_text(path, ": band ", band + 1, ", window ", to_text(window), ": what was read back is not what ",
                                  source.path(), " holds; check the disk. The file that was there before is kept."));
    }
}

void require_same_samples(const RasterReader& source, const RasterReader& made, const std::string& path) {
  switch (source.info().type) {
    case PixelType::u8: return require_same_samples<std::uint8_t>(source, made, path);
    case PixelType::u16: return require_same_samples<std::uint16_t>(source, made, path);
    case PixelType::i16: return require_same_samples<std::int16_t>(source, made, path);
    case PixelType::i32: return require_same_samples<std::int32_t>(source, made, path);
    case PixelType::f32: return require_same_samples<float>(source, made, path);
  }
}

}  // namespace

void write_cog(const std::string& source, const std::string& path, const CogOptions& options) {
  const bool classes = options.classes || options.nomenclature;
  const DatasetHandle input = open_raster(source, {});
  const PixelType type = pixel_type(GDALGetRasterDataType(GDALGetRasterBand(input.get(), 1)), source);
  if (options.nomenclature) check_codes(*options.nomenclature, type, path);
  AtomicFile file(path);
  {
    const GdalMessages messages;
    // A virtual copy carries the legend, so that the source stays as it is.
    const DatasetHandle dressed(GDALCreateCopy(GDALGetDriverByName("VRT"), "", input.get(), FALSE, nullptr, nullptr, nullptr));
    if (!dressed) throw UserError(join_text(source, ": cannot be read for ", path, ". ", messages.text()));
    if (classes) GDALSetRasterNoDataValue(GDALGetRasterBand(dressed.get(), 1), 0);
    if (options.nomenclature) set_palette(dressed.get(), *options.nomenclature);
    for (int band = 0; band < std::min(GDALGetRasterCount(dressed.get()), static_cast<int>(options.band_names.size())); ++band)
      GDALSetDescription(GDALGetRasterBand(dressed.get(), band + 1), options.band_names[static_cast<std::size_t>(band)].c_str());
    CPLStringList creation;
    creation.SetNameValue("COMPRESS", options.compression.c_str());
    if (has_predictor(options.compression) && !classes) creation.SetNameValue("PREDICTOR", "YES");
    creation.SetNameValue("BLOCKSIZE", "512");
    creation.SetNameValue("OVERVIEWS", "IGNORE_EXISTING");
    creation.SetNameValue("OVERVIEW_RESAMPLING", classes ? "MODE" : "AVERAGE");
    creation.SetNameValue("BIGTIFF", "IF_SAFER");
    DatasetHandle result(
        GDALCreateCopy(GDALGetDriverByName("COG"), file.temporary().c_str(), dressed.get(), FALSE, creation.List(), nullptr, nullptr));
    result.reset();
    VSIUnlink((file.temporary() + ".aux.xml").c_str());  // ours is complete
    if (messages.failed())
      throw UserError(join_text(path, ": cannot be written; is the disk full? The file that was there before is kept. ", messages.text()));
  }
  const RasterReader made(file.temporary(), {"GTiff"});
  require_same(RasterReader(source).grid(), made.grid(), path);
  require_same_samples(RasterReader(source), made, path);
  if (options.nomenclature) write_text(path + ".aux.xml", legend_sidecar(*options.nomenclature));
  file.commit();
}

#define MILLESIME_PIXEL_TYPE(T)                                       \
  template void RasterReader::read<T>(const Window&, int, T*) const;  \
  template Raster<T> RasterReader::read_all<T>(int) const;            \
  template void RasterWriter::write<T>(const Window&, int, const T*); \
  template void write_raster<T>(const std::string&, const Raster<T>&, const RasterOptions&);
MILLESIME_PIXEL_TYPE(std::uint8_t)
MILLESIME_PIXEL_TYPE(std::uint16_t)
MILLESIME_PIXEL_TYPE(std::int16_t)
MILLESIME_PIXEL_TYPE(std::int32_t)
MILLESIME_PIXEL_TYPE(float)
#undef MILLESIME_PIXEL_TYPE
template void RasterReader::read_block<std::uint8_t>(int, int, std::uint8_t*) const;
template void RasterReader::read_block<std::int16_t>(int, int, std::int16_t*) const;

}  // namespace millesime
