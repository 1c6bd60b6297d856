#pragma once
// Classes of several years made consistent: a hidden Markov model of each pixel, whose states are the classes of the years
// (Rabiner 1989, Proceedings of the IEEE 77; of yearly land cover e.g. Abercrombie & Friedl 2016, IEEE TGRS 54).
//
//   a_1(j) = initial(j) e_1(j),  a_t(j) = e_t(j) sum_i a_{t-1}(i) A_t(i,j)      forward, each year divided by its sum s_t
//   b_T(i) = 1,                  b_t(i) = sum_j A_{t+1}(i,j) e_{t+1}(j) b_{t+1}(j) / s_{t+1}                             backward
//   p_t(j) = a_t(j) b_t(j)      probability of class j in year t given all years
//
// A_t holds the transitions from the year before in the list to year t: of several years where years are missing.
// A change is lasting in year t if the pixel is in one unit in all years before t and in one other unit from t on. Classes that follow one
// another without being a change (crops in rotation) are of one unit. With f as a and g as b, but over transitions within a unit alone,
//
//   p(change in t) = sum over i, j of different units of f_{t-1}(i) A_t(i,j) e_t(j) g_t(j) / s_t,       f_1 = a_1, g_T = 1
//
// The labels of a pixel are one path, the most probable one (Viterbi 1967, IEEE Transactions on Information Theory 13): initial(x_1)
// e_1(x_1) prod_t A_t(x_{t-1}, x_t) e_t(x_t) is largest; of equal ones the lowest class, from the last year backwards. The most probable
// class of each year by itself could flicker, and be impossible by A. Where the sum of p(change in t) reaches the threshold, the path is
// the most probable one of those with a lasting change, and the year of that change is change_year: the labels and the change are one
// statement.
//
// e_t(j) is the evidence of year t for class j, e.g. its probability in a yearly map; it counts as kLeastEvidence times the year's largest
// at least. A year without any evidence (all 0) counts as not seen. A pixel seen in no year gets label kNoClassIndex and 0 elsewhere.

#include <cstdint>

#include "kernels/base/stream.h"

namespace millesime {

inline constexpr int kMostStates = 254;
inline constexpr std::uint8_t kNoClassIndex = 255;
inline constexpr float kLeastEvidence = 1e-4f;

struct ReconcileArgs {
  std::int64_t pixels = 0;
  int n_years = 0, n_classes = 0;       // years at least 2, classes 1 to kMostStates
  const float* evidence = nullptr;      // [year][class][pixel], not negative
  const float* initial = nullptr;       // [class], sum 1
  const float* transition = nullptr;    // [year from the second on][from][to], each row with sum 1
  const std::uint8_t* unit = nullptr;   // [class]
  std::uint8_t* label = nullptr;        // [year][pixel], index of a class
  std::uint8_t* confidence = nullptr;   // [year][pixel], trunc(100 p) of the label, 0..100
  std::uint8_t* change = nullptr;       // [pixel], trunc(100 x the sum of p(change in t)), 0..100
  std::uint8_t* change_year = nullptr;  // [pixel], where change reaches the threshold: the path's first year in the new unit, counted
                                        // from 0: 1 to n_years - 1; 0 elsewhere
  int threshold = 50;                   // of change, 1..100
};

void reconcile(const Stream& stream, const ReconcileArgs& args);

}  // namespace millesime
