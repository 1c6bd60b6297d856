#pragma once
// Raster<T>: a Grid and its samples, row by row. In label maps 0 is no data, everywhere.

#include <cstdint>
#include <vector>

#include "pipeline/core/error.h"
#include "pipeline/core/grid.h"

namespace millesime {

template <class T>
struct Raster {
  Grid grid;
  std::vector<T> samples;  // [row][col]

  Raster() = default;
  explicit Raster(Grid g, T fill = T{}) : grid(std::move(g)), samples(static_cast<std::size_t>(grid.pixels()), fill) {}

  T& at(int col, int row) { return samples[index(col, row)]; }
  const T& at(int col, int row) const { return samples[index(col, row)]; }
  std::size_t index(int col, int row) const {
    MILLESIME_CHECK(grid.whole().contains(col, row), "pixel ", col, ",", row, " of ", grid.cols, " x ", grid.rows);
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(grid.cols) + static_cast<std::size_t>(col);
  }
};

using LabelMap = Raster<std::uint8_t>;

}  // namespace millesime
