#include "pipeline/io/sensors/dated_bands.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <regex>
#include <tuple>
#include <utility>

#include <cpl_string.h>
#include <gdal.h>

#include "pipeline/core/error.h"
#include "pipeline/core/source_name.h"
#include "pipeline/core/text.h"
#include "pipeline/io/internal/gdal_raster.h"

namespace millesime {
namespace {

// The axis of a NetCDF variable along which its bands lie ("time", "valid_time"...).
struct TimeAxis {
  std::string name;
  double per_day = 1, begin = 0;  // steps a day; what part of the epoch's day is over at step 0
  Date epoch;
};

// The day that the calendar of an axis gives this name. "standard" counts Julian days before 15 October 1582 (CF conventions, 4.4.1).
Date epoch_of(const std::string& calendar, int year, int month, int day) {
  const bool is_julian = calendar != "proleptic_gregorian" && std::tuple(year, month, day) < std::tuple(1582, 10, 15);
  const bool is_leap_day = month == 2 && day == 29 && year % 4 == 0;
  if (!is_julian) return Date::from_ymd(year, month, day);
  if (!is_leap_day) static_cast<void>(Date::from_ymd(year, month, day));  // UserError for a day that is none
  constexpr int kJulianDayOf1970 = 2440588;
  const int before_march = month < 3 ? 1 : 0, y = year + 4800 - before_march, m = month + 12 * before_march - 3;
  return Date{day + (153 * m + 2) / 5 + 365 * y + y / 4 - 32083 - kJulianDayOf1970};
}

// CF conventions, 4.4: "days since 1950-01-01 00:00", in the calendar that we use.
TimeAxis time_axis_of(GDALDatasetH dataset, const std::string& path) {
  std::string found, not_first;
  for (CSLConstList entry = GDALGetMetadata(dataset, nullptr); entry && *entry; ++entry) {
    static const std::regex units(
        R"(([^#]+)#units=((day|hour|minute|second|millisecond|microsecond|nanosecond)s? since (\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{1,2}).*)?))");
    const std::string text = *entry;
    std::smatch part;
    constexpr std::size_t kLongest = 1024;  // std::regex calls itself with every letter
    if (text.size() > kLongest || text.find("#units=") == std::string::npos || text.find(" since ") == std::string::npos) continue;
    found += (found.empty() ? "" : ", ") + text;
    if (!std::regex_match(text, part, units)) continue;
    TimeAxis axis;
    axis.name = part[1];
    if (!GDALGetMetadataItem(GDALGetRasterBand(dataset, 1), ("NETCDF_DIM_" + axis.name).c_str(), nullptr)) {
      not_first = axis.name;
      continue;
    }
    const char* calendar = GDALGetMetadataItem(dataset, (axis.name + "#calendar").c_str(), nullptr);
    const std::string kind = calendar ? calendar : "standard";
    if (kind != "standard" && kind != "gregorian" && kind != "proleptic_gregorian")
      throw UserError(join_text(path, ": the time axis ", axis.name, " counts in the calendar ", kind,
                                ", whose days are not those of images; expected a standard calendar"));
    static const std::map<std::string, double> steps_a_day = {{"day", 1},
                                                              {"hour", 24},
                                                              {"minute", 1440},
                                                              {"second", 86400},
                                                              {"millisecond", 864e5},
                                                              {"microsecond", 864e8},
                                                              {"nanosecond", 864e11}};
    constexpr int kMinutes = 24 * 60;
    axis.per_day = steps_a_day.at(part[3]);
    axis.epoch = epoch_of(kind, std::stoi(part[4]), std::stoi(part[5]), std::stoi(part[6]));
    if (part[7].matched) axis.begin = (std::stoi(part[7]) * 60 + std::stoi(part[8])) / static_cast<double>(kMinutes);
    return axis;
  }
  if (!not_first.empty())
    throw UserError(join_text(path, ": the time axis ", not_first, " is not the first dimension of the variable; expected (", not_first,
                              ", y, x); xarray's transpose or ncpdq -a ", not_first, ",y,x puts it there"));
  throw UserError(join_text(path, ": expected a time axis in \"days since 1950-01-01\", hours, minutes or seconds, got \"", found, "\""));
}

std::optional<Moment> moment_in(const std::string& text) {
  static const std::regex day_of_month(
      R"((?:^|[^0-9])((?:19|20)[0-9]{2})([-_/.]?)([0-9]{2})\2([0-9]{2})(?:[T _-]?([0-9]{2}):?([0-9]{2}):?([0-9]{2})?)?(?![0-9]))"),
      day_of_year(R"((?:^|[^0-9])((?:19|20)[0-9]{2})([0-9]{3})(?![0-9]))");
  constexpr std::size_t kLongest = 256;  // std::regex calls itself with every letter
  std::smatch part;
  if (text.size() > kLongest) return std::nullopt;
  try {
    if (std::regex_search(text, part, day_of_month))
      return Moment{Date::from_ymd(std::stoi(part[1]), std::stoi(part[3]), std::stoi(part[4])),
                    part[5].str() + part[6].str() + part[7].str(), part.prefix().str() + "_" + part.suffix().str()};
    if (std::regex_search(text, part, day_of_year)) {
      const Date date = Date::from_ymd(std::stoi(part[1]), 1, 1) + (std::stoi(part[2]) - 1);
      if (std::stoi(part[2]) > 0 && date.year() == std::stoi(part[1]))
        return Moment{date, "", part.prefix().str() + "_" + part.suffix().str()};
    }
  } catch (const UserError&) {  // an impossible day
  }
  return std::nullopt;
}

// "105431" of a part of a day.
std::string time_of_day(double part) {
  constexpr int kSeconds = 86400;
  const int second = std::min(static_cast<int>(std::lround(part * kSeconds)), kSeconds - 1);
  char text[16];
  std::snprintf(text, sizeof text, "%02d%02d%02d", second / 3600, second / 60 % 60, second % 60);
  return text;
}

// The words of a text, in small letters; "b2" of "B02".
std::set<std::string> words_of(const std::string& text) {
  std::set<std::string> words;
  std::string word;
  for (const char c : lower(text) + " ") {
    const bool is_digit = c >= '0' && c <= '9', is_letter = c >= 'a' && c <= 'z';
    if (!is_digit && !is_letter) {
      if (!word.empty()) words.insert(std::exchange(word, ""));
    } else {
      const bool was_zero = word.size() > 1 && word.back() == '0' && (word[word.size() - 2] < '0' || word[word.size() - 2] > '9');
      if (is_digit && was_zero) word.pop_back();
      word += c;
    }
  }
  return words;
}

}  // namespace

std::vector<bool> DatedBands::named(const std::vector<std::string>& names, const std::string& file) const {
  std::map<std::pair<Date, std::string>, std::string> rests;
  std::optional<std::size_t> differs;
  for (std::size_t i = 0; i < moments.size() && !differs; ++i)
    if (const auto& moment = moments[i])
      if (rests.try_emplace({moment->day, moment->time}, moment->rest).first->second != moment->rest) differs = i;
  std::vector<bool> own(moments.size(), !differs);
  if (!differs) return own;
  std::set<std::string> known;
  for (const std::string& name : names) known.merge(words_of(name));
  for (std::size_t i = 0; i < own.size(); ++i)
    if (moments[i]) own[i] = std::ranges::any_of(words_of(moments[i]->rest), [&](const std::string& word) { return known.contains(word); });
  if (std::ranges::find(own, true) != own.end()) return own;
  const Moment& moment = *moments[*differs];
  throw UserError(join_text(file, ": several of its bands are of ", moment.day.iso(), ", of which none names ", names.front(), " (\"",
                            rests.at({moment.day, moment.time}), "\", \"", moment.rest, "\"); expected descriptions such as 2021-05-11_",
                            names.front(), ", or the word that they have as the band's file in the sensor file"));
}

DatedBands dated_bands(const std::string& path, const std::string& variable, bool time_axis) {
  const std::string name = variable.empty() ? path : variable_of(path, variable);
  const DatasetHandle dataset = open_raster(name, image_drivers(variable));
  DatedBands bands;
  bands.moments.resize(static_cast<std::size_t>(GDALGetRasterCount(dataset.get())));
  const TimeAxis axis = time_axis ? time_axis_of(dataset.get(), name) : TimeAxis{};
  for (std::size_t i = 0; i < bands.moments.size(); ++i) {
    GDALRasterBandH band = GDALGetRasterBand(dataset.get(), static_cast<int>(i) + 1);
    if (time_axis) {
      const char* value = GDALGetMetadataItem(band, ("NETCDF_DIM_" + axis.name).c_str(), nullptr);
      if (!value) continue;
      constexpr double kMilliseconds = 864e5;  // a day. Less is an error of the numbers, which would make midnight the day before
      const double days = std::round((CPLAtof(value) / axis.per_day + axis.begin) * kMilliseconds) / kMilliseconds, day = std::floor(days);
      bands.moments[i] = Moment{axis.epoch + static_cast<int>(day), time_of_day(days - day)};
    } else {
      const std::string description = GDALGetDescription(band);
      bands.moments[i] = moment_in(description);
      if (!bands.moments[i]) bands.undated.push_back(join_text(i + 1, " (\"", description, "\")"));
    }
  }
  return bands;
}

}  // namespace millesime
