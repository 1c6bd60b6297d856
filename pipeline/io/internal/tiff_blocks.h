#pragma once
// The blocks of a plain GeoTIFF, read past libtiff: the stored bytes are decompressed by libdeflate or ZSTD, and the predictor is undone
// with vector instructions. What is not plain goes GDAL's way, which says what is wrong with it. Format: TIFF 6.0 (1992); BigTIFF; tags 317
// (predictor), 50000 (ZSTD).

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace millesime {

class TiffBlocks {
 public:
  // Null unless the file lies on a disk and its first image is one band of 8 or 16-bit integers or of float32, in tiles or strips of
  // this shape, uncompressed or as DEFLATE or ZSTD, with or without a predictor, in either byte order.
  static std::unique_ptr<TiffBlocks> open(const std::string& path, int width, int height, int block_width, int block_height,
                                          int sample_bytes);
  ~TiffBlocks();
  TiffBlocks(const TiffBlocks&) = delete;
  TiffBlocks& operator=(const TiffBlocks&) = delete;

  // False: the block is not stored, or is not what the file says. Rows below the image are undefined.
  bool read(int block_col, int block_row, void* samples);

 private:
  TiffBlocks() = default;
  bool parse(int width, int height, int block_width, int block_height, int sample_bytes);

  int file_ = -1;
  bool swapped_ = false;  // the other byte order than this machine's
  int compression_ = 1, predictor_ = 1, sample_bytes_ = 1;
  int height_ = 0, block_width_ = 0, block_height_ = 0, across_ = 1;
  bool tiled_ = false;
  std::vector<std::uint64_t> offsets_, sizes_;  // [block]
};

}  // namespace millesime
