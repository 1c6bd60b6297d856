#pragma once
// The units that a sample of a map is drawn from: its pixels, or blocks. Blocks are squares of pixels that begin at the upper left corner
// of the map; those at its right and lower edge are cut.
//
// A unit is one of the map if a pixel of it has a class. The class of a block is that which most of its pixels with a class have, its
// stratum that of most of those pixels: the rule of the majority, with which a block is labelled as one piece on the map and on the ground
// (Stehman & Wickham 2011, Remote Sensing of Environment 115).

#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "pipeline/core/context.h"
#include "pipeline/io/map_input.h"

namespace millesime {

// The value that most of them have; of several the one that comes first: in the order of a block's rows this prefers no class.
int most_frequent(const std::vector<int>& values);

// Side of a block in pixels. UserError unless it is a square of whole pixels.
int block_side(const Grid& grid, double block_metres, const std::string& map);

// A row of units, from west to east. A class is 0 where there is no unit.
struct UnitRow {
  int row = 0;
  const std::uint16_t *strata = nullptr, *classes = nullptr;
  const std::int32_t* pixels = nullptr;  // with a class, of each unit
  const std::int64_t* cm2 = nullptr;     // of those pixels; null where areas are not wanted
};

class MapUnits {
 public:
  // `strata`: a raster on the grid of the map; "": the classes are the strata. `side`: of a unit, in pixels.
  MapUnits(const std::string& map, const std::string& strata, int side, const Context& context);

  const Grid& grid() const { return map_.grid(); }
  int cols() const { return (grid().cols + side_ - 1) / side_; }
  int rows() const { return (grid().rows + side_ - 1) / side_; }
  Box square(int col, int row) const;

  enum class With { classes, areas };
  // From north to south. Reads the maps in strips.
  void each_row(const char* what, With with, const std::function<void(const UnitRow&)>& each) const;

 private:
  int side_;
  const Context& context_;
  MapInput map_;
  std::optional<MapInput> strata_;
};

// Ranks of the drawn units among `n`, in ascending order: a simple random sample without replacement (Floyd's algorithm, Bentley & Floyd
// 1987).
std::vector<std::int64_t> draw_units(std::int64_t n, std::int64_t count, std::mt19937_64& random);

}  // namespace millesime
