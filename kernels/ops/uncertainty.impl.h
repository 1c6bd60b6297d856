#pragma once
// Body of uncertainty.h. A class is a plane, so that neighbouring threads read neighbouring numbers.

#include <cmath>
#include <cstdint>

#include "kernels/base/logarithm.h"
#include "kernels/base/parallel_for.h"
#include "kernels/ops/uncertainty.h"

namespace millesime {

struct UncertaintyPixel {
  UncertaintyArgs args;
  float percent_of_nat;  // of entropy

  MILLESIME_HD void operator()(std::int64_t pixel) const {
    float highest = 0.0f, second = 0.0f, entropy = 0.0f;
    MILLESIME_ROLLED
    for (int c = 0; c < args.n_classes; ++c) {
      const float p = args.probabilities[c * args.pixels + pixel];
      if (!(p > 0.0f)) continue;  // 0 ln 0 is 0
      entropy = entropy - p * logarithm(p);
      const float lower = p > highest ? highest : p;
      if (p > highest) highest = p;
      if (lower > second) second = lower;
    }
    const float percent = args.kind == Uncertainty::entropy ? entropy * percent_of_nat : (1.0f - (highest - second)) * 100.0f;
    const float bounded = percent < 1.0f ? 1.0f : percent > 100.0f ? 100.0f : percent;
    const bool known = highest > 0.0f && !(args.count && args.count[pixel] == 0);
    args.uncertainty[pixel] = static_cast<std::uint8_t>(known ? bounded + 0.5f : 0.0f);
  }
};

inline UncertaintyPixel uncertainty_pixel(const UncertaintyArgs& args) {
  constexpr double kPercent = 100;
  return {args, args.n_classes > 1 ? static_cast<float>(kPercent / std::log(args.n_classes)) : 0.0f};
}

template <class Backend>
void uncertainty_on(const Backend& backend, const UncertaintyArgs& args) {
  parallel_for(backend, "uncertainty", args.pixels, uncertainty_pixel(args));
}

}  // namespace millesime
