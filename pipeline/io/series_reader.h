#pragma once
// SeriesReader: windows of the time series of one source over a tile.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/core/series.h"
#include "pipeline/io/census.h"

namespace millesime {

// Reads windows of a tile's series, of any sensor. `threads` take the files of all dates from one queue; each file is read by one thread at
// a time and stays open within the limit of open files. One call at a time.
class SeriesReader {
 public:
  // `bands` may be empty: series of masks only. UserError with a band that the census lacks, or for a census without acquisitions.
  // `halo`: pixels by which the windows of windows() are read larger on each side (read() itself reads what it is asked for).
  SeriesReader(const SourceCensus& census, const std::vector<std::string>& bands, int threads = 1, int halo = 0);
  ~SeriesReader();
  SeriesReader(SeriesReader&&) noexcept;

  const Grid& grid() const;
  // Windows that cover the tile, row by row, of about `pixels` each, at most `most_pixels`: whole blocks of the files of every
  // resolution, minus the margin that interpolation and the halo need from the next blocks. Read in this order, no block is decompressed
  // twice, unless blocks are larger than `most_pixels` (see rereading()) or files of a tile differ in layout (see decompressed_again()). Of
  // files on other grids what later windows need is kept (keep_within()).
  std::vector<Window> windows(std::int64_t pixels, std::int64_t most_pixels) const;
  // Windows as split() makes them, for output in chunks: whole chunks, and also whole blocks of the files if that is at most
  // `most_pixels`. Blocks that interpolation reads beyond a window are decompressed twice.
  std::vector<Window> windows_of_chunks(int chunk, std::int64_t most_pixels) const;
  // Memory for what later windows need of blocks of files on other grids than the tile's (of another UTM zone...); 64 MiB unless set. With
  // too little of it such blocks are decompressed again.
  void keep_within(std::int64_t bytes);
  static constexpr int kShareForBlocks = 16;  // of the memory budget: 1/16
  std::int64_t bytes_per_pixel() const;       // of a Series, for the memory budget
  std::int64_t bytes_kept() const;            // maximum, between two windows and while blocks are decompressed
  // Number of pixels of a window that needs bytes_per_pixel for each, within 1/share of the memory, in addition to bytes_kept(). UserError,
  // with advice, if that is almost none because the files' blocks are larger than the memory.
  std::int64_t pixels_within(std::int64_t memory_bytes, int share, std::int64_t bytes_per_pixel) const;

  // "" or, if the files' blocks are larger than `window`, a sentence that says how often each of them is decompressed.
  std::string rereading(const Window& window) const;

  // UserError with tile, date and file if a file changed since the census or cannot be read.
  Series read(const Window& window) const;
  // Into the memory of a series that this reader has read before, or of an empty one; page-locked where that of its masks is.
  void read(const Window& window, Series& series) const;
  // For a series of masks only: 1 where a product of that date has an image, [date][pixel]
  std::vector<std::uint8_t> coverage(const Series& masks) const;

  // The number of blocks that all calls of read() so far have decompressed, and "" or, if that is more than the files have, a
  // sentence that says so.
  std::int64_t decompressions() const;
  std::string decompressed_again() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millesime
