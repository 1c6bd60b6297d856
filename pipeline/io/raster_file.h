#pragma once
// Raster files through GDAL. GDAL stays inside pipeline/io: no GDAL type appears in a header.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/core/grid.h"
#include "pipeline/core/nomenclature.h"
#include "pipeline/core/raster.h"
#include "pipeline/io/encoding.h"

namespace millesime {

enum class PixelType { u8, u16, i16, i32, f32 };
const char* type_name(PixelType type);  // "uint8"

// Description of one band in its file.
struct BandInfo {
  PixelType type = PixelType::u8;  // as RasterInfo::type
  std::optional<double> nodata;
  double scale = 1, offset = 0;  // value = number * scale + offset
  bool has_scale = false;        // the file states one
  bool has_mask = false;         // a mask band or an alpha band marks missing pixels
  bool is_alpha = false;
  bool is_int8 = false;  // signed bytes; their type is int16

  bool is_byte() const { return type == PixelType::u8 || is_int8; }
};

struct RasterInfo {
  Grid grid;
  int bands = 1;
  std::vector<BandInfo> each;      // of each band
  PixelType type = PixelType::u8;  // f64 and others are converted to the nearest type
  int block_width = 0, block_height = 0;
  std::optional<double> nodata;
};

// Opens a raster for reading. `path` may be inside a zip (/vsizip/). It must have a CRS and a north-up geotransform.
// Not thread-safe: one object a thread.
// Every error is a UserError with the file, the window and GDAL's own message.
class RasterReader {
 public:
  // `drivers` restricts the formats, e.g. {"GTiff"} for names from disk that must not make GDAL open other files; {}: all formats.
  explicit RasterReader(const std::string& path, const std::vector<std::string>& drivers = {});
  ~RasterReader();
  RasterReader(RasterReader&&) noexcept;
  RasterReader& operator=(RasterReader&&) noexcept;

  const std::string& path() const;
  const RasterInfo& info() const;
  const Grid& grid() const { return info().grid; }

  // Reads band `band` (from 0) of a window, row by row, converted to T with saturation. The window must lie in the grid.
  template <class T>  // std::uint8_t, std::uint16_t, std::int16_t, std::int32_t, float
  void read(const Window& window, int band, T* samples) const;
  // Reads a band of a window as numbers with scale and offset applied. Missing values are NaN: the band's no-data value, pixels of a mask
  // band or alpha band with value 0, NaN.
  void read_numbers(const Window& window, int band, float* numbers) const;
  // The same of several bands at once, [pixel][band], which is faster where a file keeps the bands of a pixel together.
  void read_numbers(const Window& window, const std::vector<int>& bands, float* numbers) const;
  // A whole block of a band, block_width x block_height row by row, without GDAL's block cache. Pixels outside the grid are undefined.
  // Of an image: in the source's unit, kNodata for no data (sample_unit.h). Of a mask: the bytes of its plane, where the plane is what a
  // band says by `encoding`.
  void read_block(int band, int block_col, int block_row, const Encoding& encoding, std::int16_t* samples) const;
  void read_block(int band, int block_col, int block_row, const MaskPlane& plane, const Encoding& encoding, std::uint8_t* samples) const;
  // Of an image before rounding, NaN for no data.
  std::vector<double> block_in_unit(int band, int block_col, int block_row, const Encoding& encoding) const;
  template <class T>
  Raster<T> read_all(int band = 0) const;
  // The classes of a map according to its palette, category names and attribute table; empty without a palette.
  std::optional<Nomenclature> legend() const;
  void probe(int band = -1) const;  // reads the first and the last block of a band, or of each: a truncated file fails here

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

constexpr int kMapBlock = 512;  // side of the square blocks of maps, px; windows that follow it need no buffer

struct RasterOptions {
  std::optional<double> nodata;
  std::string compression = "DEFLATE";  // of GDAL's GTiff driver: DEFLATE, ZSTD, LZW, NONE
  int block = kMapBlock;
  const Nomenclature* nomenclature = nullptr;  // adds palette, class names and raster attribute table
  std::vector<std::string> band_names;
  double scale = 1;            // value = number * scale, of every band
  std::string long_name = {};  // what the numbers are, metadata of every band; "" for none
};

// A tiled GeoTIFF that is written window by window and gets its name only by commit(). The bytes of the file depend on its
// content only, not on the order or shape of the windows: blocks are written row by row of blocks, band by band; blocks that come
// earlier are kept in memory, and beyond 64 MB in an unnamed temporary file. Fastest, without keeping blocks: full-width windows
// of whole block rows from north to south. A class map's names and attribute table are written to `path`.aux.xml.
class RasterWriter {
 public:
  RasterWriter(const std::string& path, const Grid& grid, PixelType type, int bands, const RasterOptions& options);
  ~RasterWriter();
  RasterWriter(RasterWriter&&) noexcept;

  int block() const;  // side of its square blocks (less than requested on a small grid)
  // Band `band` (from 0) of a window, converted to the file's type with saturation. Each pixel is written at most once; pixels
  // that are never written become nodata, or 0 without a nodata value.
  template <class T>  // std::uint8_t, std::uint16_t, std::int16_t, std::int32_t, float
  void write(const Window& window, int band, const T* samples);
  void commit();  // closes, flushes, reads every block back and compares it, renames; UserError if the disk is full or faulty

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

template <class T>
void write_raster(const std::string& path, const Raster<T>& raster, const RasterOptions& options);

// A cloud-optimised GeoTIFF from a plain raster file, in bounded memory; overviews by mode for class maps, by average otherwise.
struct CogOptions {
  std::string compression = "DEFLATE";
  bool classes = false;                        // overviews by mode, 0 is no data
  const Nomenclature* nomenclature = nullptr;  // palette, class names and raster attribute table; implies classes
  std::vector<std::string> band_names;         // default: the source's
};
void write_cog(const std::string& source, const std::string& path, const CogOptions& options);

}  // namespace millesime
