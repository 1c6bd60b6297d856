#include "models/base/season.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <utility>

#include "pipeline/core/error.h"

namespace millesime {
namespace {

// The parts of a year in days: how long, the last day of the first, and how much each learns of its neighbours. Days after the last part
// are served by the network of the whole season.
constexpr int kPartDays = 60, kFirstUntil = 105, kOverlap = 15;

constexpr const char* kPrefix = "season/";
std::string prefix_of(std::size_t part) { return join_text(kPrefix, part, "/"); }

}  // namespace

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

bool is_of_season_part(const std::string& tensor) { return tensor.starts_with(kPrefix); }

std::vector<SeasonPart> season_parts(const ModelInput& samples, double share) {
  std::map<int, std::pair<double, int>> found;  // day since 1 January -> sum and number of the positions of its acquisitions
  for (const InputSeries& series : samples.series)
    for (std::size_t i = 0; i < series.valid.size(); ++i)
      if (series.valid[i] != 0) {
        const float day = series.calendar.empty() ? series.days[i] : series.calendar[i];
        auto& [sum, number] = found[static_cast<int>(std::floor(day))];
        sum += series.days[i], ++number;
      }
  if (found.empty()) return {};
  const bool thermal = std::ranges::any_of(samples.series, [](const InputSeries& series) { return !series.calendar.empty(); });
  const auto position = [&](int day) {
    if (!thermal) return static_cast<float>(day);
    const auto mean = [](const auto& entry) { return entry.second.first / entry.second.second; };
    const auto after = found.lower_bound(day);
    if (after == found.begin() || after == found.end())
      return static_cast<float>(mean(after == found.end() ? *found.rbegin() : *found.begin()));
    const auto before = std::prev(after);
    const double weight = static_cast<double>(day - before->first) / (after->first - before->first);
    return static_cast<float>(mean(*before) + weight * (mean(*after) - mean(*before)));
  };
  std::vector<SeasonPart> parts;
  for (int until = kFirstUntil; until < kWholeSeason; until += kPartDays) {
    const int from = until - kPartDays;  // day of the year; of it, and of the days before, the part before makes the maps
    if (until > found.begin()->first && from <= found.rbegin()->first)
      parts.push_back({until, until - kPartDays / 2, {static_cast<float>(share), position(from - kOverlap), position(until + kOverlap)}});
  }
  return parts;
}

void add_season_part(ModelFile& whole, const SeasonPart& part, const ModelFile& learned) {
  auto& parts = whole.spec.metrics["season"]["parts"];
  if (!parts.is_array()) parts = nlohmann::json::array();
  const std::string prefix = prefix_of(parts.size());
  for (const auto& [name, tensor] : learned.tensors)
    if (!is_of_season_part(name)) whole.tensors[prefix + name] = tensor;
  parts.push_back({{"until", part.until}});
  if (learned.spec.metrics.contains("epoch")) parts.back()["epoch"] = learned.spec.metrics["epoch"];
}

void serve_day(ModelFile& model, int day) {
  for (ModelFile& member : model.members) serve_day(member, day);
  const auto season = model.spec.metrics.find("season");
  if (season == model.spec.metrics.end()) return;
  if (const auto parts = season->find("parts"); parts != season->end()) {
    const auto part = std::ranges::find_if(*parts, [&](const auto& each) { return day <= each.at("until").template get<int>(); });
    if (part != parts->end()) {
      const std::string prefix = prefix_of(static_cast<std::size_t>(part - parts->begin()));
      for (auto& [name, tensor] : model.tensors) {
        if (is_of_season_part(name)) continue;
        const auto own = model.tensors.find(prefix + name);
        if (own == model.tensors.end())
          throw UserError(
              join_text(model.path, ": the weights \"", prefix, name, "\" for maps of day ", day, " are missing; the file is damaged"));
        tensor = own->second;
      }
    }
  }
  if (!season->contains("powers")) return;
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
