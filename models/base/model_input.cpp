#include "models/base/model_input.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>

#include "pipeline/core/chance.h"

namespace millesime {

bool ModelInput::complete() const {
  return std::ranges::none_of(series, [](const InputSeries& s) { return std::ranges::find(s.valid, 0) != s.valid.end(); });
}

Batch ModelInput::batch(std::int64_t first, std::int64_t count) const {
  Batch batch;
  batch.pixels = count;
  for (const auto& s : series) {
    const std::int64_t start = first * s.dates;
    batch.series.push_back(
        {s.dates, s.features, s.values.data() + start * s.features, s.valid.data() + start, s.days.data() + start, true});
  }
  batch.statics = n_statics > 0 ? statics.data() + first * n_statics : nullptr;
  return batch;
}

ModelInput ModelInput::subset(const std::vector<std::int64_t>& samples) const {
  ModelInput out;
  out.n_statics = n_statics;
  const auto copy_rows = [&](const auto& from, auto& to, std::int64_t width) {
    to.reserve(samples.size() * static_cast<std::size_t>(width));
    for (const auto i : samples) to.insert(to.end(), from.begin() + i * width, from.begin() + (i + 1) * width);
  };
  for (const auto& s : series) {
    auto& t = out.series.emplace_back(InputSeries{s.dates, s.features, {}, {}, {}});
    copy_rows(s.values, t.values, std::int64_t{s.dates} * s.features);
    copy_rows(s.valid, t.valid, s.dates);
    copy_rows(s.days, t.days, s.dates);
  }
  copy_rows(statics, out.statics, n_statics);
  copy_rows(target, out.target, 1);
  copy_rows(group, out.group, 1);
  return out;
}

namespace {

std::map<int, std::vector<std::int64_t>> groups_by_class(const ModelInput& input, std::mt19937_64& random) {
  std::map<std::int64_t, int> class_of_group;
  for (std::int64_t i = 0; i < input.size(); ++i)
    class_of_group.emplace(input.group[static_cast<std::size_t>(i)], input.target[static_cast<std::size_t>(i)]);
  std::map<int, std::vector<std::int64_t>> groups_of_class;
  for (const auto& [group, target] : class_of_group) groups_of_class[target].push_back(group);
  for (auto& [target, groups] : groups_of_class) shuffle(groups, random);
  return groups_of_class;
}

HoldOut split_by(const ModelInput& input, const std::set<std::int64_t>& held_groups) {
  HoldOut split;
  for (std::int64_t i = 0; i < input.size(); ++i)
    (held_groups.contains(input.group[static_cast<std::size_t>(i)]) ? split.held_out : split.learn).push_back(i);
  return split;
}

}  // namespace

HoldOut hold_out(const ModelInput& input, double ratio, std::int64_t seed) {
  std::mt19937_64 random(static_cast<std::uint64_t>(seed));
  std::set<std::int64_t> held_groups;
  for (const auto& [target, groups] : groups_by_class(input, random)) {
    auto n = static_cast<std::size_t>(std::nearbyint(static_cast<double>(groups.size()) * ratio));
    if (ratio > 0 && groups.size() >= 2) n = std::clamp<std::size_t>(n, 1, groups.size() - 1);
    if (groups.size() == 1) n = 0;
    held_groups.insert(groups.begin(), groups.begin() + static_cast<std::ptrdiff_t>(n));
  }
  return split_by(input, held_groups);
}

std::vector<HoldOut> hold_out_parts(const ModelInput& input, int parts, std::int64_t seed) {
  std::mt19937_64 random(static_cast<std::uint64_t>(seed));
  std::vector<std::set<std::int64_t>> held_groups(static_cast<std::size_t>(parts));
  std::size_t next = 0;  // goes on from class to class, so that parts have the same size
  for (const auto& [target, groups] : groups_by_class(input, random)) {
    if (groups.size() == 1) continue;
    for (const std::int64_t group : groups) held_groups[next++ % held_groups.size()].insert(group);
  }
  std::vector<HoldOut> splits;
  for (const auto& held : held_groups)
    if (!held.empty()) splits.push_back(split_by(input, held));
  return splits;
}

}  // namespace millesime
