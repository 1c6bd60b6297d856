#include "pipeline/stages/period.h"

#include "pipeline/core/error.h"

namespace millesime {

void PeriodOptions::declare(Options& o) {
  o.add("start", &start, "first day whose acquisitions count; default: the first of the year");
  o.add("end", &end, "last day whose acquisitions count; default: the last of the year");
}

std::pair<Date, Date> days_of(const PeriodOptions& period, int year) {
  constexpr int kEarliest = 1970, kLatest = 2999;
  const Date first = period.start.empty() ? Date::from_ymd(year == 0 ? kEarliest : year, 1, 1) : Date::parse(period.start),
             last = period.end.empty() ? Date::from_ymd(year == 0 ? kLatest : year, 12, 31) : Date::parse(period.end);
  if (first > last)
    throw UserError(join_text("period: expected a start before its end, got ", first.iso(), " to ", last.iso(),
                              "; set both period.start and period.end"));
  return {first, last};
}

}  // namespace millesime
