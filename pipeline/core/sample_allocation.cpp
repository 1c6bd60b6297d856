// How many points a sample needs, and how many of them each stratum (stratified_sample.h).

#include <algorithm>
#include <cmath>
#include <set>

#include "pipeline/core/stratified_sample.h"

namespace millesime {
namespace {

double deviation(const Stratum& stratum) { return std::sqrt(stratum.users * (1 - stratum.users)); }

double area_of(const std::vector<Stratum>& strata) {
  double sum = 0;
  for (const Stratum& stratum : strata) sum += stratum.hectares;
  return sum;
}

}  // namespace

std::int64_t points_for(const std::vector<Stratum>& strata, double standard_error) {
  const double all = area_of(strata);
  double deviations = 0, variances = 0, units = 0;
  for (const Stratum& stratum : strata) {
    const double weight = stratum.hectares / all;
    deviations += weight * deviation(stratum);
    variances += weight * deviation(stratum) * deviation(stratum);
    units += static_cast<double>(stratum.units);
  }
  return static_cast<std::int64_t>(std::ceil(deviations * deviations / (standard_error * standard_error + variances / units)));
}

void allocate(std::vector<Stratum>& strata, std::int64_t total, Allocation rule, std::int64_t least) {
  const auto share = [&](const Stratum& stratum) {
    if (rule == Allocation::equal) return 1.0;
    return stratum.hectares * (rule == Allocation::neyman ? deviation(stratum) : 1);
  };
  if (rule != Allocation::olofsson) least = 2;
  // Strata that would get less than `least` get it; the others share the rest (Olofsson et al. 2014, section 5.1.2), up to their units.
  std::set<std::size_t> fixed;
  std::int64_t rest = total;
  const auto wanted = [&](std::size_t of) {
    double sum = 0;
    for (std::size_t h = 0; h < strata.size(); ++h)
      if (!fixed.contains(h)) sum += share(strata[h]);
    return sum > 0 ? static_cast<double>(std::max<std::int64_t>(rest, 0)) * share(strata[of]) / sum : 0;
  };
  const auto fix_where = [&](const auto& test, const auto& points) {
    for (bool changed = true; changed;) {
      std::vector<std::size_t> found;
      for (std::size_t h = 0; h < strata.size(); ++h)
        if (!fixed.contains(h) && test(h, wanted(h))) found.push_back(h);
      for (const std::size_t h : found) strata[h].points = std::min(points(h), strata[h].units), rest -= strata[h].points, fixed.insert(h);
      changed = !found.empty();
    }
  };
  fix_where([&](std::size_t, double n) { return std::llround(n) < least; }, [&](std::size_t) { return least; });
  fix_where([&](std::size_t h, double n) { return n > static_cast<double>(strata[h].units); },
            [&](std::size_t h) { return strata[h].units; });
  // Whole numbers whose sum is the rest: those with the largest fractions are rounded up.
  std::vector<std::pair<double, std::size_t>> fractions;
  std::int64_t left = std::max<std::int64_t>(rest, 0);
  for (std::size_t h = 0; h < strata.size(); ++h) {
    if (fixed.contains(h)) continue;
    const double exact = wanted(h);
    strata[h].points = static_cast<std::int64_t>(exact);
    left -= strata[h].points;
    fractions.emplace_back(static_cast<double>(strata[h].points) - exact, h);
  }
  std::ranges::sort(fractions);
  for (const auto& [fraction, h] : fractions)
    if (left > 0 && strata[h].points < strata[h].units) ++strata[h].points, --left;
}

double expected_error(const std::vector<Stratum>& strata) {
  const double all = area_of(strata);
  double variance = 0;
  for (const Stratum& stratum : strata) {
    const auto n = static_cast<double>(stratum.points);
    const double error = stratum.hectares / all * deviation(stratum);
    variance += error * error * std::max(0.0, 1 - n / static_cast<double>(stratum.units)) / std::max(1.0, n);
  }
  return std::sqrt(variance);
}

void allocate_for(std::vector<Stratum>& strata, double standard_error, Allocation rule, std::int64_t least) {
  const auto is_enough = [&](std::int64_t total) {
    allocate(strata, total, rule, least);
    return expected_error(strata) <= standard_error;
  };
  std::int64_t enough = std::max<std::int64_t>(1, points_for(strata, standard_error)), too_few = enough - 1;
  for (; !is_enough(enough); enough *= 2) too_few = enough;  // ends: where every unit is a point, there is no error
  while (enough - too_few > 1) {
    const std::int64_t middle = too_few + (enough - too_few) / 2;
    (is_enough(middle) ? enough : too_few) = middle;
  }
  allocate(strata, enough, rule, least);
}

std::int64_t clusters_for(double users, double standard_error, std::int64_t points, double correlation) {
  const double effect = 1 + static_cast<double>(points - 1) * correlation;
  const double needed = users * (1 - users) / (standard_error * standard_error) * effect / static_cast<double>(points);
  return std::max(kFewestClusters, static_cast<std::int64_t>(std::ceil(needed)));
}

}  // namespace millesime
