#include "pipeline/core/dates.h"

#include <charconv>
#include <chrono>
#include <cstdio>

#include "pipeline/core/error.h"

namespace millesime {
namespace {

std::chrono::year_month_day calendar(Date date) { return std::chrono::year_month_day{std::chrono::sys_days{std::chrono::days{date.days}}}; }

int number(std::string_view digits) {
  int value = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc{} && end == digits.data() + digits.size() ? value : -1;
}

}  // namespace

Date Date::from_ymd(int year, int month, int day) {
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) throw UserError(join_text("no such day: ", year, "-", month, "-", day));
  return {static_cast<std::int32_t>(std::chrono::sys_days{date}.time_since_epoch().count())};
}

Date Date::parse(std::string_view text) {
  int year = -1, month = -1, day = -1;
  if (text.size() == 8) {
    year = number(text.substr(0, 4)), month = number(text.substr(4, 2)), day = number(text.substr(6, 2));
  } else if (text.size() == 10 && text[4] == '-' && text[7] == '-') {
    year = number(text.substr(0, 4)), month = number(text.substr(5, 2)), day = number(text.substr(8, 2));
  }
  if (year < 0 || month < 0 || day < 0)
    throw UserError(join_text("not a date: \"", std::string(text), "\"; expected YYYYMMDD or YYYY-MM-DD"));
  return from_ymd(year, month, day);
}

int Date::year() const { return static_cast<int>(calendar(*this).year()); }

int Date::day_of_year() const { return *this - from_ymd(year(), 1, 1) + 1; }

std::string Date::iso() const {
  const auto date = calendar(*this);
  char text[16];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()) % 10000, static_cast<unsigned>(date.month()) % 100,
                static_cast<unsigned>(date.day()) % 100);
  return text;
}

std::string Date::compact() const {
  std::string text = iso();
  std::erase(text, '-');
  return text;
}

std::vector<Date> regular_dates(Date first, Date last, int step_days) {
  MILLESIME_CHECK(step_days > 0, "step of ", step_days, " days");
  std::vector<Date> dates;
  for (Date date = first; date <= last; date = date + step_days) dates.push_back(date);
  return dates;
}

}  // namespace millesime
