#pragma once
// Decide: from a model's output to the values of the maps.
//
//   p_c = s(max l - l_c) / sum_k s(max l - l_k)            from logits, s(d) = exp(-(d + sharpening d^2)): softmax where sharpening is 0
//   p_c = votes_c / trees                                   from votes; of a calibrated forest, as from logits l_c = vote_logits[votes_c]
//   label      = codes[winner], the class of highest p; on a tie the lowest class index
//   confidence = trunc(100 * p_winner) of the float32 product, 0..100: 0.53 -> 52
//   probabilities = round(1000 * p)
//
// exp is exponential.h (error below 2 units in the last place, the same bits on every device); sums are in the order of classes.
// A pixel whose `count` is 0 gets label, confidence and probabilities 0. NaN logits never win; a pixel without a finite
// logit gets 0, too.

#include <cstdint>

#include "kernels/base/stream.h"

namespace millesime {

inline constexpr int kMostLabels = 256;  // labels are bytes

struct DecideArgs {
  std::int64_t pixels = 0;
  int n_classes = 0;
  // exactly one of the three
  const float* logits = nullptr;           // [pixel][class]
  float sharpening = 0;                    // with logits or vote_logits, >= 0
  const float* scores = nullptr;           // [pixel][class], probabilities (e.g. blended)
  const std::uint16_t* votes = nullptr;    // [pixel][class]
  int n_trees = 0;                         // with votes
  const float* vote_logits = nullptr;      // [0..n_trees], with votes: the logit of each number of votes; null: shares are probabilities
  const std::uint8_t* codes = nullptr;     // [class], label of a class; null: the label is the class index
  const std::uint8_t* count = nullptr;     // [pixel], valid dates; null: every pixel is decided
  std::uint8_t* label = nullptr;           // [pixel]
  std::uint8_t* confidence = nullptr;      // [pixel], may be null
  std::uint16_t* probabilities = nullptr;  // [pixel][class] x 1000, may be null
  float* exact_probabilities = nullptr;    // [pixel][class], may be null
};

void decide(const Stream& stream, const DecideArgs& args);

}  // namespace millesime
