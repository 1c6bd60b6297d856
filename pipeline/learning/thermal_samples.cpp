#include "pipeline/learning/thermal_samples.h"

#include <algorithm>

#include "pipeline/core/band_steps.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/learning/preparation.h"
#include "pipeline/learning/thermal_time.h"

namespace millesime {
namespace {

// The temperatures of a file's samples.
class Temperatures {
 public:
  Temperatures(const ThermalTime& time, const SampleSelection& selection) : selection_(selection), samples_(*selection.samples) {
    const auto found = std::ranges::find(samples_.series, time.source, &SampleSeries::source);
    if (found == samples_.series.end()) {
      std::vector<std::string> names;
      for (const SampleSeries& series : samples_.series) names.push_back(series.source);
      throw UserError(join_text(selection.file, ": thermal time needs a series of daily temperature named ", time.source,
                                ", the samples have ", join_list(names, ", "),
                                "; extract them with a [[source]] of temperature, set time.temperature, or time.axis = \"calendar\""));
    }
    series_ = &*found;
    const std::string band = temperature_band(series_->bands, selection.file + ": " + time.source);
    band_ = static_cast<std::size_t>(std::ranges::find(series_->bands, band) - series_->bands.begin());
    constexpr float kStored = 0.01F;  // deg C, of series that are read from images, of which older programs did not tell the unit
    const float step = band_steps(samples_, *series_)[band_];
    scale_ = !samples_.tile.empty() && (step == 0 || step == 1) ? kStored : step;
  }

  const std::vector<Date>& dates() const { return series_->dates; }

  void read(std::int64_t row, std::vector<float>& degrees, std::vector<std::uint8_t>& known) const {
    const std::size_t n = series_->dates.size(), at = static_cast<std::size_t>(row) * n, bands = series_->bands.size();
    degrees.resize(n), known.resize(n);
    for (std::size_t d = 0; d < n; ++d) {
      known[d] = selection_.hides(series_->dates[d]) ? 0 : series_->valid[at + d];
      degrees[d] = static_cast<float>(series_->values[(at + d) * bands + band_]) * scale_;
    }
  }

  void release() const { series_->values.release(), series_->valid.release(); }

 private:
  const SampleSelection& selection_;
  const Samples& samples_;
  const SampleSeries* series_ = nullptr;
  std::size_t band_ = 0;
  float scale_ = 1;
};

}  // namespace

double growing_degrees_per_day(const ThermalTime& time, const std::vector<SampleSelection>& selections) {
  double sum = 0;
  std::int64_t days = 0;
  std::vector<float> degrees;
  std::vector<std::uint8_t> known;
  for (const SampleSelection& selection : selections) {
    const Temperatures temperatures(time, selection);
    for (const std::int64_t row : selection.rows) {
      temperatures.read(row, degrees, known);
      for (std::size_t d = 0; d < degrees.size(); ++d)
        if (known[d] != 0) sum += std::max(0.0, static_cast<double>(degrees[d]) - time.base_degrees), ++days;
    }
    temperatures.release();
  }
  if (sum <= 0)
    throw UserError(join_text(selections.front().file, ": thermal time: ",
                              days == 0 ? join_text("no sample has a temperature of ", time.source)
                                        : join_text("no day is warmer than time.base_degrees = ", time.base_degrees)));
  return sum / static_cast<double>(days);
}

std::vector<float> thermal_positions(const ThermalTime& time, const SampleSelection& selection, const SampleSeries& series,
                                     const std::vector<std::uint8_t>& valid, std::int64_t first, std::int64_t count) {
  const Temperatures temperatures(time, selection);
  const ThermalClock clock(time, new_year(*selection.samples), temperatures.dates(), series.dates, selection.file);
  const std::size_t dates = series.dates.size();
  std::vector<float> positions(static_cast<std::size_t>(count) * dates), degrees;
  std::vector<std::uint8_t> known;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t row = selection.rows[static_cast<std::size_t>(first + i)];
    const std::size_t at = static_cast<std::size_t>(i) * dates;
    temperatures.read(row, degrees, known);
    if (const auto lack = clock.place(degrees.data(), known.data(), valid.data() + at, positions.data() + at))
      throw UserError(join_text(selection.file, ": sample ", row + 1, ": ", lacking_temperature(time, *lack)));
  }
  temperatures.release();
  return positions;
}

}  // namespace millesime
