#pragma once
// Arcs: the borders between the patches of one block, each traced once.
//
// The lattice is that of the pixels' corners. A block of kCoverageBlock x kCoverageBlock lattice vertices sees one pixel around each;
// lattice edges to vertices of the neighbouring blocks are cut at their middles ("pins"), which no step moves. So every arc belongs to one
// block, arcs of different blocks meet in pins only, and a block can be worked on alone: the result depends on the map, not on what is in
// memory. An arc ends at a junction (three or four patches, or two that meet at a corner), at a pin, or in itself.

#include <cstdint>
#include <vector>

#include "pipeline/coverage/vertex.h"

namespace millesime {

enum class Direction : std::uint8_t { north, east, south, west };

struct Arc {
  std::int32_t left = 0, right = 0;                            // patches on its sides, as numbered in the block
  Direction start = Direction::north, end = Direction::north;  // of the lattice edges with which it starts and ends
  bool closed = false;                                         // its last vertex is the first; no other arc meets it
  bool exact = false;                                          // a border of what is not mapped: it stays where it is
  std::vector<Vertex> lattice;                                 // its corners along pixel edges, with both ends
  std::vector<Vertex> line;                                    // what it becomes
};

// The patches of a block: `patch` has (cols + 1) x (rows + 1) pixels, lattice vertex (c, r) is the corner where pixels (c, r) to
// (c + 1, r + 1) of it meet, and lies at pixel corner (col + c, row + r) of the map.
struct BlockPatches {
  int col = 0, row = 0;    // of the first lattice vertex
  int cols = 0, rows = 0;  // lattice vertices
  std::vector<std::int32_t> patch;
  std::vector<bool> mapped;  // of each patch
  std::int32_t at(int c, int r) const {
    return patch[static_cast<std::size_t>(r) * static_cast<std::size_t>(cols + 1) + static_cast<std::size_t>(c)];
  }
};

// In a fixed order. `diagonals`: see OutlineOptions.
std::vector<Arc> trace_arcs(const BlockPatches& block, bool diagonals);

}  // namespace millesime
