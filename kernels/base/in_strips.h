#pragma once
// in_strips: work on the rows of a window; if the device has too little memory, in strips of half the height, and so on. The
// height that fits is kept for the next window.

#include <algorithm>

#include "kernels/base/device_error.h"

namespace millesime {

// Calls work(first row, rows) for each strip, in order. After OutOfDeviceMemory the strip is repeated in halves, after release() has
// freed memory; for a strip of one row the exception is rethrown.
template <class Work, class Release>
void in_strips(int rows, int& strip_rows, const Work& work, const Release& release) {
  for (int first = 0; first < rows;) {
    const int n = std::min(strip_rows, rows - first);
    try {
      work(first, n);
      first += n;
      continue;
    } catch (const OutOfDeviceMemory&) {
      if (n == 1) throw;
    }
    release();
    strip_rows = (n + 1) / 2;
  }
}

}  // namespace millesime
