#pragma once
// Body of decide.h.

#include <cstdint>

#include "kernels/base/exponential.h"
#include "kernels/base/parallel_for.h"
#include "kernels/base/warp.h"
#include "kernels/ops/decide.cpu.h"
#include "kernels/ops/decide.h"

namespace millesime {

// A pixel of a warp.
struct DecidePixel {
  static constexpr bool kWholeWarps = true;
  DecideArgs args;

  MILLESIME_HD void operator()(std::int64_t item, const Scratch& scratch) const {
    const WarpPixels pixels(item, args.pixels);
    PixelTile<float> columns(scratch.tile, pixels);
    decide(pixels.exists ? item : args.pixels - 1, pixels.exists, columns);
  }

 private:
  // Calls `each` for the classes in order, as many at a time as the tile holds.
  template <class Columns, class Each>
  MILLESIME_HD void each_class(Columns& columns, bool& loaded, const Each& each) const {
    const int n = args.n_classes;
    for (int first = 0; first < n; first += Columns::kColumns) {
      const int count = n - first < Columns::kColumns ? n - first : Columns::kColumns;
      if (!loaded) load(columns, first, count);
      each(first, count);
    }
    loaded = n <= Columns::kColumns;
  }

  MILLESIME_HD bool by_logits() const { return args.logits || args.vote_logits; }

  MILLESIME_HD float strength(float logit, float highest) const { return decide_strength(logit, highest, args.sharpening); }

  // The value by which classes are compared.
  template <class Columns>
  MILLESIME_HD void load(Columns& columns, int first, int count) const {
    const float trees = static_cast<float>(args.n_trees);
    const float* logit_of = args.vote_logits;
    if (logit_of)
      columns.load(args.votes, args.n_classes, first, count, [logit_of](std::uint16_t votes) { return logit_of[votes]; });
    else if (args.votes)
      columns.load(args.votes, args.n_classes, first, count, [trees](std::uint16_t votes) { return static_cast<float>(votes) / trees; });
    else
      columns.load(args.logits ? args.logits : args.scores, args.n_classes, first, count, [](float strength) { return strength; });
  }

  template <class Columns>
  MILLESIME_HD void decide(std::int64_t pixel, bool exists, Columns& columns) const {
    int winner = -1;
    float highest = 0.0f;
    bool loaded = false;
    each_class(columns, loaded, [&](int first, int count) {
      for (int c = 0; c < count; ++c) {
        const float value = columns.get(c);
        if (value - value == 0.0f && (winner < 0 || value > highest)) {  // finite
          winner = first + c;
          highest = value;
        }
      }
    });
    const bool decided = winner >= 0 && !(args.count && args.count[pixel] == 0);
    float sum = 1.0f;
    if (by_logits()) {
      sum = 0.0f;
      each_class(columns, loaded, [&](int, int count) {
        for (int c = 0; c < count; ++c) sum = sum + strength(columns.get(c), highest);
      });
    }
    if (exists) {
      const float probability = by_logits() ? 1.0f / sum : highest;
      args.label[pixel] = static_cast<std::uint8_t>(!decided ? 0 : (args.codes ? args.codes[winner] : winner));
      if (args.confidence) args.confidence[pixel] = static_cast<std::uint8_t>(decided ? probability * 100.0f : 0.0f);
    }
    if (!args.probabilities && !args.exact_probabilities) return;
    each_class(columns, loaded, [&](int first, int count) {
      for (int c = 0; c < count; ++c) {
        float p = 0.0f;
        if (decided) p = by_logits() ? strength(columns.get(c), highest) / sum : columns.get(c);
        columns.set(c, p);
      }
      if (args.exact_probabilities) columns.store(args.exact_probabilities, args.n_classes, first, count, [](float p) { return p; });
      if (args.probabilities)
        columns.store(args.probabilities, args.n_classes, first, count,
                      [](float p) { return static_cast<std::uint16_t>(p * 1000.0f + 0.5f); });
    });
  }
};

template <class Backend>
void decide_on(const Backend& backend, const DecideArgs& args) {
  if constexpr (Backend::kLanes == 1)
    parallel_for(backend, "decide", args.pixels, DecidePixel{args});
  else
    parallel_for(backend, "decide", block_count(args.pixels, DecideLanes::kLanes), DecideLanes{args});
}

}  // namespace millesime
