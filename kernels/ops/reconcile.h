#pragma once
// Classes of several years made consistent: a hidden Markov model of each pixel, whose states are the classes of consecutive years
// (Rabiner 1989, Proceedings of the IEEE 77; of yearly land cover e.g. Abercrombie & Friedl 2016, IEEE TGRS 54).
//
//   a_1(j) = initial(j) e_1(j),  a_t(j) = e_t(j) sum_i a_{t-1}(i) A(i,j)        forward, each year divided by its sum s_t
//   b_T(i) = 1,                  b_t(i) = sum_j A(i,j) e_{t+1}(j) b_{t+1}(j) / s_{t+1}                                   backward
//   p_t(j) = a_t(j) b_t(j)      probability of class j in year t given all years; label_t = its maximum, on a tie the lowest class
//
// A change is lasting in year t if the pixel is in one unit in all years before t and in one other unit from t on. Classes that follow one
// another without being a change (crops in rotation) are of one unit. With f as a and g as b, but over transitions within a unit alone,
//
//   p(change in t) = sum over i, j of different units of f_{t-1}(i) A(i,j) e_t(j) g_t(j) / s_t,       f_1 = a_1, g_T = 1
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
  const float* transition = nullptr;    // [from][to], each row with sum 1
  const std::uint8_t* unit = nullptr;   // [class]
  std::uint8_t* label = nullptr;        // [year][pixel], index of a class
  std::uint8_t* confidence = nullptr;   // [year][pixel], trunc(100 p), 0..100
  std::uint8_t* change = nullptr;       // [pixel], trunc(100 x the sum of p(change in t)), 0..100
  std::uint8_t* change_year = nullptr;  // [pixel], the t of the largest p(change in t), counted from 0: 1 to n_years - 1; 0: none
};

void reconcile(const Stream& stream, const ReconcileArgs& args);

}  // namespace millesime
