#pragma once
// What a census gives at single pixels, for tests of product layouts.

#include <cmath>
#include <string>
#include <vector>

#include "pipeline/io/sensor.h"
#include "pipeline/io/series_reader.h"

namespace millesime {

inline const Date kFirst = Date::parse("20210101"), kLast = Date::parse("20211231");

inline SourceCensus census_of(const std::string& sensor, const std::string& root, const std::string& tile,
                              const std::vector<std::string>& bands = {}, const std::string& variant = "") {
  return make_sensor(sensor)->take_census({"", root, tile, variant, bands, kFirst, kLast});
}

inline std::vector<std::string> days(const SourceCensus& census) {
  std::vector<std::string> result;
  for (const Acquisition& acquisition : census.acquisitions) result.push_back(acquisition.date.iso());
  return result;
}

// A value of the first band at a pixel, and whether the masks leave the pixel valid.
struct Seen {
  int value;
  bool valid, image;
};
inline Seen see(const SourceCensus& census, int col, int row, int date = 0, const std::string& band = "") {
  const std::string name = band.empty() ? census.bands.front() : band;
  const SeriesReader reader(census, {name}), masks(census, {});
  const Series series = reader.read({col, row, 1, 1});
  const BandGroup& group = series.groups.front();
  const auto at = [](double position) { return static_cast<int>(std::floor(position + 0.5)); };
  const std::size_t plane = group.samples.size() / series.dates.size();
  Seen seen{group.samples[static_cast<std::size_t>(date) * plane +
                          static_cast<std::size_t>(at(group.row_offset) * group.cols + at(group.col_offset))],
            true, false};
  for (std::size_t m = 0; m < series.mask_rules.size(); ++m)
    if (series.mask_rules[m][series.masks[static_cast<std::size_t>(date) * series.mask_rules.size() + m]]) seen.valid = false;
  seen.image = masks.coverage(masks.read({col, row, 1, 1}))[static_cast<std::size_t>(date)] != 0;
  return seen;
}

}  // namespace millesime
