#pragma once
// A part of a Series for itself, where the whole does not fit into a device's memory.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "pipeline/core/series.h"

namespace millesime {

// Rows [first, first + n) of the window, copied, with as much of each group around them as any resampling reads: kernels come to the same
// numbers for its pixels.
Series rows_of(const Series& series, int first, int n);

// What became of `rows`, pixels [first, first + row_pixels) of each plane, to its place in planes of `pixels`; makes these where there are
// none.
template <class T>
void put_rows(const std::vector<T>& rows, std::int64_t row_pixels, std::int64_t first, std::int64_t pixels, std::vector<T>& planes) {
  const auto n = static_cast<std::ptrdiff_t>(rows.size()) / row_pixels;
  planes.resize(static_cast<std::size_t>(n * pixels));
  for (std::ptrdiff_t plane = 0; plane < n; ++plane)
    std::copy_n(rows.begin() + plane * row_pixels, row_pixels, planes.begin() + plane * pixels + first);
}

}  // namespace millesime
