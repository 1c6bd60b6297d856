#include "pipeline/imagery/tile_window.h"

#include "pipeline/core/series_rows.h"

namespace millesime {

TileWindow rows_of(const TileWindow& window, int first, int n) {
  const auto begin = window.statics.begin();
  const auto row = static_cast<std::ptrdiff_t>(window.statics.size()) / window.series.window.height;
  TileWindow part{rows_of(window.series, first, n), {begin + first * row, begin + (first + n) * row}, {}};
  for (const Series& other : window.others) part.others.push_back(rows_of(other, first, n));
  return part;
}

}  // namespace millesime
