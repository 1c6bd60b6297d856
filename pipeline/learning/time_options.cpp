#include "pipeline/learning/time_options.h"

namespace millesime {

void TimeOptions::declare_gap_fill(Options& o) {
  o.add("gap_fill", &gap_fill, "method of interpolating valid acquisitions to the dates of the time grid")
      .choices({"linear", "moving-average", "whittaker"});
  o.add("window_days", &window_days, "gap_fill moving-average: width of the window around each date").unit("days").range(1, 366);
  o.add("smoothing", &smoothing, "gap_fill whittaker: weight of smoothness against the observations").range(0.001, 100000);
}

}  // namespace millesime
