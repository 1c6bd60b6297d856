#pragma once
// Date: a calendar day (UTC), strong type over days since 1970-01-01.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millesime {

struct Date {
  std::int32_t days = 0;  // since 1970-01-01

  static Date from_ymd(int year, int month, int day);  // UserError on an impossible day
  static Date parse(std::string_view text);            // "20180511" or "2018-05-11"; UserError otherwise
  int year() const;
  int day_of_year() const;      // 1..366
  std::string iso() const;      // "2018-05-11"
  std::string compact() const;  // "20180511"

  auto operator<=>(const Date&) const = default;
  Date operator+(int n) const { return {days + n}; }
  int operator-(Date other) const { return days - other.days; }
};

// first, first + step, ... <= last (iota2's time grid).
std::vector<Date> regular_dates(Date first, Date last, int step_days);

}  // namespace millesime
