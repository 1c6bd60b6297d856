#include "pipeline/core/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "pipeline/core/accuracy.h"
#include "pipeline/core/chance.h"

namespace millesime {
namespace {

using CodePair = std::pair<int, int>;  // reference, produced
struct Group {
  std::map<CodePair, std::int64_t> counts;
};

Interval percentiles(std::vector<double> values, bool drawn) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  std::erase_if(values, [](double v) { return std::isnan(v); });
  if (!drawn || values.empty()) return {kNone, kNone};
  std::ranges::sort(values);
  const auto at = [&](double share) {
    return values[static_cast<std::size_t>(std::lround(share * static_cast<double>(values.size() - 1)))];
  };
  return {at(0.025), at(0.975)};
}

}  // namespace

AccuracyIntervals bootstrap_intervals(const std::vector<Outcome>& outcomes, int replicates, std::int64_t seed) {
  std::map<std::int64_t, int> class_of;
  std::map<int, std::map<std::int64_t, Group>> classes;
  for (const Outcome& outcome : outcomes) {
    const int label = class_of.emplace(outcome.group, outcome.reference).first->second;
    ++classes[label][outcome.group].counts[{outcome.reference, outcome.produced}];
  }
  bool drawn = false;  // some class has at least two groups
  for (const auto& [label, groups] : classes) drawn = drawn || groups.size() > 1;

  std::vector<double> overall, macro_f;
  std::map<int, std::vector<double>> f_scores;
  std::mt19937_64 random(mix(static_cast<std::uint64_t>(seed)));
  for (int replicate = 0; replicate < replicates; ++replicate) {
    ConfusionMatrix matrix;
    for (const auto& [label, groups] : classes) {
      std::vector<const Group*> members;
      for (const auto& [id, group] : groups) members.push_back(&group);
      std::map<CodePair, std::int64_t> sum;
      for (std::size_t i = 0; i < members.size(); ++i)
        for (const auto& [cell, n] : members[below(random, members.size())]->counts) sum[cell] += n;
      for (const auto& [cell, n] : sum) matrix.add(cell.first, cell.second, n);
    }
    const Accuracy accuracy = measure(matrix);
    overall.push_back(accuracy.overall);
    macro_f.push_back(accuracy.macro_f);
    for (const ClassAccuracy& c : accuracy.classes) f_scores[c.code].push_back(c.f_score);
  }
  AccuracyIntervals intervals{percentiles(overall, drawn), percentiles(macro_f, drawn), {}};
  for (const auto& [label, groups] : classes) intervals.f_score[label] = percentiles(f_scores[label], groups.size() > 1);
  return intervals;
}

}  // namespace millesime
