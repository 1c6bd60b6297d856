#pragma once
// The period: the days that a map is about. It alone decides which acquisitions count, in every command; products of other days are listed
// by the census and not read.

#include <string>
#include <utility>

#include "pipeline/core/dates.h"
#include "pipeline/core/options.h"

namespace millesime {

struct PeriodOptions {     // [period]
  std::string start, end;  // days; default: the calendar year

  void declare(Options& options);  // in the section [period], and of commands that read a folder of images
};

// First and last day: those of `period`, by default of the calendar year; year 0: any. UserError if it ends before it starts.
std::pair<Date, Date> days_of(const PeriodOptions& period, int year);

}  // namespace millesime
