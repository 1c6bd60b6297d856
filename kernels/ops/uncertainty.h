#pragma once
// How little is known of the class of a pixel, from the probabilities of its classes, in percent.
//
//   entropy   -sum_c p_c ln p_c / ln(classes)      100: all classes are as likely; Shannon 1948
//   margin    1 - (highest p - second highest p)   100: two classes are as likely; Scheffer et al. 2001
//
// Rounded to whole numbers from 1 to 100; 0 is no data: a pixel whose `count` is 0, or without a probability above 0. The logarithm is
// logarithm.h: the same bits on every device.

#include <cstdint>

#include "kernels/base/stream.h"

namespace millesime {

enum class Uncertainty : std::uint8_t { entropy, margin };

struct UncertaintyArgs {
  std::int64_t pixels = 0;
  int n_classes = 0;
  Uncertainty kind = Uncertainty::entropy;
  const float* probabilities = nullptr;  // [class][pixel], their sum is 1
  const std::uint8_t* count = nullptr;   // [pixel]; null: every pixel counts
  std::uint8_t* uncertainty = nullptr;   // [pixel]
};

void uncertainty(const Stream& stream, const UncertaintyArgs& args);

}  // namespace millesime
