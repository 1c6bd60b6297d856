#pragma once
// Inside pipeline/io only: reads a raster that lies on another grid than the tile, in the windows that the tile's windows, from north to
// south and from west to east, need of it. Their borders lie anywhere in its blocks and are slanted between reference systems, so what
// later windows need of a block that has been decompressed is kept: the whole block for the next window to the east, its last rows for the
// windows to the south. Any other order gives the same samples, but decompresses blocks more often; so does too little memory.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "pipeline/io/raster_file.h"

namespace millesime {

// Of all files of a tile together.
struct KeptBytes {
  std::atomic<std::int64_t> now{0};
  std::int64_t most = std::int64_t{64} << 20;
};

template <class T>
class BorderBlocks {
 public:
  // The first row that windows to the south read, and the first column that the next window to the east reads.
  struct Ahead {
    double south, east;
  };

  // `tile_row`: of the window of the tile. Otherwise as BlockRims::read().
  template <class ReadBlock>
  void read(const RasterInfo& file, const Window& window, int tile_row, const Ahead& ahead, KeptBytes& bytes, T* samples,
            std::vector<T>& scratch, const ReadBlock& read_block) {
    ++window_;
    if (tile_row != tile_row_) {
      tile_row_ = tile_row, ++row_;
      drop(bytes, [&](const Piece& piece) { return piece.row < row_ - 1; });  // no window of a whole row has needed it
    }
    const Window grid = file.grid.whole();
    const int width = file.block_width, height = file.block_height;
    for (int row = window.row / height; row <= (window.row + window.height - 1) / height; ++row)
      for (int col = window.col / width; col <= (window.col + window.width - 1) / width; ++col) {
        const Window block{col * width, row * height, width, height}, part = block.intersect(window);
        T* const target = samples + std::int64_t{part.row - window.row} * window.width + (part.col - window.col);
        const auto known = pieces_.find({row, col});
        if (known != pieces_.end() && known->second.part.intersect(part) == part) {
          copy(known->second.samples.data(), known->second.part, part, target, window.width);
          const Piece piece = std::move(known->second);
          keep({row, col}, block, piece.samples.data(), piece.part, grid, ahead, bytes, piece.bytes());
          continue;
        }
        scratch.resize(static_cast<std::size_t>(block.pixels()));
        read_block(col, row, scratch.data());
        ++decompressed_;
        copy(scratch.data(), block, part, target, window.width);
        keep({row, col}, block, scratch.data(), block, grid, ahead, bytes, known == pieces_.end() ? 0 : known->second.bytes());
      }
    drop(bytes, [&](const Piece& piece) { return piece.window != window_ && !piece.for_south; });
  }

  std::int64_t decompressed() const { return decompressed_; }  // blocks so far

 private:
  using Place = std::pair<int, int>;  // row and column of blocks
  struct Piece {
    Window part;
    std::vector<T> samples;
    bool for_south = false;
    std::int64_t window = 0, row = 0;  // that read it last
    std::int64_t bytes() const { return part.pixels() * static_cast<std::int64_t>(sizeof(T)); }
  };

  static void copy(const T* from, const Window& whole, const Window& part, T* to, int to_width) {
    for (int row = 0; row < part.height; ++row)
      std::copy_n(from + std::int64_t{part.row + row - whole.row} * whole.width + (part.col - whole.col), part.width,
                  to + std::int64_t{row} * to_width);
  }

  template <class Which>
  void drop(KeptBytes& bytes, const Which& which) {
    for (auto at = pieces_.begin(); at != pieces_.end();)
      if (which(at->second))
        bytes.now -= at->second.bytes(), at = pieces_.erase(at);
      else
        ++at;
  }

  // Keeps of `samples`, which are those of `whole`, what later windows need; `before`: bytes that are kept of this block so far.
  void keep(const Place& place, const Window& block, const T* samples, const Window& whole, const Window& grid, const Ahead& ahead,
            KeptBytes& bytes, std::int64_t before) {
    Window part = block.intersect(grid);
    const int bottom = part.row + part.height, right = part.col + part.width;
    const bool for_south = bottom > ahead.south, for_east = right > ahead.east;
    if (for_south && !for_east) {
      part.row = std::clamp(static_cast<int>(std::floor(std::max(ahead.south, -1.0))), part.row, bottom - 1);
      part.height = bottom - part.row;
    }
    part = part.intersect(whole);
    Piece piece{part, {}, for_south, window_, row_};
    const std::int64_t more = piece.bytes() - before;
    if ((!for_south && !for_east) || part.empty() || (more > 0 && bytes.now + more > bytes.most)) {
      bytes.now -= before;
      pieces_.erase(place);
      return;
    }
    piece.samples.resize(static_cast<std::size_t>(part.pixels()));
    copy(samples, whole, part, piece.samples.data(), part.width);
    bytes.now += more;
    pieces_[place] = std::move(piece);
  }

  std::map<Place, Piece> pieces_;
  std::int64_t window_ = 0, row_ = 0;
  int tile_row_ = -1;
  std::int64_t decompressed_ = 0;
};

}  // namespace millesime
