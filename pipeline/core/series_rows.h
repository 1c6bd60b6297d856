#pragma once
// A part of a Series as a Series of its own, if the whole does not fit into a device's memory.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "pipeline/core/series.h"

namespace millesime {

// Rows [first, first + n) of the window, copied, with the surroundings in each group that any resampling method reads: kernels give the
// same results for its pixels.
Series rows_of(const Series& series, int first, int n);

// Copies the result of `rows`, pixels [first, first + row_pixels) of each plane, to its position in planes of `pixels`, which are created
// if necessary.
template <class T>
void put_rows(const std::vector<T>& rows, std::int64_t row_pixels, std::int64_t first, std::int64_t pixels, std::vector<T>& planes) {
  const auto n = static_cast<std::ptrdiff_t>(rows.size()) / row_pixels;
  planes.resize(static_cast<std::size_t>(n * pixels));
  for (std::ptrdiff_t plane = 0; plane < n; ++plane)
    std::copy_n(rows.begin() + plane * row_pixels, row_pixels, planes.begin() + plane * pixels + first);
}

}  // namespace millesime
