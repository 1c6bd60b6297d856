#pragma once
// Body of confusion.h: private histograms of each thread (CPU) or block (GPU), see parallel_count.h.

#include <cstdint>

#include "kernels/base/parallel_count.h"
#include "kernels/ops/confusion.h"
#include "kernels/ops/series_view.h"

namespace millesime {

// Pairs of labels below kPrivate are counted privately; higher codes are counted in global memory.
struct ConfusionPixel {
  static constexpr int kPrivate = 64;
  ConfusionArgs args;

  MILLESIME_HD int slots() const { return kPrivate * kPrivate; }
  MILLESIME_HD std::uint64_t* total(int slot) const { return args.counts + slot / kPrivate * kLabels + slot % kPrivate; }
  MILLESIME_HD void operator()(std::int64_t pixel, const Counters& counters) const {
    const int reference = args.reference[pixel], predicted = args.predicted[pixel];
    if (reference == 0 || predicted == 0) return;
    if (reference < kPrivate && predicted < kPrivate)
      counters.add(reference * kPrivate + predicted, 1);
    else
      atomic_add(args.counts + reference * kLabels + predicted, 1);
  }
};

struct ClassAreaPixel {
  ClassAreasArgs args;

  MILLESIME_HD int slots() const { return kLabels; }
  MILLESIME_HD std::uint64_t* total(int slot) const { return args.counts + slot; }
  MILLESIME_HD void operator()(std::int64_t pixel, const Counters& counters) const {
    if (args.labels[pixel] != 0) counters.add(args.labels[pixel], 1);
  }
};

// One date.
struct ClassSeriesPixel {
  ClassSeriesArgs args;
  int date;

  MILLESIME_HD int slots() const { return 3 * kLabels; }
  MILLESIME_HD std::uint64_t* total(int slot) const {
    ClassMoments& moments = args.moments[static_cast<std::int64_t>(date) * kLabels + slot / 3];
    return slot % 3 == 0 ? &moments.n : (slot % 3 == 1 ? &moments.sum : &moments.squares);
  }
  MILLESIME_HD void operator()(std::int64_t pixel, const Counters& counters) const {
    const int label = args.labels[pixel];
    const std::int64_t plane = date;
    const std::int16_t value = args.samples[(plane * args.n_bands + args.band) * args.pixels + pixel];
    if (value == kMissing || label == 0 || (args.valid && args.valid[plane * args.pixels + pixel] == 0)) return;
    counters.add(3 * label, 1);
    counters.add(3 * label + 1, static_cast<std::uint64_t>(std::int64_t{value}));
    counters.add(3 * label + 2, static_cast<std::uint64_t>(std::int64_t{value} * value));
  }
};

template <class Backend>
void confusion_on(const Backend& backend, const ConfusionArgs& args) {
  parallel_count(backend, "confusion", args.pixels, ConfusionPixel{args});
}

template <class Backend>
void class_areas_on(const Backend& backend, const ClassAreasArgs& args) {
  parallel_count(backend, "class_areas", args.pixels, ClassAreaPixel{args});
}

template <class Backend>
void class_series_on(const Backend& backend, const ClassSeriesArgs& args) {
  for (int date = 0; date < args.n_dates; ++date) parallel_count(backend, "class_series", args.pixels, ClassSeriesPixel{args, date});
}

}  // namespace millesime
