#pragma once
// One block of the coverage: its patches, their sums and their outlines. A function of the block's pixels alone.

#include <cstdint>
#include <functional>
#include <vector>

#include "pipeline/coverage/arcs.h"
#include "pipeline/coverage/coverage_options.h"
#include "pipeline/coverage/coverage_strip.h"
#include "pipeline/coverage/patch_sums.h"

namespace millesime {

// A part of the border of a patch, the patch on its left.
struct BorderPiece {
  std::uint32_t first = 0, count = 0;  // vertices
  Direction start = Direction::north, end = Direction::north;
  bool closed = false;
};

struct PatchBorder {
  std::vector<Vertex> vertices;
  std::vector<BorderPiece> pieces;

  void add(const Arc& arc, bool reversed);
  void add(PatchBorder&& other);
};

struct Patch {
  std::uint32_t label = 0;
  PatchSums sums;
  PatchBorder border;
};

// One patch as a polygon. Rings are closed, the first is the outer one; the patch lies on the left of each (north up).
struct CoveragePolygon {
  std::uint32_t label = 0;
  PatchSums sums;
  std::vector<Vertex> vertices;
  std::vector<std::uint32_t> ring_ends;  // one beyond the last vertex of each ring
};

// Vertices that only mark the edges of blocks are left out where the border is straight.
CoveragePolygon polygon_of(Patch&& patch);

struct BlockResult {
  int cols = 0, rows = 0;                              // pixels that it sees
  std::vector<CoveragePolygon> whole;                  // patches within the block
  std::vector<Patch> open;                             // those that reach its edge
  std::vector<std::int32_t> top, bottom, left, right;  // position in `open` of the pixels along the edge, -1 for none
  OutlineCounts counts;
};

// Block `index` of the strip, from the west. `wanted`: labels whose polygons are asked for; the others only shape their neighbours.
BlockResult coverage_block(const CoverageStrip& strip, int index, const OutlineOptions& options, PixelRule rule,
                           const std::function<bool(std::uint32_t)>& wanted);

}  // namespace millesime
