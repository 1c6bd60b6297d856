#pragma once
// Body of fuse_maps.h.

#include <cstdint>

#include "kernels/base/parallel_for.h"
#include "kernels/ops/fuse_maps.h"

namespace millesime {

struct FuseMapsPixel {
  FuseMapsArgs args;

  struct Best {
    float strength = -1.0f;
    float second = -1.0f;  // majority: the highest confidence among the votes
    int label = 0;
    bool tied = false;
    MILLESIME_HD void offer(int candidate, float value, float tie_breaker) {
      const bool same = value == strength && tie_breaker == second;
      if (value > strength || (value == strength && tie_breaker > second)) {
        strength = value;
        second = tie_breaker;
        label = candidate;
        tied = false;
      } else if (same && candidate != label) {
        tied = true;
        label = candidate < label ? candidate : label;
      }
    }
  };

  MILLESIME_HD int label_of(int map, std::int64_t pixel) const { return args.labels[map * args.pixels + pixel]; }
  MILLESIME_HD float mass_of(int map, std::int64_t pixel) const {
    return args.mass[static_cast<std::int64_t>(map) * args.n_labels + label_of(map, pixel)];
  }
  MILLESIME_HD int confidence_of(int map, std::int64_t pixel) const {
    return args.confidences ? args.confidences[map * args.pixels + pixel] : 0;
  }
  MILLESIME_HD bool seen_before(int map, std::int64_t pixel) const {
    for (int m = 0; m < map; ++m)
      if (label_of(m, pixel) == label_of(map, pixel)) return true;
    return false;
  }

  MILLESIME_HD void offer_votes(int map, std::int64_t pixel, Best& best) const {
    int votes = 0, highest = 0;
    for (int m = 0; m < args.n_maps; ++m) {
      if (label_of(m, pixel) != label_of(map, pixel)) continue;
      ++votes;
      const int confidence = confidence_of(m, pixel);
      highest = confidence > highest ? confidence : highest;
    }
    best.offer(label_of(map, pixel), static_cast<float>(votes), static_cast<float>(highest));
  }

  // The belief in the label of this map, not normalised.
  MILLESIME_HD float belief(int map, std::int64_t pixel) const {
    float doubt = 1.0f, others = 1.0f;
    for (int m = 0; m < args.n_maps; ++m) {
      const int label = label_of(m, pixel);
      if (label == 0) continue;
      if (label == label_of(map, pixel))
        doubt = doubt * (1.0f - mass_of(m, pixel));
      else
        others = others * (1.0f - mass_of(m, pixel));
    }
    return (1.0f - doubt) * others;
  }

  MILLESIME_HD void operator()(std::int64_t pixel) const {
    Best best;
    float not_in_conflict = 1.0f;  // sum of all beliefs and of "any class"
    if (args.method == Fusion::dempster_shafer)
      for (int m = 0; m < args.n_maps; ++m)
        if (label_of(m, pixel) != 0) not_in_conflict = not_in_conflict * (1.0f - mass_of(m, pixel));
    for (int m = 0; m < args.n_maps; ++m) {
      if (label_of(m, pixel) == 0 || seen_before(m, pixel)) continue;
      if (args.method == Fusion::majority) {
        offer_votes(m, pixel, best);
      } else {
        const float share = belief(m, pixel);
        not_in_conflict = not_in_conflict + share;
        best.offer(label_of(m, pixel), share, 0.0f);
      }
    }
    args.label[pixel] = best.tied && !args.resolve ? args.undecided : static_cast<std::uint16_t>(best.label);
    if (!args.confidence) return;
    float confidence = 0.0f;
    if (best.label != 0) {
      if (args.method == Fusion::majority)
        confidence = best.second;
      else
        confidence = not_in_conflict > 0.0f ? best.strength / not_in_conflict * 100.0f : 0.0f;
    }
    args.confidence[pixel] = static_cast<std::uint8_t>(confidence);
  }
};

template <class Backend>
void fuse_maps_on(const Backend& backend, const FuseMapsArgs& args) {
  parallel_for(backend, "fuse_maps", args.pixels, FuseMapsPixel{args});
}

}  // namespace millesime
