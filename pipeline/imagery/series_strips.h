#pragma once
// compute_in_strips: computes on the series of a window, or on strips of its rows if the device has too little memory for the whole.

#include <functional>

#include "kernels/base/in_strips.h"
#include "kernels/ops/series_ahead.h"
#include "pipeline/core/series_rows.h"

namespace millesime {

// Calls compute(series of the strip on the device, first row) for each strip in order; only once if memory suffices. The height that fits
// is kept in `fit`; release() frees the other device memory of the work.
template <class Compute, class Release>
void compute_in_strips(SeriesAhead& ahead, const Series& series, FittingRows& fit, const Compute& compute, const Release& release) {
  in_strips(
      series.window.height, fit,
      [&](int first, int n) {
        if (n == series.window.height) return compute(ahead.current(series), first);
        const Series strip = rows_of(series, first, n);
        compute(ahead.put(strip), first);
      },
      [&] {
        ahead.give_up();
        release();
      });
  ahead.done();
}

// For window_loop: uploads windows while others are computed. On the CPU it does nothing. series_of(In) is its Series.
template <class In, class SeriesOf>
std::function<void(const In&)> uploader(SeriesAhead& ahead, const SeriesOf& series_of) {
  if (!ahead.uploads()) return nullptr;
  return [&ahead, series_of](const In& in) { ahead.upload(series_of(in)); };
}

}  // namespace millesime
