#include "pipeline/io/raster_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <string_view>
#include <type_traits>

#include <gdal.h>
#include <ogr_srs_api.h>

#include "pipeline/core/error.h"
#include "pipeline/core/series.h"
#include "pipeline/core/source_name.h"
#include "pipeline/io/internal/class_legend.h"
#include "pipeline/io/internal/gdal_raster.h"
#include "pipeline/io/internal/storage.h"
#include "pipeline/io/internal/tiff_blocks.h"
#include "pipeline/io/sample_unit.h"

namespace millesime {

const char* type_name(PixelType type) {
  switch (type) {
    case PixelType::u8: return "uint8";
    case PixelType::u16: return "uint16";
    case PixelType::i16: return "int16";
    case PixelType::i32: return "32-bit integers";
    case PixelType::f32: return "floating-point numbers";
  }
  throw Bug("unknown pixel type");
}

namespace {

// GDAL before 3.7 gives signed bytes as bytes, and says what they are.
bool is_signed_as_byte(GDALRasterBandH band) {
  const char* type = GDALGetMetadataItem(band, "PIXELTYPE", "IMAGE_STRUCTURE");
  return GDALGetRasterDataType(band) == GDT_Byte && type && std::string_view(type) == "SIGNEDBYTE";
}

bool is_int8(GDALRasterBandH band) {
#if GDAL_VERSION_NUM >= GDAL_COMPUTE_VERSION(3, 7, 0)
  if (GDALGetRasterDataType(band) == GDT_Int8) return true;
#endif
  return is_signed_as_byte(band);
}

// Gives bytes, which hold signed ones, their sign.
template <class T>
T with_sign(T value) {
  constexpr auto kFirstNegative = static_cast<T>(128);
  if (value < kFirstNegative) return value;
  if constexpr (std::is_unsigned_v<T>)
    return 0;  // saturation
  else
    return static_cast<T>(value - 256);
}

// A NetCDF file need not name a reference system: axes in degrees east and north are one (CF conventions, 4.1 and 4.2).
bool has_axes_in_degrees(GDALDatasetH dataset) {
  bool east = false, north = false;
  for (CSLConstList entry = GDALGetMetadata(dataset, nullptr); entry && *entry; ++entry) {
    const std::string_view text = *entry;
    east = east || text.find("#units=degrees_east") != std::string_view::npos || text.find("#units=degree_east") != std::string_view::npos;
    north =
        north || text.find("#units=degrees_north") != std::string_view::npos || text.find("#units=degree_north") != std::string_view::npos;
  }
  return east && north;
}

// What gives a raster its place: a variable cannot be edited.
std::string way_to_place(const std::string& path) {
  const SourceName name = parse_source_name(path);
  if (name.before.empty()) return "add one (gdal_edit.py -a_ullr) or replace the file";
  std::string way = "use a VRT that has one (gdal_translate -of VRT -a_srs EPSG:... -a_ullr WEST NORTH EAST SOUTH NAME place.vrt)";
  if (name.before.starts_with("HDF5:"))
    way += join_text(", or, where the file has the axes of a NetCDF file, NETCDF:\"", name.file,
                     "\":", name.after.substr(name.after.rfind('/') + 1));
  return way;
}

Grid grid_of(GDALDatasetH dataset, const std::string& path) {
  std::array<double, 6> transform{};
  if (GDALGetGeoTransform(dataset, transform.data()) != CE_None)
    throw UserError(join_text(path, ": has no georeference; ", way_to_place(path)));
  if (transform[2] != 0 || transform[4] != 0 || !(transform[1] > 0) || !(transform[5] < 0))
    throw UserError(join_text(path, ": is rotated or upside down; expected a north-up image (gdalwarp makes one)"));
  const OGRSpatialReferenceH crs = stated_system(GDALGetSpatialRef(dataset));
  const auto on = [&](const std::string& system) {
    return Grid{system, transform[0], transform[3], transform[1], -transform[5], GDALGetRasterXSize(dataset), GDALGetRasterYSize(dataset)};
  };
  if (!crs && has_axes_in_degrees(dataset)) return on("EPSG:4326");
  if (!crs) throw UserError(join_text(path, ": has no coordinate reference system; add one (gdal_edit.py -a_srs)"));
  return on(canonical_crs_of(crs));
}

BandInfo band_info(GDALRasterBandH band, const std::string& path) {
  BandInfo info;
  info.type = pixel_type(GDALGetRasterDataType(band), path);
  int is_given = 0;
  const double nodata = GDALGetRasterNoDataValue(band, &is_given);
  if (is_given) info.nodata = nodata;
  const double scale = GDALGetRasterScale(band, &is_given);
  if (is_given) info.scale = scale;
  const double offset = GDALGetRasterOffset(band, &is_given);
  if (is_given) info.offset = offset;
  info.has_scale = info.scale != 1 || info.offset != 0;
  const int mask = GDALGetMaskFlags(band);
  info.has_mask = (mask & (GMF_ALL_VALID | GMF_NODATA)) == 0;
  info.is_alpha = GDALGetRasterColorInterpretation(band) == GCI_AlphaBand;
  info.is_int8 = is_int8(band);
  if (info.is_int8) info.type = PixelType::i16;
  return info;
}

bool is_nodata(double value, const BandInfo& band) {
  return std::isnan(value) ||
         (band.nodata &&
          (value == *band.nodata || (band.type == PixelType::f32 &&
                                     (static_cast<float>(value) == static_cast<float>(*band.nodata) || is_fill(value, *band.nodata)))));
}

// Of an integer that was read as a float, which does not hold every one of 32 bits.
bool is_nodata_as_float(float value, const BandInfo& band) {
  return band.type == PixelType::i32 && band.nodata && value == static_cast<float>(*band.nodata);
}

}  // namespace

struct RasterReader::Impl {
  std::string path;
  DatasetHandle dataset;
  RasterInfo info;
  std::unique_ptr<TiffBlocks> plain;  // null: blocks are read by GDAL
  bool looked_for_plain = false;

  GDALRasterBandH band(int number) const { return GDALGetRasterBand(dataset.get(), number + 1); }
  std::size_t block_pixels() const { return static_cast<std::size_t>(info.block_width) * static_cast<std::size_t>(info.block_height); }
  void read_stored(int number, int block_col, int block_row, void* samples);
  std::vector<char> stored_block(int number, int block_col, int block_row);
  std::vector<double> converted_block(int number, int block_col, int block_row);
  std::vector<std::uint8_t> read_mask(const Window& window, int band) const;
  void to_numbers(const Window& window, int band, float* numbers, std::size_t stride) const;
};

RasterReader::RasterReader(const std::string& path, const std::vector<std::string>& drivers) : impl_(std::make_unique<Impl>()) {
  impl_->path = path;
  impl_->dataset = open_raster(path, drivers);
  GDALDatasetH dataset = impl_->dataset.get();
  RasterInfo& info = impl_->info;
  info.grid = grid_of(dataset, path);
  info.bands = GDALGetRasterCount(dataset);
  for (int number = 1; number <= info.bands; ++number) info.each.push_back(band_info(GDALGetRasterBand(dataset, number), path));
  const bool has_alpha = std::ranges::any_of(info.each, &BandInfo::is_alpha);
  for (BandInfo& each : info.each) each.has_mask = each.has_mask || has_alpha;
  GDALRasterBandH band = GDALGetRasterBand(dataset, 1);
  GDALGetBlockSize(band, &info.block_width, &info.block_height);
  info.type = info.each[0].type;
  info.nodata = info.each[0].nodata;
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
  if (is_signed_as_byte(impl_->band(band))) std::transform(samples, samples + window.pixels(), samples, with_sign<T>);
}

void RasterReader::read_numbers(const Window& window, int band, float* numbers) const {
  read(window, band, numbers);
  impl_->to_numbers(window, band, numbers, 1);
}

void RasterReader::read_numbers(const Window& window, const std::vector<int>& bands, float* numbers) const {
  if (bands.size() == 1) return read_numbers(window, bands.front(), numbers);
  MILLESIME_CHECK(!window.empty() && grid().whole().intersect(window) == window, impl_->path, ": window ", to_text(window), " of ",
                  grid().cols, " x ", grid().rows);
  std::vector<int> places;
  for (const int band : bands) places.push_back(band + 1);
  const auto stride = static_cast<GSpacing>(bands.size() * sizeof(float));
  const GdalMessages messages;
  const CPLErr result = GDALDatasetRasterIOEx(impl_->dataset.get(), GF_Read, window.col, window.row, window.width, window.height, numbers,
                                              window.width, window.height, GDT_Float32, static_cast<int>(places.size()), places.data(),
                                              stride, stride * window.width, sizeof(float), nullptr);
  if (result != CE_None)
    throw UserError(
        join_text(impl_->path, ": window ", to_text(window), " cannot be read; the file is damaged, replace it. ", messages.text()));
  const auto last = static_cast<std::size_t>(window.pixels()) * bands.size();
  for (std::size_t b = 0; b < bands.size(); ++b) {
    if (is_signed_as_byte(impl_->band(bands[b])))
      for (std::size_t i = b; i < last; i += bands.size()) numbers[i] = with_sign(numbers[i]);
    impl_->to_numbers(window, bands[b], numbers + b, bands.size());
  }
}

// Of the stored numbers of a window, each `stride` after the one before.
void RasterReader::Impl::to_numbers(const Window& window, int band, float* numbers, std::size_t stride) const {
  const BandInfo& known = info.each.at(static_cast<std::size_t>(band));
  constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
  const auto pixels = static_cast<std::size_t>(window.pixels());
  for (std::size_t i = 0; i < pixels; ++i) {
    float& number = numbers[i * stride];
    if (is_nodata(static_cast<double>(number), known) || is_nodata_as_float(number, known))
      number = kMissing;
    else if (known.has_scale)
      number = static_cast<float>(static_cast<double>(number) * known.scale + known.offset);
  }
  if (!known.has_mask) return;
  const std::vector<std::uint8_t> valid = read_mask(window, band);
  for (std::size_t i = 0; i < pixels; ++i)
    if (!valid[i]) numbers[i * stride] = kMissing;
}

std::vector<char> RasterReader::Impl::stored_block(int number, int block_col, int block_row) {
  const auto bytes = static_cast<std::size_t>(GDALGetDataTypeSizeBytes(GDALGetRasterDataType(band(number))));
  std::vector<char> stored(bytes * block_pixels());
  read_stored(number, block_col, block_row, stored.data());
  return stored;
}

void RasterReader::Impl::read_stored(int number, int block_col, int block_row, void* samples) {
  if (!looked_for_plain) {
    looked_for_plain = true;
    const GDALDataType type = GDALGetRasterDataType(band(0));
    const bool may_be_plain = type == GDT_Byte || type == GDT_UInt16 || type == GDT_Int16 || type == GDT_Float32;
    const bool is_tiff = std::string_view(GDALGetDriverShortName(GDALGetDatasetDriver(dataset.get()))) == "GTiff";
    if (is_tiff && may_be_plain && info.bands == 1)
      plain = TiffBlocks::open(path, info.grid.cols, info.grid.rows, info.block_width, info.block_height, GDALGetDataTypeSizeBytes(type));
  }
  if (plain && number == 0 && plain->read(block_col, block_row, samples)) return;
  const GdalMessages messages;
  if (!persist(path, [&] { return GDALReadBlock(band(number), block_col, block_row, samples) == CE_None; }))
    throw UserError(
        join_text(path, ": block ", block_col, ", ", block_row, " cannot be read; the file is damaged, replace it. ", messages.text()));
}

std::vector<double> RasterReader::Impl::converted_block(int number, int block_col, int block_row) {
  const std::vector<char> stored = stored_block(number, block_col, block_row);
  const GDALDataType type = GDALGetRasterDataType(band(number));
  std::vector<double> samples(block_pixels());
  GDALCopyWords64(stored.data(), type, GDALGetDataTypeSizeBytes(type), samples.data(), GDT_Float64, sizeof(double),
                  static_cast<GPtrDiff_t>(samples.size()));
  if (is_signed_as_byte(band(number))) std::ranges::transform(samples, samples.begin(), with_sign<double>);
  return samples;
}

// Of the data set: its mask band or alpha band. 0: missing.
std::vector<std::uint8_t> RasterReader::Impl::read_mask(const Window& window, int band) const {
  GDALRasterBandH mask = GDALGetMaskBand(GDALGetRasterBand(dataset.get(), band + 1));
  for (int number = 1; number <= info.bands; ++number)  // GDAL takes an alpha band for a mask beside one or three others only
    if (info.each[static_cast<std::size_t>(number - 1)].is_alpha) mask = GDALGetRasterBand(dataset.get(), number);
  std::vector<std::uint8_t> valid(static_cast<std::size_t>(window.pixels()));
  const GdalMessages messages;
  if (GDALRasterIO(mask, GF_Read, window.col, window.row, window.width, window.height, valid.data(), window.width, window.height, GDT_Byte,
                   0, 0) != CE_None)
    throw UserError(join_text(path, ": the mask of band ", band + 1, ", window ", to_text(window),
                              " cannot be read; the file is damaged, replace it. ", messages.text()));
  return valid;
}

std::vector<double> RasterReader::block_in_unit(int number, int block_col, int block_row, const Encoding& encoding) const {
  std::vector<double> values = impl_->converted_block(number, block_col, block_row);
  const BandInfo& band = info().each.at(static_cast<std::size_t>(number));
  constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
  Encoding numbers = GDALGetRasterDataType(impl_->band(number)) == GDT_Float32 ? encoding.of_floats() : encoding;
  if (encoding.kind == Encoding::Kind::stated) {
    const UnitScale scale = unit_scale(band);
    numbers.kind = Encoding::Kind::linear, numbers.factor = scale.factor, numbers.offset = scale.offset;
  } else if (encoding.kind == Encoding::Kind::file) {
    numbers.kind = Encoding::Kind::linear, numbers.factor = band.scale * encoding.factor;
    numbers.offset = band.offset * encoding.factor + encoding.offset;
  }
  for (double& value : values) value = is_nodata(value, band) ? kMissing : numbers.in_unit(value);
  if (!band.has_mask) return values;
  const Window block{block_col * info().block_width, block_row * info().block_height, info().block_width, info().block_height};
  const Window inside = block.intersect(grid().whole());
  const std::vector<std::uint8_t> valid = impl_->read_mask(inside, number);
  for (int row = 0; row < inside.height; ++row)
    for (int col = 0; col < inside.width; ++col)
      if (!valid[static_cast<std::size_t>(row) * static_cast<std::size_t>(inside.width) + static_cast<std::size_t>(col)])
        values[static_cast<std::size_t>(row) * static_cast<std::size_t>(block.width) + static_cast<std::size_t>(col)] = kMissing;
  return values;
}

void RasterReader::read_block(int number, int block_col, int block_row, const Encoding& encoding, std::int16_t* samples) const {
  const BandInfo& band = info().each.at(static_cast<std::size_t>(number));
  const std::size_t pixels = impl_->block_pixels();
  const bool stated = encoding.kind == Encoding::Kind::stated && !encoding.least && !encoding.most;
  if (stated && is_in_unit(band) && !band.is_int8) {
    impl_->read_stored(number, block_col, block_row, samples);
    for (const std::optional<double>& nodata : {band.nodata, encoding.nodata})
      if (nodata && *nodata != kNodata)
        std::replace_if(
            samples, samples + pixels, [&](std::int16_t value) { return value == *nodata; }, kNodata);
    for (std::size_t i = 0; i < pixels; ++i) samples[i] = std::max(samples[i], kNodata);  // what is below any reflectance
    return;
  }
  const GDALDataType type = GDALGetRasterDataType(impl_->band(number));
  if ((encoding.kind == Encoding::Kind::linear || encoding.kind == Encoding::Kind::power) && !band.has_mask && !band.is_int8 &&
      (type == GDT_Byte || type == GDT_UInt16 || type == GDT_Int16)) {
    const std::vector<std::int16_t>& table = sample_table(band.type, encoding, band.nodata);
    if (type == GDT_Byte) {
      const std::vector<char> stored = impl_->stored_block(number, block_col, block_row);
      for (std::size_t i = 0; i < pixels; ++i) samples[i] = table[static_cast<std::uint8_t>(stored[i])];
    } else {
      impl_->read_stored(number, block_col, block_row, samples);
      for (std::size_t i = 0; i < pixels; ++i) samples[i] = table[static_cast<std::uint16_t>(samples[i])];
    }
    return;
  }
  if (type == GDT_Float32 && !band.has_mask && PowerSamples::can(encoding, band.nodata)) {
    const std::vector<char> stored = impl_->stored_block(number, block_col, block_row);
    return PowerSamples::of(encoding).convert(reinterpret_cast<const float*>(stored.data()), pixels, samples);
  }
  std::ranges::transform(block_in_unit(number, block_col, block_row, encoding), samples, to_sample);
}

void RasterReader::read_block(int number, int block_col, int block_row, const MaskPlane& plane, const Encoding& encoding,
                              std::uint8_t* samples) const {
  if (!plane.band.empty()) {
    std::vector<std::int16_t> values(impl_->block_pixels());
    read_block(number, block_col, block_row, encoding, values.data());
    std::ranges::transform(values, samples, mask_byte_of);
    return;
  }
  const GDALDataType type = GDALGetRasterDataType(impl_->band(number));
  if (type == GDT_Byte && !is_signed_as_byte(impl_->band(number)) && !plane.is_coded())
    return impl_->read_stored(number, block_col, block_row, samples);
  if (info().each.at(static_cast<std::size_t>(number)).type == PixelType::f32) {
    const std::vector<double> values = impl_->converted_block(number, block_col, block_row);
    std::ranges::transform(values, samples, [&](double value) { return plane.byte_of_float(value); });
    return;
  }
  std::map<std::int64_t, std::uint8_t> known;  // masks have few values
  std::int64_t last = 0;
  std::uint8_t byte = plane.byte_of(0);
  std::ranges::transform(impl_->converted_block(number, block_col, block_row), samples, [&](double number_of_file) {
    const auto value = static_cast<std::int64_t>(number_of_file);
    if (value == last) return byte;
    last = value;
    const auto found = known.find(value);
    byte = found != known.end() ? found->second : known.emplace(value, plane.byte_of(value)).first->second;
    return byte;
  });
}

template <class T>
Raster<T> RasterReader::read_all(int band) const {
  Raster<T> raster(grid());
  read(grid().whole(), band, raster.samples.data());
  return raster;
}

std::optional<Nomenclature> RasterReader::legend() const { return legend_of(impl_->dataset.get()); }

void RasterReader::probe(int only) const {
  const int across = (grid().cols + info().block_width - 1) / info().block_width,
            down = (grid().rows + info().block_height - 1) / info().block_height;
  for (int band = std::max(0, only); band < (only < 0 ? info().bands : only + 1); ++band)
    for (const bool last : {false, true}) {
      const GdalMessages messages;
      GDALRasterBandH handle = GDALGetRasterBand(impl_->dataset.get(), band + 1);
      const auto bytes = static_cast<std::size_t>(GDALGetDataTypeSizeBytes(GDALGetRasterDataType(handle)));
      std::vector<char> block(bytes * static_cast<std::size_t>(info().block_width) * static_cast<std::size_t>(info().block_height));
      if (!persist(impl_->path, [&] { return GDALReadBlock(handle, last ? across - 1 : 0, last ? down - 1 : 0, block.data()) == CE_None; }))
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

}  // namespace millesime
