#pragma once
// Intervals of accuracies by the bootstrap (Efron & Tibshirani 1993), drawn by group: samples of one polygon are right or wrong together,
// so that an interval from single samples would be far too narrow.

#include <cstdint>
#include <map>
#include <vector>

namespace millesime {

struct Outcome {
  int reference = 0, produced = 0;  // class codes
  std::int64_t group = 0;           // polygon
};

struct Interval {
  double low = 0, high = 0;  // 2.5 % and 97.5 % of the replicates; NaN where there are fewer than two groups to draw from
};

struct AccuracyIntervals {
  Interval overall, macro_f;
  std::map<int, Interval> f_score;  // of each class of the reference
};

// Groups are drawn with replacement within the class of their first outcome, so that no class is lost. Depends on the seed alone.
AccuracyIntervals bootstrap_intervals(const std::vector<Outcome>& outcomes, int replicates, std::int64_t seed);

}  // namespace millesime
