#pragma once
// The period: the days that a map is about. It alone decides which acquisitions count, in every command; products of other days are listed
// by the census and not read. A map of a part of it, up to a day, is an edition of its own.

#include <string>
#include <utility>

#include "pipeline/core/dates.h"
#include "pipeline/core/options.h"

namespace millesime {

struct PeriodOptions {     // [period]
  std::string start, end;  // days; default: the calendar year
  std::string until;       // the last day that is known; default: the end
  std::string name;        // of the edition; default: the year

  void declare(Options& options);       // in the section [period]
  void declare_days(Options& options);  // start and end alone, of commands that read a folder of images
};

inline constexpr int kMostDays = 731;  // of a period: two years

// First and last day: those of `period`, by default of the calendar year; year 0: any. UserError if it ends before it starts, is longer
// than two years, or if nothing of it is known.
std::pair<Date, Date> days_of(const PeriodOptions& period, int year);

// The day of the year of `until` where it ends the period early; 0 elsewhere.
int last_day_of(const PeriodOptions& period, int year);

// What the map of these days is called, and its folder: "2021"; what is known before the end of the period, "2021-06" (to the end of a
// month) or "2021-06-15". UserError for a name that is no name of a folder.
std::string edition_of(const PeriodOptions& period, int year);

}  // namespace millesime
