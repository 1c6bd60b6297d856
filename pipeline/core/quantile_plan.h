#pragma once
// The features of QUANT (Dempster, Schmidt & Webb 2024, "Quant: a minimalist interval method for time series classification", Data Mining
// and Knowledge Discovery 38): quantiles of a series, of its smoothed first and its second differences and of its spectrum, over intervals
// that are halved again and again, and over the same intervals shifted by half of their length.

#include <cstdint>
#include <vector>

namespace millesime {

enum class SeriesForm : std::int32_t { values, first_difference, second_difference, spectrum };

struct QuantileInterval {
  std::int32_t form, first, length;  // in the form of the series
  std::int32_t quantiles;            // number of them, evenly spaced from the least to the greatest; of one, the median
  std::int32_t output;               // place of the first among the channel's features
};

struct QuantilePlan {
  int dates = 0;
  int features = 0;  // of a channel (a band or an index)
  std::vector<QuantileInterval> intervals;
  std::vector<float> waves;  // [frequency][2][date]: cosine and sine of the spectrum
};

// Of a regular series of `dates` and `channels`: at most six levels of intervals, and as many as at most `most` features have (one at
// least).
QuantilePlan quantile_plan(int dates, int channels, int most);

}  // namespace millesime
