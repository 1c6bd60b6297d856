#include "pipeline/core/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

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
  std::map<std::int64_t, Group> groups;
  std::map<int, std::set<std::int64_t>> groups_of_class;
  for (const Outcome& outcome : outcomes) {
    ++groups[outcome.group].counts[{outcome.reference, outcome.produced}];
    groups_of_class[outcome.reference].insert(outcome.group);
  }
  std::vector<const Group*> members;
  for (const auto& [id, group] : groups) members.push_back(&group);

  std::vector<double> overall, macro_f;
  std::map<int, std::vector<double>> f_scores;
  std::mt19937_64 random(mix(static_cast<std::uint64_t>(seed)));
  for (int replicate = 0; replicate < replicates; ++replicate) {
    ConfusionMatrix matrix;
    std::map<CodePair, std::int64_t> sum;
    for (std::size_t i = 0; i < members.size(); ++i)
      for (const auto& [cell, n] : members[below(random, members.size())]->counts) sum[cell] += n;
    for (const auto& [cell, n] : sum) matrix.add(cell.first, cell.second, n);
    const Accuracy accuracy = measure(matrix);
    overall.push_back(accuracy.overall);
    macro_f.push_back(accuracy.macro_f);
    for (const ClassAccuracy& c : accuracy.classes)
      if (c.reference > 0) f_scores[c.code].push_back(c.f_score);
  }
  const bool drawn = groups.size() > 1;
  AccuracyIntervals intervals{percentiles(overall, drawn), percentiles(macro_f, drawn), {}};
  for (const auto& [label, of_class] : groups_of_class) intervals.f_score[label] = percentiles(f_scores[label], of_class.size() > 1);
  return intervals;
}

}  // namespace millesime
