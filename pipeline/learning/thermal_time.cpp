#include "pipeline/learning/thermal_time.h"

#include <algorithm>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {

std::string temperature_band(const std::vector<std::string>& bands, const std::string& where) {
  if (bands.size() == 1) return bands.front();
  if (std::ranges::find(bands, "temperature") != bands.end()) return "temperature";
  throw UserError(join_text(where, ": expected one band, or one named temperature, for thermal time; got ", join_list(bands, ", ")));
}

ThermalClock::ThermalClock(const ThermalTime& time, Date new_year, const std::vector<Date>& measured, const std::vector<Date>& acquisitions,
                           const std::string& where)
    : base_(time.base_degrees), per_day_(time.degrees_per_day), measured_(measured) {
  if (acquisitions.empty()) return;
  const Date first = std::min(new_year, acquisitions.front()), end = acquisitions.back();  // the day of an acquisition is not summed
  constexpr std::size_t kNamed = 5;
  std::vector<std::string> lacking;
  std::size_t n = 0;
  for (Date day = first; day < end; day = day + 1)
    if (!std::ranges::binary_search(measured, day) && ++n <= kNamed) lacking.push_back(day.iso());
  if (n > 0)
    throw UserError(join_text(where, ": thermal time needs the temperature of ", time.source, " on every day from ", first.iso(), " to ",
                              (end + (-1)).iso(), "; there is none of ", join_list(lacking, ", "),
                              n > kNamed ? join_text(" and ", n - kNamed, " more days") : "",
                              "; add them, or train with time.axis = \"calendar\""));
  const auto at = [&](Date day) { return static_cast<std::int32_t>(std::ranges::lower_bound(measured, day) - measured.begin()); };
  for (const Date day : acquisitions) {
    const bool before = day < new_year;
    sums_.push_back({at(before ? day : new_year), at(before ? new_year : day), before ? 1 : 0});
  }
}

std::optional<Date> ThermalClock::place(const float* degrees, const std::uint8_t* known, const std::uint8_t* valid,
                                        float* positions) const {
  double sum = 0;  // of the days from the first sum's first day on that `summed` has reached
  std::size_t summed = 0, unknown = measured_.size();
  bool begun = false;
  for (std::size_t a = 0; a < sums_.size(); ++a) {
    const ThermalSum& of = sums_[a];
    const auto first = static_cast<std::size_t>(of.first), end = static_cast<std::size_t>(of.end);
    if (of.before_new_year != 0) {  // few: each is summed for itself
      double back = 0;
      for (std::size_t d = first; d < end; ++d) {
        if (known[d] == 0 && valid[a] != 0) return measured_[d];
        if (known[d] != 0) back += std::max(0.0, static_cast<double>(degrees[d]) - base_);
      }
      positions[a] = static_cast<float>(-back / per_day_);
      continue;
    }
    if (!begun) begun = true, summed = first;
    for (; summed < end; ++summed) {
      if (known[summed] != 0)
        sum += std::max(0.0, static_cast<double>(degrees[summed]) - base_);
      else
        unknown = std::min(unknown, summed);
    }
    if (unknown < end && valid[a] != 0) return measured_[unknown];
    positions[a] = static_cast<float>(sum / per_day_);
  }
  return std::nullopt;
}

std::string lacking_temperature(const ThermalTime& time, Date day) {
  return join_text("no temperature of ", time.source, " on ", day.iso(),
                   ", which thermal time needs; fill it, or train with time.axis = ", "\"calendar\"");
}

}  // namespace millesime
