#pragma once
// compute_in_strips: work on the series of a window, or on strips of its rows where the device has not enough memory for the whole.

#include "kernels/base/in_strips.h"
#include "pipeline/core/series_rows.h"

namespace millesime {

// compute(part, first pixel) for each strip in order, once where all goes well. The height that was found to do is kept in strip_rows.
template <class Compute>
void compute_in_strips(const Series& series, int& strip_rows, const Compute& compute) {
  const Window& window = series.window;
  in_strips(
      window.height, strip_rows,
      [&](int first, int n) {
        if (n == window.height)
          compute(series, std::int64_t{0});
        else
          compute(rows_of(series, first, n), std::int64_t{first} * window.width);
      },
      [] {});
}

}  // namespace millesime
