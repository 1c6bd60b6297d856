#include "models/base/season.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <utility>

#include "models/base/ensemble.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace {

// Parts of a year in days: the middle of the first, the distance of their middles, how far from it the end of what is seen may lie, and how
// near the whole season may be: nearer, a network of its own is not worth its training.
constexpr int kFirstMiddle = 40, kPartStep = 10, kReach = 10, kNearest = 5;
constexpr double kSteps = 1.5;  // how far from its middle a network counts: two or three make a map

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

double best_power(const std::vector<SaidByNetwork>& networks, int n_classes, const std::vector<int>& target) {
  constexpr double kLeast = 0.05, kMost = 5, kFloor = 1e-7;
  const auto k = static_cast<std::size_t>(n_classes);
  std::vector<double> logarithm;  // [sample][network][class]
  std::vector<std::size_t> truth;
  double weights = 0;
  for (const SaidByNetwork& network : networks) weights += network.weight;
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (target[i] < 0) continue;
    truth.push_back(static_cast<std::size_t>(target[i]));
    for (const SaidByNetwork& network : networks)
      for (std::size_t c = 0; c < k; ++c)
        logarithm.push_back(std::log(std::max(static_cast<double>(network.probabilities[i * k + c]), kFloor)));
  }
  if (truth.empty()) return 1;
  const auto loss = [&](double power) {  // of one network convex in the power, of a mean nearly so
    double sum = 0;
    auto row = logarithm.begin();
    for (const std::size_t right : truth) {
      double mean = 0;
      for (const SaidByNetwork& network : networks) {
        double all = 0;
        for (std::size_t c = 0; c < k; ++c) all += std::exp(power * row[static_cast<std::ptrdiff_t>(c)]);
        mean += network.weight / weights * std::exp(power * row[static_cast<std::ptrdiff_t>(right)]) / all;
        row += static_cast<std::ptrdiff_t>(k);
      }
      sum -= std::log(mean);
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

SeasonPlan plan_season(const ModelInput& samples, double share) {
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
  SeasonPlan plan;
  const int seen = found.begin()->first + 1;  // first day of the year on which something is known
  plan.known = std::min(found.rbegin()->first + 1, kWholeSeason);
  for (int middle = kFirstMiddle; middle + kNearest <= plan.known; middle += kPartStep)
    if (const int first = std::max(middle - kReach, seen), last = std::min(middle + kReach, plan.known); first < last)
      plan.parts.push_back({middle, {static_cast<float>(share), position(first), position(last)}});
  return plan;
}

void add_season_part(ModelFile& whole, const SeasonPart& part, const ModelFile& learned) {
  auto& parts = whole.spec.metrics["season"]["parts"];
  if (!parts.is_array()) parts = nlohmann::json::array();
  const std::string prefix = prefix_of(parts.size());
  for (const auto& [name, tensor] : learned.tensors)
    if (!is_of_season_part(name)) whole.tensors[prefix + name] = tensor;
  parts.push_back({{"middle", part.middle}});
  if (learned.spec.metrics.contains("epoch")) parts.back()["epoch"] = learned.spec.metrics["epoch"];
}

namespace {

struct NetworkShare {
  std::size_t part = 0;  // one beyond the last: the network of the whole season
  double weight = 1;
};

// Of the map of a day: the networks whose middles are near, weighted by nearness. Those of parts fade out before the whole season is known.
std::vector<NetworkShare> networks_on(const nlohmann::json& season, int day) {
  const auto parts = season.find("parts");
  if (parts == season.end()) return {};
  const std::size_t whole = parts->size();
  if (whole > 0 && parts->front().contains("until")) {
    const auto part = std::ranges::find_if(*parts, [&](const auto& each) { return day <= each.at("until").template get<int>(); });
    return {{static_cast<std::size_t>(part - parts->begin()), 1}};
  }
  const int known = season.value("known", kWholeSeason);
  if (day >= known || whole == 0) return {{whole, 1}};
  const auto middle_of = [&](std::size_t part) { return part == whole ? known : (*parts)[part].at("middle").get<int>(); };
  const double step = whole > 1 ? middle_of(1) - middle_of(0) : kPartStep;
  std::vector<NetworkShare> shares;
  double sum = 0;
  std::size_t nearest = 0;
  for (std::size_t part = 0; part <= whole; ++part) {
    if (std::abs(day - middle_of(part)) < std::abs(day - middle_of(nearest))) nearest = part;
    double weight = std::max(0.0, 1 - std::abs(day - middle_of(part)) / (kSteps * step));
    if (part != whole) weight *= std::min(1.0, (known - day) / step);
    if (weight > 0) shares.push_back({part, weight}), sum += weight;
  }
  if (shares.empty()) return {{nearest, 1}};
  for (NetworkShare& share : shares) share.weight /= sum;
  return shares;
}

// The model with the weights of this part alone.
ModelFile network_of(const ModelFile& model, std::size_t part, int day) {
  ModelFile network;
  network.path = model.path, network.spec = model.spec, network.integers = model.integers;
  network.spec.metrics.erase("season");
  const bool whole = part == model.spec.metrics["season"].value("parts", nlohmann::json::array()).size();
  for (const auto& [name, tensor] : model.tensors) {
    if (is_of_season_part(name)) continue;
    const auto own = whole ? model.tensors.find(name) : model.tensors.find(prefix_of(part) + name);
    if (own == model.tensors.end())
      throw UserError(join_text(model.path, ": the weights \"", prefix_of(part), name, "\" for maps of day ", day,
                                " are missing; the file is damaged"));
    network.tensors[name] = own->second;
  }
  return network;
}

double power_on(const nlohmann::json& powers, int day) {
  double power = 1, before_day = 0, before = 0;
  bool first = true;
  for (const auto& entry : powers) {
    const double at = entry.at(0).get<double>(), value = std::clamp(entry.at(1).get<double>(), 0.05, 5.0);
    if (first || at <= day)
      power = value;
    else if (before_day < day)
      power = before + (value - before) * (day - before_day) / (at - before_day);
    before_day = at, before = value, first = false;
  }
  return power;
}

}  // namespace

void serve_day(ModelFile& model, int day) {
  if (!model.members.empty()) {
    std::vector<ModelFile> members;
    for (ModelFile& member : model.members) {
      serve_day(member, day);
      if (member.members.empty()) member.members.push_back(member);
      std::ranges::move(member.members, std::back_inserter(members));
    }
    model.members = std::move(members);
    return;
  }
  const auto season = model.spec.metrics.find("season");
  if (season == model.spec.metrics.end()) return;
  if (const double power = power_on(season->value("powers", nlohmann::json::array()), day); power != 1)
    model.spec.temperature /= power, model.spec.sharpening /= power;  // p^power of p ~ exp(-(u + sharpening u^2)), u = d / temperature
  std::vector<ModelFile> networks;
  for (const NetworkShare& share : networks_on(*season, day)) {
    networks.push_back(network_of(model, share.part, day));
    networks.back().spec.weight *= share.weight;
  }
  if (networks.empty()) return;
  const std::string path = model.path;
  model = networks.size() == 1 ? std::move(networks.front()) : make_ensemble(networks);
  model.path = path;
}

}  // namespace millesime
