#pragma once
// TileWindow: what is read of a tile for one window.

#include <vector>

#include "pipeline/core/series.h"

namespace millesime {

struct TileWindow {
  Series series;
  std::vector<float> statics;  // [pixel][static], NaN where missing
};

TileWindow rows_of(const TileWindow& window, int first, int n);  // n rows from `first` on

}  // namespace millesime
