#pragma once
// Body of decide.h.

#include <cstdint>

#include "kernels/base/exponential.h"
#include "kernels/base/parallel_for.h"
#include "kernels/ops/decide.h"

namespace millesime {

struct DecidePixel {
  DecideArgs args;

  // What the classes are compared by.
  HD float strength(std::int64_t pixel, int c) const {
    const std::int64_t at = pixel * args.n_classes + c;
    if (args.logits) return args.logits[at];
    if (args.scores) return args.scores[at];
    return static_cast<float>(args.votes[at]) / static_cast<float>(args.n_trees);
  }

  HD void operator()(std::int64_t pixel) const {
    int winner = -1;
    float highest = 0.0f;
    for (int c = 0; c < args.n_classes; ++c) {
      const float value = strength(pixel, c);
      if (value - value == 0.0f && (winner < 0 || value > highest)) {  // finite
        winner = c;
        highest = value;
      }
    }
    const bool decided = winner >= 0 && !(args.count && args.count[pixel] == 0);
    float sum = 1.0f;
    if (args.logits && decided) {
      sum = 0.0f;
      for (int c = 0; c < args.n_classes; ++c) sum = sum + exponential(strength(pixel, c) - highest);
    }
    const float probability = args.logits ? 1.0f / sum : highest;
    args.label[pixel] = static_cast<std::uint8_t>(!decided ? 0 : (args.codes ? args.codes[winner] : winner));
    if (args.confidence) args.confidence[pixel] = static_cast<std::uint8_t>(decided ? probability * 100.0f : 0.0f);
    if (!args.probabilities && !args.exact_probabilities) return;
    for (int c = 0; c < args.n_classes; ++c) {
      const std::int64_t at = pixel * args.n_classes + c;
      float p = 0.0f;
      if (decided) p = args.logits ? exponential(strength(pixel, c) - highest) / sum : strength(pixel, c);
      if (args.exact_probabilities) args.exact_probabilities[at] = p;
      if (args.probabilities) args.probabilities[at] = static_cast<std::uint16_t>(p * 1000.0f + 0.5f);
    }
  }
};

struct BlendPixel {
  BlendArgs args;

  HD void operator()(std::int64_t pixel) const {
    float weights = 0.0f;
    for (int m = 0; m < args.n_models; ++m) weights = weights + args.weights[m * args.pixels + pixel];
    for (int c = 0; c < args.n_classes; ++c) {
      float sum = 0.0f;
      for (int m = 0; m < args.n_models; ++m)
        sum = sum + args.weights[m * args.pixels + pixel] * args.probabilities[(m * args.pixels + pixel) * args.n_classes + c];
      args.blended[pixel * args.n_classes + c] = weights > 0.0f ? sum / weights : 0.0f;
    }
  }
};

template <class Backend>
void decide_on(const Backend& backend, const DecideArgs& args) {
  parallel_for(backend, "decide", args.pixels, DecidePixel{args});
}

template <class Backend>
void blend_on(const Backend& backend, const BlendArgs& args) {
  parallel_for(backend, "blend", args.pixels, BlendPixel{args});
}

}  // namespace millesime
