#include "pipeline/core/quantile_plan.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace millesime {
namespace {

constexpr int kLevels = 6;   // of the paper
constexpr int kDivisor = 4;  // a quarter as many quantiles as an interval has numbers

// The intervals of one level: 2^level of (nearly) equal length, then the same shifted by half of that.
std::vector<std::pair<int, int>> intervals_of(int length, int level) {
  const int parts = 1 << level;
  std::vector<std::pair<int, int>> result;  // first, length
  std::vector<int> border;
  for (int i = 0; i <= parts; ++i) border.push_back(static_cast<int>(std::lround(static_cast<double>(length) * i / parts)));
  for (int i = 0; i < parts; ++i)
    result.emplace_back(border[static_cast<std::size_t>(i)], border[static_cast<std::size_t>(i) + 1] - border[static_cast<std::size_t>(i)]);
  const int shift = (length / parts + 1) / 2;
  if (length / parts > 1)
    for (int i = 0; i + 1 < parts; ++i) {
      const auto [first, own] = result[static_cast<std::size_t>(i)];
      result.emplace_back(first + shift, std::min(own, length - first - shift));
    }
  return result;
}

int length_of(SeriesForm form, int dates) {
  switch (form) {
    case SeriesForm::values: return dates;
    case SeriesForm::first_difference: return dates - 1;
    case SeriesForm::second_difference: return dates - 2;
    case SeriesForm::spectrum: return dates / 2 + 1;
  }
  return 0;
}

void add_level(QuantilePlan& plan, int level) {
  for (const SeriesForm form : {SeriesForm::values, SeriesForm::first_difference, SeriesForm::second_difference, SeriesForm::spectrum}) {
    const int length = length_of(form, plan.dates);
    if (length < 1 << level) continue;
    for (const auto& [first, own] : intervals_of(length, level)) {
      const int quantiles = 1 + (own - 1) / kDivisor;
      plan.intervals.push_back({static_cast<std::int32_t>(form), first, own, quantiles, plan.features});
      plan.features += quantiles;
    }
  }
}

}  // namespace

QuantilePlan quantile_plan(int dates, int channels, int most) {
  QuantilePlan plan;
  plan.dates = dates;
  for (int level = 0; level < kLevels; ++level) {
    QuantilePlan deeper = plan;
    add_level(deeper, level);
    if (level > 0 && std::int64_t{deeper.features} * channels > most) break;
    plan = std::move(deeper);
  }
  std::ranges::stable_sort(plan.intervals, {}, &QuantileInterval::form);  // a form is made once
  for (int frequency = 0; frequency <= dates / 2; ++frequency)
    for (const bool sine : {false, true})
      for (int t = 0; t < dates; ++t) {
        const double angle = 2 * std::numbers::pi * static_cast<double>(std::int64_t{frequency} * t % dates) / dates;
        plan.waves.push_back(static_cast<float>(sine ? std::sin(angle) : std::cos(angle)));
      }
  return plan;
}

}  // namespace millesime
