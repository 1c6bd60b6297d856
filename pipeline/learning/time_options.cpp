#include "pipeline/learning/time_options.h"

#include <algorithm>

#include "models/base/option_readers.h"
#include "pipeline/core/error.h"

namespace millesime {

namespace {

std::vector<Date> each_once(std::vector<Date> dates) {
  std::ranges::sort(dates);
  dates.erase(std::unique(dates.begin(), dates.end()), dates.end());
  return dates;
}

}  // namespace

std::vector<Date> TimeOptions::grid(const std::string& source, const std::function<std::vector<Date>()>& acquired) const {
  std::vector<Date> chosen;
  for (const std::string& text : dates) chosen.push_back(Date::parse(text));
  if (!chosen.empty()) return each_once(std::move(chosen));
  const bool own = std::ranges::find(own_dates, source) != own_dates.end();
  if (own || start.empty() || end.empty()) chosen = each_once(acquired());
  std::pair<Date, Date> span;
  span.first = start.empty() ? chosen.front() : Date::parse(start);
  span.second = end.empty() ? chosen.back() : Date::parse(end);
  if (span.first > span.second)
    throw UserError(
        join_text("time.start (", span.first.iso(), ") lies after time.end (", span.second.iso(), "); the time grid has no dates"));
  if (own) {
    std::erase_if(chosen, [&](Date date) { return date < span.first || date > span.second; });
    if (chosen.empty())
      throw UserError(join_text("time.own_dates: ", source, " has no acquisition from ", span.first.iso(), " to ", span.second.iso()));
    return chosen;
  }
  constexpr int kDefaultStep = 10;  // days
  return regular_dates(span.first, span.second, step_days == 0 ? kDefaultStep : step_days);
}

void TimeOptions::declare_gap_fill(Options& o) {
  o.add("gap_fill", &gap_fill,
        "method of interpolating valid acquisitions to the dates of the time grid; linear is a mean of 40 days where a source is radar, "
        "whose single "
        "dates are noisy")
      .choices({"linear", "moving-average", "whittaker"})
      .read_by(reader::kRegular);
  o.add("window_days", &window_days, "gap_fill moving-average: width of the window around each date")
      .unit("days")
      .range(1, 366)
      .read_by(reader::kRegular);
  o.add("smoothing", &smoothing, "gap_fill whittaker: weight of smoothness against the observations")
      .range(0.001, 100000)
      .read_by(reader::kRegular);
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
