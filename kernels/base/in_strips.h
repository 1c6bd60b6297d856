#pragma once
// in_strips: work on the rows of a window; if the device has too little memory, in strips of half the height, and so on. The height that
// fits is kept for the next windows; now and then twice as much is tried again, as other work on the device may have ended.

#include <algorithm>
#include <limits>

#include "kernels/base/device_error.h"

namespace millesime {

// What is known of the rows that fit. One for the windows of a tile.
struct FittingRows {
  int rows = std::numeric_limits<int>::max();
  int windows = 0;    // with this height
  int patience = 16;  // windows after which more is tried: 16 windows cost more than one attempt in vain
};

// Calls work(first row, rows) for each strip, in order. After OutOfDeviceMemory the strip is repeated after release() has freed memory, and
// what is kept for later: first as it is, then in halves. For a strip of one row the exception is rethrown.
template <class Work, class Release>
void in_strips(int rows, FittingRows& fit, const Work& work, const Release& release) {
  if (fit.rows < rows && ++fit.windows > fit.patience) {
    fit.windows = 0, fit.patience *= 2;  // the next attempt is later, in case that this one is in vain
    fit.rows = std::min(rows, 2 * fit.rows);
  }
  bool released = false;
  for (int first = 0; first < rows;) {
    const int n = std::min(fit.rows, rows - first);
    try {
      work(first, n);
      first += n;
      continue;
    } catch (const OutOfDeviceMemory&) {
      if (n == 1 && released) throw;
    }
    release();
    if (released) fit.rows = (n + 1) / 2, fit.windows = 0;
    released = true;
  }
}

}  // namespace millesime
