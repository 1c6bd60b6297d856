#include "pipeline/learning/time_options.h"

#include <algorithm>

#include "pipeline/core/error.h"

namespace millesime {

std::vector<Date> TimeOptions::grid(const std::function<std::pair<Date, Date>()>& observed) const {
  std::vector<Date> chosen;
  for (const std::string& text : dates) chosen.push_back(Date::parse(text));
  if (!chosen.empty()) {
    std::ranges::sort(chosen);
    chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
    return chosen;
  }
  std::pair<Date, Date> span;
  if (start.empty() || end.empty()) span = observed();
  if (!start.empty()) span.first = Date::parse(start);
  if (!end.empty()) span.second = Date::parse(end);
  if (span.first > span.second)
    throw UserError(
        join_text("time.start (", span.first.iso(), ") lies after time.end (", span.second.iso(), "); the time grid has no dates"));
  constexpr int kDefaultStep = 10;  // days
  return regular_dates(span.first, span.second, step_days == 0 ? kDefaultStep : step_days);
}

void TimeOptions::declare_gap_fill(Options& o) {
  o.add("gap_fill", &gap_fill, "method of interpolating valid acquisitions to the dates of the time grid")
      .choices({"linear", "moving-average", "whittaker"});
  o.add("window_days", &window_days, "gap_fill moving-average: width of the window around each date").unit("days").range(1, 366);
  o.add("smoothing", &smoothing, "gap_fill whittaker: weight of smoothness against the observations").range(0.001, 100000);
}

void TimeOptions::declare_axis(Options& o) {
  o.add("axis", &axis,
        "where models of raw series place an acquisition: by its day of the year, or by the growing degree days since 1 January, which "
        "needs "
        "a source of daily temperature and lets a model of one year serve another")
      .choices({"calendar", "thermal"});
  o.add("base_degrees", &base_degrees, "axis thermal: temperature from which a day counts").unit("deg C").range(-20, 30);
  o.add("temperature", &temperature, "axis thermal: the source of daily temperature");
}

}  // namespace millesime
