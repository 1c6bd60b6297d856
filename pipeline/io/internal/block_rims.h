#pragma once
// Inside pipeline/io only: reads a raster in windows from north to south, and from west to east in each row of windows. Each block is
// decompressed once although windows overlap: the last rows and columns of a block are kept until the windows have passed them.
// Any other order gives the same samples, but decompresses blocks more often.

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "pipeline/io/raster_file.h"

namespace millesime {

template <class T>
class BlockRims {
 public:
  // `keep`: how many rows and columns of its blocks later windows reach back to.
  explicit BlockRims(int keep) : keep_(keep) {}

  // `file` is the same raster in each call, of which read_block(col, row, T*) reads a block; `scratch` is used by the files of one thread
  // one after the other. Where is_needed(block) is false the samples are `otherwise`, and the block is not decompressed.
  template <class IsNeeded, class ReadBlock>
  void read(const RasterInfo& file, const Window& window, T* samples, std::vector<T>& scratch, const IsNeeded& is_needed, T otherwise,
            const ReadBlock& read_block) {
    const Blocks blocks(file);
    const int first_row = window.row / blocks.height, last_row = (window.row + window.height - 1) / blocks.height;
    const int first_col = window.col / blocks.width, last_col = (window.col + window.width - 1) / blocks.width;
    rims_.erase(rims_.begin(), rims_.lower_bound({first_row, 0}));
    for (int row = first_row; row <= last_row; ++row)
      for (int col = first_col; col <= last_col; ++col) {
        const Window block{col * blocks.width, row * blocks.height, blocks.width, blocks.height};
        const Window part = block.intersect(window);
        T* const target = samples + std::int64_t{part.row - window.row} * window.width + (part.col - window.col);
        if (!is_needed(block)) {
          for (int line = 0; line < part.height; ++line) std::fill_n(target + std::int64_t{line} * window.width, part.width, otherwise);
          continue;
        }
        if (copy_from_rim(block, part, target, window.width)) continue;
        scratch.resize(static_cast<std::size_t>(block.pixels()));
        read_block(col, row, scratch.data());
        ++decompressed_;
        copy(scratch.data(), block, part, target, window.width);
        keep_rims(block, file.grid.whole(), scratch.data());
      }
    // Only the next window to the east reads the last columns, and only those of the blocks in which this one ends.
    for (auto& [place, rims] : rims_)
      if (place.second != last_col) rims.east = {};
  }

  int keep() const { return keep_; }
  std::int64_t decompressed() const { return decompressed_; }  // blocks so far

 private:
  struct Blocks {
    int width, height;
    explicit Blocks(const RasterInfo& info) : width(info.block_width), height(info.block_height) {}
  };
  struct Rims {
    std::vector<T> south, east;  // the last rows, and the last columns, of a block
  };

  // The strips of a block that are kept.
  Window south_of(const Window& block) const {
    const int rows = std::min(keep_, block.height);
    return {block.col, block.row + block.height - rows, block.width, rows};
  }
  Window east_of(const Window& block) const {
    const int cols = std::min(keep_, block.width);
    return {block.col + block.width - cols, block.row, cols, block.height};
  }

  static void copy(const T* from, const Window& whole, const Window& part, T* to, int to_width) {
    for (int row = 0; row < part.height; ++row)
      std::copy_n(from + std::int64_t{part.row + row - whole.row} * whole.width + (part.col - whole.col), part.width,
                  to + std::int64_t{row} * to_width);
  }

  bool copy_from_rim(const Window& block, const Window& part, T* target, int target_width) const {
    const auto known = rims_.find(place_of(block));
    if (known == rims_.end()) return false;
    const Window south = south_of(block), east = east_of(block);
    const bool in_south = !known->second.south.empty() && south.intersect(part) == part,
               in_east = !known->second.east.empty() && east.intersect(part) == part;
    if (in_south)
      copy(known->second.south.data(), south, part, target, target_width);
    else if (in_east)
      copy(known->second.east.data(), east, part, target, target_width);
    return in_south || in_east;
  }

  void keep_rims(const Window& block, const Window& grid, const T* samples) {
    if (keep_ == 0) return;
    const auto kept = [&](const Window& strip) {
      std::vector<T> pixels(static_cast<std::size_t>(strip.pixels()));
      copy(samples, block, strip, pixels.data(), strip.width);
      return pixels;
    };
    Rims rims;
    if (block.row + block.height < grid.height) rims.south = kept(south_of(block));
    if (block.col + block.width < grid.width) rims.east = kept(east_of(block));
    rims_[place_of(block)] = std::move(rims);
  }

  static std::pair<int, int> place_of(const Window& block) { return {block.row / block.height, block.col / block.width}; }

  int keep_;
  std::map<std::pair<int, int>, Rims> rims_;  // by row and column of blocks
  std::int64_t decompressed_ = 0;
};

}  // namespace millesime
