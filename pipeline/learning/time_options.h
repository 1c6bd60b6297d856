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
  std::string start, end;              // default: earliest and latest acquisition over all tiles
  std::vector<std::string> dates;      // instead of start, end and step
  std::vector<std::string> own_dates;  // sources whose acquisitions over all tiles are their time grid
  std::string gap_fill = "linear";
  double window_days = 30;  // of moving-average
  double smoothing = 1;     // of whittaker
  std::string axis = "calendar";
  double base_degrees = 0;                  // of thermal time
  std::string temperature = "temperature";  // its source

  // The time grid of a source: `dates` in order, each once; else those of its acquisitions where own_dates names it; else every step_days
  // (10 if it is 0) from `start` to `end`. `acquired` gives the dates of all acquisitions, in any order, of which the first and the last
  // stand for those of the two that are not set. UserError if start lies after end.
  std::vector<Date> grid(const std::string& source, const std::function<std::vector<Date>()>& acquired) const;

  // The configuration and `train` share these.
  void declare_gap_fill(Options& options);
  void declare_axis(Options& options);
};

}  // namespace millesime
