#pragma once
// Intervals of accuracies by the bootstrap (Efron & Tibshirani 1993), drawn by group: the errors of samples of one polygon are correlated,
// so an interval from single samples would be far too narrow.

#include <cstdint>
#include <map>
#include <vector>

namespace millesime {

struct Outcome {
  int reference = 0, produced = 0;  // class codes
  std::int64_t group = 0;           // polygon
};

struct Interval {
  double low = 0, high = 0;  // 2.5 % and 97.5 % of the replicates; NaN for fewer than two groups
};

struct AccuracyIntervals {
  Interval overall, macro_f;
  std::map<int, Interval> f_score;  // of each class of the reference
};

// As many groups as there are are drawn with replacement from all, whatever their classes: how many of a class judge is chance, too. An
// F-score is that of the draws that have its class. Depends only on the seed.
AccuracyIntervals bootstrap_intervals(const std::vector<Outcome>& outcomes, int replicates, std::int64_t seed);

}  // namespace millesime
