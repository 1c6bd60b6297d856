#pragma once
// in_strips: work on the rows of a window, in strips of half the height where the device has not enough memory for one, and so on. The
// height that was found to do is kept for the next window.

#include <algorithm>

#include "kernels/base/device_error.h"

namespace millesime {

// work(first row, rows) for each strip, in order. A strip that OutOfDeviceMemory stopped is begun again, in halves, after release() has
// given memory back; with one row it is thrown on.
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
