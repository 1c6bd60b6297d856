#pragma once
// TileWindow: the data of one window of a tile.

#include <cstddef>
#include <vector>

#include "pipeline/core/series.h"

namespace millesime {

struct TileWindow {
  Series series;
  std::vector<float> statics;       // [pixel][static], NaN where missing
  std::vector<Series> others = {};  // of the further sources that a model reads
};

TileWindow rows_of(const TileWindow& window, int first, int n);  // n rows from `first` on

// Where a pixel of a window has its number among those of a larger window around it, row by row; `col` and `row` count from the inner one.
inline std::size_t place_in(const Window& outer, const Window& inner, int col, int row) {
  return static_cast<std::size_t>(inner.row - outer.row + row) * static_cast<std::size_t>(outer.width) +
         static_cast<std::size_t>(inner.col - outer.col + col);
}

// Of the numbers of the larger window, those of the inner one.
template <class T>
std::vector<T> part_of(const std::vector<T>& numbers, const Window& outer, const Window& inner) {
  std::vector<T> part;
  part.reserve(static_cast<std::size_t>(inner.pixels()));
  for (int row = 0; row < inner.height; ++row) {
    const auto first = numbers.begin() + static_cast<std::ptrdiff_t>(place_in(outer, inner, 0, row));
    part.insert(part.end(), first, first + inner.width);
  }
  return part;
}

}  // namespace millesime
