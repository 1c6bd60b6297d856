#pragma once
// TimeOptions: the regular time grid of series, and the method of gap filling.

#include <string>
#include <vector>

#include "pipeline/core/options.h"

namespace millesime {

struct TimeOptions {  // [time]
  int step_days = 10;
  std::string start, end;          // default: earliest and latest acquisition over all tiles
  std::vector<std::string> dates;  // instead of start, end and step
  std::string gap_fill = "linear";
  double window_days = 30;  // of moving-average
  double smoothing = 1;     // of whittaker

  void declare_gap_fill(Options& options);  // the last three; the configuration and `train` share them
};

}  // namespace millesime
