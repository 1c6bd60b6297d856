#pragma once
// The polygons of a map of labels, made row of blocks by row of blocks.
//
// A polygon is given away as soon as no later pixel can belong to it. Memory: one row of blocks, and the borders of the patches that reach
// its last row. The polygons, and their order, depend on the map, the options and the block columns only.

#include <functional>
#include <memory>
#include <vector>

#include "pipeline/core/grid.h"
#include "pipeline/coverage/coverage_block.h"

namespace millesime {

// The blocks that hold pixels. Blocks have fixed places in the map.
struct BlockRange {
  int first_col = 0, first_row = 0, cols = 0, rows = 0;  // blocks
};
// Those that the polygons of the pixels in a window depend on.
BlockRange blocks_of(const Window& window);

// The pixels that row `row` of the range sees: one beyond the blocks on each side, also where that lies outside of the map.
Window pixels_of(const BlockRange& range, int row, int map_cols, int map_rows);

class Coverage {
 public:
  using Sink = std::function<void(std::vector<CoveragePolygon>&&)>;
  // `wanted`: labels whose polygons are given to `sink`. It is called from the thread that calls add().
  Coverage(const OutlineOptions& options, PixelRule rule, std::function<bool(std::uint32_t)> wanted, int threads, Sink sink);
  ~Coverage();

  void add(const CoverageStrip& strip);  // of pixels_of(), rows in order
  OutlineCounts finish();                // after the last one

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millesime
