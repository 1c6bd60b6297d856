#pragma once
// Probability samples of a map: how many points, how many in which stratum, and what they say about the map and the ground. The one
// estimator of areas and of accuracies with intervals.
//
// A stratified random sample draws the units of a stratum, pixels or blocks of them, with equal probability. Strata are the classes of the
// map, or anything else (change, another map), or the points come in clusters, which are quicker to interpret: the estimates of strata are
// those of Stehman 2014 (International Journal of Remote Sensing 35), which for classes as strata are those of Olofsson et al. 2014 (Remote
// Sensing of Environment 148).

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pipeline/core/accuracy.h"

namespace millesime {

struct Stratum {
  int code = 0;            // of the class, or of the other layer
  std::int64_t units = 0;  // N_h: pixels, or blocks of them
  double hectares = 0;
  double users = 0;         // expected user's accuracy, to find the size of the sample
  std::int64_t points = 0;  // n_h, drawn
};

// Number of points for this standard error of the overall accuracy, from the strata's areas and expected user's accuracies (Cochran 1977,
// equation 5.25; Olofsson et al. 2014, equation 13).
std::int64_t points_for(const std::vector<Stratum>& strata, double standard_error);

enum class Allocation {
  olofsson,      // at least `least` points in a stratum, the others in proportion to the areas: good for areas and for rare classes
  proportional,  // to the areas, at least 2
  equal,         // to all strata: good for user's accuracies
  neyman         // proportional to area x expected deviation: the smallest error of the overall accuracy
};
// Sets `points` of every stratum, together `total` (more where `least` asks for it, fewer where the strata have no more units).
void allocate(std::vector<Stratum>& strata, std::int64_t total, Allocation rule, std::int64_t least);

// Standard error of the overall accuracy that is expected of the strata's points: points_for() the other way round, for any allocation.
double expected_error(const std::vector<Stratum>& strata);
// As allocate(), with the smallest total for this error: the number of points_for() is enough for `neyman` only.
void allocate_for(std::vector<Stratum>& strata, double standard_error, Allocation rule, std::int64_t least);

// Number of clusters of `points` points each for this standard error, where a share `users` of the map is right and pixels of one cluster
// are alike by this correlation: the design effect of Kish 1965 (section 5.4), 1 + (points - 1) correlation. At least kFewestClusters, so
// that the error is known well enough for intervals of 1.96 standard errors.
inline constexpr std::int64_t kFewestClusters = 30;
std::int64_t clusters_for(double users, double standard_error, std::int64_t points, double correlation);

// One point of the sample, interpreted.
struct JudgedPoint {
  int stratum = 0;                  // position in the list of strata
  int produced = 0, reference = 0;  // class of the map (0: it has none there), class on the ground
  std::int64_t n = 1;               // so many points
  std::int64_t cluster = 0;         // of a sample in clusters: the draw that the point is of
  double size = 1;                  // of its unit, in any measure: blocks at the edge of the map have fewer mapped pixels than others
};

// Points where the map has no class are no part of it: the estimates are of the others, a domain whose size the points tell, too.
// Strata without points are left out (unsampled, by their code). UserError for a stratum with one point: it has no variance. Areas are in
// hectares of the strata; `mapped_area` [code] of the map's classes is filled from the points if the strata are not the classes.
AreaAccuracy estimate(const std::vector<Stratum>& strata, const std::vector<JudgedPoint>& points);

// Of a sample in two stages: clusters drawn with replacement and with probability proportional to their units, and in each draw units at
// random. Each draw is then one estimate of the whole map, whatever its number of points: the estimate is their mean, and its error that
// of their spread, which holds all that the pixels of a cluster have in common (Cochran 1977, section 11.9; ratios by linearisation).
// `hectares`: of the map. UserError for fewer than two clusters.
AreaAccuracy estimate_clusters(double hectares, const std::vector<JudgedPoint>& points);

// Hectares of the map that each point stands for, by the design: together those that the estimates are of.
std::vector<double> represented_hectares(const std::vector<Stratum>& strata, const std::vector<JudgedPoint>& points);
std::vector<double> represented_hectares_of_clusters(double hectares, const std::vector<JudgedPoint>& points);

// Of a confusion matrix: the map's classes are the strata, which are so large that no sample exhausts them. Valid for a probability sample;
// held-out pixels of polygons are not one, and their intervals are then too narrow. A class of the map with fewer than two sample pixels
// cannot be a stratum; it is left out and listed. Areas in the unit of `mapped_area` [code].
AreaAccuracy adjust_areas(const ConfusionMatrix& sample, const std::map<int, double>& mapped_area);

}  // namespace millesime
