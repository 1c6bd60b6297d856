#pragma once
// The way of windows through a device, without the program around it: what classification does with a window, on simulated series.

#include <cstdint>
#include <vector>

#include "kernels/base/device.h"
#include "pipeline/core/series.h"
#include "tests/support/random_ltae.h"

namespace millesime::testing {

struct WindowRun {
  std::vector<std::uint8_t> values;  // of all windows: class, confidence and validity of each pixel
  double seconds = 0;                // of all windows, after a first run
  int strips = 0;                    // that the windows were computed in
};

// Windows that are uploaded ahead from page-locked memory, L-TAE, two passes of smoothing, and the values of the map, sent to page-locked
// memory. In strips of rows where the device has too little memory.
WindowRun run_windows(const std::vector<Series>& windows, const Device& device, const LtaeShape& network);

// The same bits as the CPU's: on every device of the machine, and on the first one while nearly all of its memory is taken. Prints one line
// of a table for each; returns how many are wrong.
int check_windows(int devices);

}  // namespace millesime::testing
