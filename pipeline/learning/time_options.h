#pragma once
// TimeOptions: the regular time grid of series, the method of gap filling, and how acquisitions are placed in time.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/core/dates.h"
#include "pipeline/core/options.h"

namespace millesime {

struct TimeOptions {  // [time]
  int step_days = 10;
  std::string start, end;          // default: earliest and latest acquisition over all tiles
  std::vector<std::string> dates;  // instead of start, end and step
  std::string gap_fill = "linear";
  double window_days = 30;  // of moving-average
  double smoothing = 1;     // of whittaker
  std::string axis = "calendar";
  double base_degrees = 0;                  // of thermal time
  std::string temperature = "temperature";  // its source

  // The time grid: `dates` in order, each once; else every step_days (10 if it is 0) from `start` to `end`. `observed` gives the first and
  // the last acquisition for those of the two that are not set. UserError if start lies after end.
  std::vector<Date> grid(const std::function<std::pair<Date, Date>()>& observed) const;

  // The configuration and `train` share these.
  void declare_gap_fill(Options& options);
  void declare_axis(Options& options);
};

}  // namespace millesime
