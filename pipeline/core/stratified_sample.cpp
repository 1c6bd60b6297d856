#include "pipeline/core/stratified_sample.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "pipeline/core/error.h"

namespace millesime {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

double deviation(const Stratum& stratum) { return std::sqrt(stratum.users * (1 - stratum.users)); }

double hectares_of(const std::vector<Stratum>& strata) {
  double sum = 0;
  for (const Stratum& stratum : strata) sum += stratum.hectares;
  return sum;
}

// The interval of a share of `n` points that has no spread (Wilson 1927).
void enter_interval(Estimate& share, double n) {
  constexpr double kSquare = 1.96 * 1.96;
  const double p = share.value, middle = (p + kSquare / (2 * n)) / (1 + kSquare / n);
  const double half = std::sqrt(kSquare * (p * (1 - p) / n + kSquare / (4 * n * n))) / (1 + kSquare / n);
  share.low = std::max(0.0, middle - half), share.high = std::min(1.0, middle + half);
}

constexpr double kNoSpread = 1e-9;  // standard error of a share

class Sample {
 public:
  Sample(const std::vector<Stratum>& strata, const std::vector<JudgedPoint>& points) : strata_(strata), points_(points) {
    points_of_.assign(strata.size(), 0), size_of_.assign(strata.size(), 0);
    for (const JudgedPoint& point : points) {
      points_of_.at(stratum_of(point)) += point.n;
      size_of_[stratum_of(point)] += static_cast<double>(point.n) * point.size;
    }
    for (std::size_t h = 0; h < strata.size(); ++h) {
      if (points_of_[h] == 1)
        throw UserError(join_text("stratum ", strata[h].code,
                                  " has one point, of which no error can be computed; expected at least 2: interpret more, "
                                  "or join it with another stratum"));
      if (has(h)) hectares_ += strata[h].hectares;
    }
  }

  double hectares() const { return hectares_; }  // of the strata with points
  bool has(std::size_t stratum) const { return points_of_[stratum] > 0; }

  // Hectares that each point stands for.
  std::vector<double> represented() const {
    std::vector<double> hectares;
    for (const JudgedPoint& point : points_) {
      const std::size_t h = stratum_of(point);
      hectares.push_back(strata_[h].hectares * static_cast<double>(point.n) * point.size / size_of_[h]);
    }
    return hectares;
  }

  // Share of the area where `is_y`.
  template <class IsY>
  Estimate share(const IsY& is_y) const {
    Estimate out{total_of(is_y) / hectares_, std::sqrt(variance_of(is_y)) / hectares_};
    if (out.standard_error < kNoSpread) enter_interval_of(out, [](const JudgedPoint&) { return true; });
    return out;
  }

  // Ratio of the area where `is_y` (a part of `is_x`) to that where `is_x` (Stehman 2014, equations 27 and 28).
  template <class IsX, class IsY>
  Estimate ratio(const IsX& is_x, const IsY& is_y) const {
    const double x = total_of(is_x);
    if (x <= 0) return {kUnknown, kUnknown};
    const double r = total_of(is_y) / x;
    Estimate out{r, std::sqrt(variance_of([&](const JudgedPoint& point) { return is_y(point) - r * is_x(point); })) / x};
    if (out.standard_error < kNoSpread) enter_interval_of(out, is_x);
    return out;
  }

 private:
  std::size_t stratum_of(const JudgedPoint& point) const { return static_cast<std::size_t>(point.stratum); }

  // Of each stratum the mean of `z`, by the sizes of the points; 0 where there are none.
  template <class Z>
  std::vector<double> means_of(const Z& z) const {
    std::vector<double> means(strata_.size(), 0);
    for (const JudgedPoint& point : points_) means[stratum_of(point)] += static_cast<double>(point.n) * point.size * z(point);
    for (std::size_t h = 0; h < means.size(); ++h)
      if (has(h)) means[h] /= size_of_[h];
    return means;
  }

  // In hectares.
  template <class Z>
  double total_of(const Z& z) const {
    const std::vector<double> means = means_of(z);
    double sum = 0;
    for (std::size_t h = 0; h < means.size(); ++h) sum += strata_[h].hectares * means[h];
    return sum;
  }

  // Of total_of(z). The finite population correction is 1 - n/N. Where the sizes differ, the mean is a ratio in each stratum (Cochran
  // 1977, section 6.10).
  template <class Z>
  double variance_of(const Z& z) const {
    const std::vector<double> means = means_of(z);
    std::vector<double> squares(strata_.size(), 0);
    for (const JudgedPoint& point : points_) {
      const double residual = point.size * (z(point) - means[stratum_of(point)]);
      squares[stratum_of(point)] += static_cast<double>(point.n) * residual * residual;
    }
    double variance = 0;
    for (std::size_t h = 0; h < squares.size(); ++h) {
      if (!has(h)) continue;
      const auto n = static_cast<double>(points_of_[h]);
      const double of_size = strata_[h].hectares * n / size_of_[h];
      variance += of_size * of_size * unsampled(h) * squares[h] / (n - 1) / n;
    }
    return variance;
  }

  // Of so many points of each stratum as if they had equal weights (the effective number of Kish 1965). Where all units are points, there
  // is nothing else to know.
  template <class IsX>
  void enter_interval_of(Estimate& share, const IsX& is_x) const {
    std::vector<double> points(strata_.size(), 0);
    for (const JudgedPoint& point : points_) points[stratum_of(point)] += static_cast<double>(point.n) * is_x(point);
    double weights = 0, squares = 0;
    for (std::size_t h = 0; h < strata_.size(); ++h) {
      if (!has(h)) continue;
      const double weight = strata_[h].hectares / static_cast<double>(points_of_[h]);
      weights += points[h] * weight, squares += points[h] * weight * weight * unsampled(h);
    }
    if (squares > 0) enter_interval(share, weights * weights / squares);
  }

  double unsampled(std::size_t h) const {
    const double n = static_cast<double>(points_of_[h]), all = static_cast<double>(strata_[h].units);
    return all > 0 ? std::max(0.0, 1 - n / all) : 1;
  }

  const std::vector<Stratum>& strata_;
  const std::vector<JudgedPoint>& points_;
  std::vector<std::int64_t> points_of_;
  std::vector<double> size_of_;  // sums
  double hectares_ = 0;
};

}  // namespace

std::int64_t points_for(const std::vector<Stratum>& strata, double standard_error) {
  const double all = hectares_of(strata);
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
  const double all = hectares_of(strata);
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

namespace {

// What a sample says of the map and of each class. `Sample`: has share(is_y) and ratio(is_x, is_y), and hectares().
template <class Sample>
void enter_estimates(const Sample& sample, const std::vector<JudgedPoint>& points, AreaAccuracy& result) {
  const auto mapped = [](const JudgedPoint& point) { return point.produced != 0; };
  result.overall = sample.ratio(mapped, [&](const JudgedPoint& point) { return mapped(point) && point.produced == point.reference; });
  result.covered_share *= sample.share(mapped).value;
  std::set<int> codes;
  for (const JudgedPoint& point : points)
    if (mapped(point)) codes.insert({point.produced, point.reference});
  for (const int code : codes) {
    const auto in_map = [code](const JudgedPoint& point) { return point.produced == code; };
    const auto on_ground = [&, code](const JudgedPoint& point) { return mapped(point) && point.reference == code; };
    const auto both = [&](const JudgedPoint& point) { return in_map(point) && on_ground(point); };
    AreaEstimate of_class;
    of_class.code = code;
    const Estimate share = sample.share(on_ground);
    const double all = sample.hectares();
    of_class.area = {share.value * all, share.standard_error * all, share.low * all, share.high * all};
    of_class.mapped_area = sample.share(in_map).value * sample.hectares();
    of_class.users = sample.ratio(in_map, both);
    of_class.producers = sample.ratio(on_ground, both);
    result.classes.push_back(of_class);
  }
}

// Draws of clusters, each with the mean of its points.
class ClusterSample {
 public:
  ClusterSample(double hectares, const std::vector<JudgedPoint>& points) : hectares_(hectares), points_(points) {
    for (const JudgedPoint& point : points) draws_[point.cluster].push_back(point);
    if (draws_.size() < 2)
      throw UserError(join_text("the points are of ", draws_.size(),
                                " cluster, of which no error can be computed; expected at least 2: interpret more"));
  }

  double hectares() const { return hectares_; }

  // Hectares that each point stands for.
  std::vector<double> represented() const {
    std::map<std::int64_t, double> points_of;  // by draw
    double size = 0;
    for (const auto& [cluster, points] : draws_) {
      for (const JudgedPoint& point : points) points_of[cluster] += static_cast<double>(point.n);
      size += mean_of(points, [](const JudgedPoint&) { return true; });
    }
    std::vector<double> hectares;
    for (const JudgedPoint& point : points_)
      hectares.push_back(hectares_ * static_cast<double>(point.n) * point.size / points_of[point.cluster] / size);
    return hectares;
  }

  template <class IsY>
  Estimate share(const IsY& is_y) const {
    return ratio([](const JudgedPoint&) { return true; }, is_y);
  }

  template <class IsX, class IsY>
  Estimate ratio(const IsX& is_x, const IsY& is_y) const {
    std::vector<std::pair<double, double>> means;  // x, y
    double x = 0, y = 0;
    for (const auto& [cluster, points] : draws_) {
      means.emplace_back(mean_of(points, is_x), mean_of(points, is_y));
      x += means.back().first, y += means.back().second;
    }
    if (x <= 0) return {kUnknown, kUnknown};
    const double n = static_cast<double>(means.size()), r = y / x;
    double squares = 0;
    for (const auto& [of_x, of_y] : means) squares += (of_y - r * of_x) * (of_y - r * of_x);
    Estimate out{r, std::sqrt(squares / (n - 1) / n) / (x / n)};
    if (out.standard_error < kNoSpread)  // a draw counts as one point: its pixels are alike
      enter_interval(out, static_cast<double>(std::ranges::count_if(means, [](const auto& mean) { return mean.first > 0; })));
    return out;
  }

 private:
  template <class IsY>
  static double mean_of(const std::vector<JudgedPoint>& points, const IsY& is_y) {
    double n = 0, sum = 0;
    for (const JudgedPoint& point : points)
      n += static_cast<double>(point.n), sum += static_cast<double>(point.n) * point.size * is_y(point);
    return sum / n;
  }

  double hectares_;
  const std::vector<JudgedPoint>& points_;
  std::map<std::int64_t, std::vector<JudgedPoint>> draws_;
};

}  // namespace

std::int64_t clusters_for(double users, double standard_error, std::int64_t points, double correlation) {
  const double effect = 1 + static_cast<double>(points - 1) * correlation;
  const double needed = users * (1 - users) / (standard_error * standard_error) * effect / static_cast<double>(points);
  return std::max(kFewestClusters, static_cast<std::int64_t>(std::ceil(needed)));
}

AreaAccuracy estimate(const std::vector<Stratum>& strata, const std::vector<JudgedPoint>& points) {
  const Sample sample(strata, points);
  AreaAccuracy result;
  for (std::size_t h = 0; h < strata.size(); ++h)
    if (!sample.has(h) && strata[h].hectares > 0) result.unsampled.push_back(strata[h].code);
  const double all = hectares_of(strata);
  result.covered_share = all > 0 ? sample.hectares() / all : 0;
  if (points.empty())
    result.overall = {kUnknown, kUnknown};
  else
    enter_estimates(sample, points, result);
  return result;
}

AreaAccuracy estimate_clusters(double hectares, const std::vector<JudgedPoint>& points) {
  AreaAccuracy result;
  result.covered_share = 1;
  enter_estimates(ClusterSample(hectares, points), points, result);
  return result;
}

std::vector<double> represented_hectares(const std::vector<Stratum>& strata, const std::vector<JudgedPoint>& points) {
  return Sample(strata, points).represented();
}

std::vector<double> represented_hectares_of_clusters(double hectares, const std::vector<JudgedPoint>& points) {
  return ClusterSample(hectares, points).represented();
}

AreaAccuracy adjust_areas(const ConfusionMatrix& sample, const std::map<int, double>& mapped_area) {
  ConfusionMatrix matrix = sample;
  double total = 0;
  for (const auto& [code, area] : mapped_area) {
    MILLESIME_CHECK(area >= 0, "class ", code, " covers ", area);
    total += area;
    matrix.merge(ConfusionMatrix({code}));
  }
  std::vector<Stratum> strata;
  std::vector<JudgedPoint> points;
  std::vector<int> unsampled;
  for (int col = 0; col < matrix.size(); ++col) {
    const int code = matrix.codes()[static_cast<std::size_t>(col)];
    const auto area = mapped_area.find(code);
    if (area == mapped_area.end() || area->second <= 0) continue;
    if (matrix.col_sum(col) < 2) {
      unsampled.push_back(code);
      continue;
    }
    for (int row = 0; row < matrix.size(); ++row)
      if (matrix.at(row, col) > 0)
        points.push_back({static_cast<int>(strata.size()), code, matrix.codes()[static_cast<std::size_t>(row)], matrix.at(row, col)});
    strata.push_back({.code = code, .units = 0, .hectares = area->second, .users = 0, .points = 0});
  }
  const AreaAccuracy sampled = estimate(strata, points);
  AreaAccuracy result{sampled.overall, {}, unsampled, total > 0 ? hectares_of(strata) / total : 0};
  // Every class of the matrix and of the map, those of neither the strata nor their points among them.
  for (const int code : matrix.codes()) {
    const auto found = std::ranges::find(sampled.classes, code, &AreaEstimate::code);
    const Estimate none{kUnknown, kUnknown};
    AreaEstimate of_class{code, 0, none, none, none};
    if (found != sampled.classes.end()) of_class = *found;
    const auto area = mapped_area.find(code);
    of_class.mapped_area = area == mapped_area.end() ? 0 : area->second;
    result.classes.push_back(of_class);
  }
  return result;
}

}  // namespace millesime
