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

double hectares_of(const std::vector<Stratum>& strata) {
  double sum = 0;
  for (const Stratum& stratum : strata) sum += stratum.hectares;
  return sum;
}

constexpr double kSquare = 1.96 * 1.96;

// The interval of a share of `n` points that has no spread (Wilson 1927).
void enter_interval(Estimate& share, double n) {
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
    if (out.standard_error < kNoSpread && !all_sampled()) {
      out.low = std::max(0.0, out.value - may_differ(is_y) / hectares_);
      out.high = std::min(1.0, out.value + may_differ([&](const JudgedPoint& point) { return !is_y(point); }) / hectares_);
    }
    return out;
  }

  // Ratio of the area where `is_y` (a part of `is_x`) to that where `is_x` (Stehman 2014, equations 27 and 28). The interval of no spread
  // is that of an `is_x` of the map, whose area is known.
  template <class IsX, class IsY>
  Estimate ratio(const IsX& is_x, const IsY& is_y) const {
    const double x = total_of(is_x);
    if (x <= 0) return {kUnknown, kUnknown};
    const double r = total_of(is_y) / x;
    Estimate out{r, std::sqrt(variance_of([&](const JudgedPoint& point) { return is_y(point) - r * is_x(point); })) / x};
    if (out.standard_error < kNoSpread && !all_sampled()) {
      out.low = std::max(0.0, r - may_differ(is_y) / x);
      out.high = std::min(1.0, r + may_differ([&](const JudgedPoint& point) { return is_x(point) && !is_y(point); }) / x);
    }
    return out;
  }

  // The part of what is on the ground that the map shows. Without spread, points of other classes may hide some of it.
  template <class OnGround, class InMap>
  Estimate shown(const OnGround& on_ground, const InMap& in_map) const {
    const auto both = [&](const JudgedPoint& point) { return on_ground(point) && in_map(point); };
    Estimate out = ratio(on_ground, both);
    if (std::isnan(out.low)) return out;
    const double x = total_of(on_ground), y = total_of(both);
    const double more = may_differ([&](const JudgedPoint& point) { return in_map(point) && !on_ground(point); });
    const double hidden = may_differ([&](const JudgedPoint& point) { return point.produced != 0 && !in_map(point) && !on_ground(point); });
    out.low = y / (x + hidden), out.high = (y + more) / (x + more);
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

  bool all_sampled() const {
    for (std::size_t h = 0; h < strata_.size(); ++h)
      if (has(h) && unsampled(h) > 0) return false;
    return true;
  }

  // Hectares, of those that the points `is` stand for, that may be otherwise although none of these points is (Wilson 1927). All count as
  // those that stand for most: what is otherwise may lie where points are few. Where every unit is a point, nothing may be.
  template <class Is>
  double may_differ(const Is& is) const {
    std::vector<double> number(strata_.size(), 0), size(strata_.size(), 0);
    for (const JudgedPoint& point : points_) {
      if (!is(point)) continue;
      number[stratum_of(point)] += static_cast<double>(point.n);
      size[stratum_of(point)] += static_cast<double>(point.n) * point.size;
    }
    double hectares = 0, of_a_point = 0;
    for (std::size_t h = 0; h < strata_.size(); ++h) {
      if (number[h] <= 0 || size[h] <= 0 || unsampled(h) <= 0) continue;
      const double of_stratum = strata_[h].hectares * size[h] / size_of_[h];
      hectares += of_stratum;
      of_a_point = std::max(of_a_point, unsampled(h) * of_stratum / number[h]);
    }
    return hectares > 0 ? hectares * kSquare / (hectares / of_a_point + kSquare) : 0;
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
    of_class.producers = sample.shown(on_ground, in_map);
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

  template <class OnGround, class InMap>
  Estimate shown(const OnGround& on_ground, const InMap& in_map) const {
    return ratio(on_ground, [&](const JudgedPoint& point) { return on_ground(point) && in_map(point); });
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
