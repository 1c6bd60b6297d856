#include "pipeline/stages/period.h"

#include <algorithm>
#include <cctype>

#include "pipeline/core/error.h"

namespace millesime {
namespace {

constexpr int kEarliest = 1970, kLatest = 2999;

// Without what is known of it.
std::pair<Date, Date> whole(const PeriodOptions& period, int year) {
  const Date first = period.start.empty() ? Date::from_ymd(year == 0 ? kEarliest : year, 1, 1) : Date::parse(period.start),
             last = period.end.empty() ? Date::from_ymd(year == 0 ? kLatest : year, 12, 31) : Date::parse(period.end);
  if (first > last)
    throw UserError(join_text("period: expected a start before its end, got ", first.iso(), " to ", last.iso(),
                              "; set both period.start and period.end"));
  if (const int days = last - first + 1; year != 0 && days > kMostDays)
    throw UserError(join_text("period: expected at most two years, got ", days, " days, ", first.iso(), " to ", last.iso(),
                              "; models place an acquisition by its day of the year"));
  return {first, last};
}

}  // namespace

void PeriodOptions::declare_days(Options& o) {
  o.add("start", &start, "first day whose acquisitions count; default: the first of the year").dates();
  o.add("end", &end, "last day whose acquisitions count; default: the last of the year").dates();
}

void PeriodOptions::declare(Options& o) {
  declare_days(o);
  o.add("until", &until,
        "last day that is known (`millesime run --until`): later acquisitions do not count, and the map is an edition of its own")
      .dates();
  o.add("name", &name, "what the map is called, and its folder; default: the year, with the month or day of until");
}

std::pair<Date, Date> days_of(const PeriodOptions& period, int year) {
  auto [first, last] = whole(period, year);
  if (period.until.empty()) return {first, last};
  const Date until = Date::parse(period.until);
  if (until < first)
    throw UserError(
        join_text("period.until: ", until.iso(), " is before the first day of the period, ", first.iso(), "; nothing of it is known then"));
  return {first, std::min(last, until)};
}

int last_day_of(const PeriodOptions& period, int year) {
  if (period.until.empty()) return 0;
  const Date until = Date::parse(period.until);
  return until < whole(period, year).second ? until - Date::from_ymd(year, 1, 1) + 1 : 0;
}

std::string edition_of(const PeriodOptions& period, int year) {
  for (const char c : period.name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_')
      throw UserError(join_text("period.name: expected letters, digits, - and _, got \"", period.name, "\""));
  const std::string base = period.name.empty() ? std::to_string(year) : period.name;
  if (period.until.empty()) return base;
  const Date until = Date::parse(period.until);
  if (until >= whole(period, year).second) return base;
  const bool month = (until + 1).iso().ends_with("-01");
  const std::string day = month ? until.iso().substr(0, 7) : until.iso();
  return period.name.empty() && day.starts_with(base + "-") ? day : base + "-" + day;
}

}  // namespace millesime
