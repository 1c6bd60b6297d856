#pragma once
// The CPU twin of DecidePixel (decide.impl.h): the pixels of a vector register together, their classes in rows. The same operations on each
// pixel in the same order.

#include <cstdint>

#include "kernels/base/exponential.h"
#include "kernels/base/lanes.h"
#include "kernels/ops/decide.h"

namespace millesime {

// Unnormalised probability of a logit, relative to the highest one.
MILLESIME_HD float decide_strength(float logit, float highest, float sharpening) {
  const float below = highest - logit;
  return exponential(-(below + sharpening * below * below));
}

struct DecideLanes {
  static constexpr int kLanes = 16;
  static constexpr int kMostClasses = 256;
  DecideArgs args;

  MILLESIME_HD void operator()(std::int64_t item) const {
    const std::int64_t first = item * kLanes;
    const int n = lanes_in_use<kLanes>(first, args.pixels), n_classes = args.n_classes;
    float numbers[kMostClasses][kLanes];  // [class][lane]
    load(first, n, numbers);

    std::int32_t winner[kLanes];
    float highest[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) winner[lane] = -1, highest[lane] = 0.0f;
    for (int c = 0; c < n_classes; ++c) {
      const float* row = numbers[c];
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < kLanes; ++lane) {
        const float value = row[lane];
        const bool better = (value - value == 0.0f) & ((winner[lane] < 0) | (value > highest[lane]));  // finite
        winner[lane] = better ? c : winner[lane];
        highest[lane] = better ? value : highest[lane];
      }
    }
    float sum[kLanes], probability[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) sum[lane] = 1.0f, probability[lane] = highest[lane];
    if (args.logits || args.vote_logits) {
      for (int lane = 0; lane < kLanes; ++lane) sum[lane] = 0.0f;
      for (int c = 0; c < n_classes; ++c) {
        float* row = numbers[c];
        MILLESIME_LANES_INDEPENDENT
        for (int lane = 0; lane < kLanes; ++lane) {
          row[lane] = decide_strength(row[lane], highest[lane], args.sharpening);
          sum[lane] = sum[lane] + row[lane];
        }
      }
      for (int lane = 0; lane < kLanes; ++lane) probability[lane] = 1.0f / sum[lane];
    }
    bool decided[kLanes];
    for (int lane = 0; lane < n; ++lane) {
      decided[lane] = winner[lane] >= 0 && !(args.count && args.count[first + lane] == 0);
      const int code = !decided[lane] ? 0 : args.codes ? args.codes[winner[lane]] : winner[lane];
      args.label[first + lane] = static_cast<std::uint8_t>(code);
      if (args.confidence) args.confidence[first + lane] = static_cast<std::uint8_t>(decided[lane] ? probability[lane] * 100.0f : 0.0f);
    }
    if (!args.probabilities && !args.exact_probabilities) return;
    if (args.logits || args.vote_logits) {
      for (int c = 0; c < n_classes; ++c) {
        float* row = numbers[c];
        MILLESIME_LANES_INDEPENDENT
        for (int lane = 0; lane < kLanes; ++lane) row[lane] = row[lane] / sum[lane];
      }
    }
    for (int lane = 0; lane < n; ++lane) {
      const std::int64_t begin = (first + lane) * n_classes;
      for (int c = 0; c < n_classes; ++c) {
        const float p = decided[lane] ? numbers[c][lane] : 0.0f;
        if (args.exact_probabilities) args.exact_probabilities[begin + c] = p;
        if (args.probabilities) args.probabilities[begin + c] = static_cast<std::uint16_t>(p * 1000.0f + 0.5f);
      }
    }
  }

 private:
  // The values by which classes are compared; lanes beyond the last pixel repeat the first one.
  MILLESIME_HD void load(std::int64_t first, int n, float (*numbers)[kLanes]) const {
    const float trees = static_cast<float>(args.n_trees);
    const float* values = args.logits ? args.logits : args.scores;
    for (int lane = 0; lane < kLanes; ++lane) {
      const std::int64_t begin = (first + (lane < n ? lane : 0)) * args.n_classes;
      if (args.vote_logits)
        for (int c = 0; c < args.n_classes; ++c) numbers[c][lane] = args.vote_logits[args.votes[begin + c]];
      else if (args.votes)
        for (int c = 0; c < args.n_classes; ++c) numbers[c][lane] = static_cast<float>(args.votes[begin + c]) / trees;
      else
        for (int c = 0; c < args.n_classes; ++c) numbers[c][lane] = values[begin + c];
    }
  }
};

}  // namespace millesime
