#pragma once
// TileWindow: the data of one window of a tile.

#include <vector>

#include "pipeline/core/series.h"

namespace millesime {

struct TileWindow {
  Series series;
  std::vector<float> statics;       // [pixel][static], NaN where missing
  std::vector<Series> others = {};  // of the further sources that a model reads
};

TileWindow rows_of(const TileWindow& window, int first, int n);  // n rows from `first` on

}  // namespace millesime
