#include "models/base/season.h"

#include <algorithm>
#include <cmath>

namespace millesime {

bool knows_early_maps(const ModelFile& model) {
  return model.spec.metrics.contains("season") || std::ranges::any_of(model.members, knows_early_maps);
}

ModelInput known_on(const ModelInput& input, int day) {
  ModelInput known = input;
  for (InputSeries& series : known.series) {
    const std::vector<float>& days = series.calendar.empty() ? series.days : series.calendar;
    for (std::size_t i = 0; i < series.valid.size(); ++i)
      if (series.valid[i] != 0 && days[i] >= static_cast<float>(day)) {  // days since 1 January: day 0 is the first of the year
        series.valid[i] = 0;
        std::fill_n(series.values.begin() + static_cast<std::ptrdiff_t>(i) * series.features, series.features, 0.0f);
      }
  }
  return known;
}

double best_power(const std::vector<float>& probabilities, int n_classes, const std::vector<int>& target) {
  constexpr double kLeast = 0.05, kMost = 5, kFloor = 1e-7;
  const auto k = static_cast<std::size_t>(n_classes);
  std::vector<double> logarithm;
  std::vector<std::size_t> truth;
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (target[i] < 0) continue;
    truth.push_back(static_cast<std::size_t>(target[i]));
    for (std::size_t c = 0; c < k; ++c) logarithm.push_back(std::log(std::max(static_cast<double>(probabilities[i * k + c]), kFloor)));
  }
  if (truth.empty()) return 1;
  const auto loss = [&](double power) {  // convex in the power
    double sum = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) {
      double all = 0;
      for (std::size_t c = 0; c < k; ++c) all += std::exp(power * logarithm[i * k + c]);
      sum += std::log(all) - power * logarithm[i * k + truth[i]];
    }
    return sum;
  };
  const double ratio = (std::sqrt(5.0) - 1) / 2;  // golden section
  double low = kLeast, high = kMost;
  for (int step = 0; step < 40; ++step) {
    const double a = high - ratio * (high - low), b = low + ratio * (high - low);
    if (loss(a) < loss(b))
      high = b;
    else
      low = a;
  }
  return (low + high) / 2;
}

void calibrate_for_day(ModelFile& model, int day) {
  for (ModelFile& member : model.members) calibrate_for_day(member, day);
  const auto season = model.spec.metrics.find("season");
  if (season == model.spec.metrics.end() || !season->contains("powers")) return;
  double power = 1, before_day = 0, before = 0;
  bool first = true;
  for (const auto& entry : season->at("powers")) {
    const double at = entry.at(0).get<double>(), value = std::clamp(entry.at(1).get<double>(), 0.05, 5.0);
    if (first || at <= day)
      power = value;
    else if (before_day < day)
      power = before + (value - before) * (day - before_day) / (at - before_day);
    before_day = at, before = value, first = false;
  }
  // p^power of p ~ exp(-(u + sharpening u^2)), u = d / temperature
  model.spec.temperature /= power, model.spec.sharpening /= power;
}

}  // namespace millesime
