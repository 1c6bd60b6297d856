#pragma once
// A row of blocks of the map, as the coverage reads it.

#include <cstdint>
#include <vector>

namespace millesime {

// Pixels [col, col + cols) x [row, row + rows) of the map; one of them may lie outside of it on each side (label 0).
struct CoverageStrip {
  int col = 0, row = 0, cols = 0, rows = 0;
  std::vector<std::uint32_t> labels;  // [row][col]; 0 is not mapped. Pixels of one label that share an edge are one patch
  std::vector<std::int64_t> cm2;      // [row][col], true areas; outside of the map that of the nearest pixel of it
  int fine = 1;                       // pixels of the statistics along a pixel of the map
  // [row][col] of fine pixels, or empty.
  std::vector<std::uint16_t> classes;  // index of the class + 1; 0 for none
  std::vector<std::uint8_t> confidence, validity;
  int class_count = 0;
};

}  // namespace millesime
