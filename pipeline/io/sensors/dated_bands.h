#pragma once
// Inside pipeline/io only. Files of several dates: what their bands are of, by their descriptions or by the time axis of NetCDF.

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pipeline/core/dates.h"

namespace millesime {

// The first day that a text says, and the time after it ("105431", "" for none): 2021-05-11, 20210511T105431, NDVI_2021_05_11, 2021131.
struct Moment {
  Date day;
  std::string time;
  std::string rest = {};  // of the text: the band that it names
};

struct DatedBands {
  std::vector<std::optional<Moment>> moments;
  std::vector<std::string> undated;  // 3 ("cloud")

  // Which bands are of a layer with these names. Bands of one day and time whose descriptions differ otherwise, too, are of several kinds
  // ("20230105_B2", "20230105_B3"): those that name the layer are its own. UserError with `file` where none does.
  std::vector<bool> named(const std::vector<std::string>& names, const std::string& file) const;
};

// `time_axis`: they are steps of the first dimension ("days since 1950-01-01"). UserError for an axis that says no days of our calendar.
DatedBands dated_bands(const std::string& path, const std::string& variable, bool time_axis);

}  // namespace millesime
