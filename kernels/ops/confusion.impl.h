#pragma once
// Body of confusion.h. Runs of the same pair are counted together: neighbours in a map mostly agree.

#include <cstdint>

#include "kernels/base/atomic_add.h"
#include "kernels/base/parallel_for.h"
#include "kernels/ops/confusion.h"

namespace millesime {

struct ConfusionRun {
  static constexpr int kPixels = 256;  // that one item counts
  ConfusionArgs args;

  HD void operator()(std::int64_t item) const {
    const std::int64_t first = item * kPixels;
    const int n = lanes_in_use<kPixels>(first, args.pixels);
    int pair = -1;
    std::uint64_t run = 0;
    for (int i = 0; i < n; ++i) {
      const int reference = args.reference[first + i], predicted = args.predicted[first + i];
      const int next = reference == 0 || predicted == 0 ? -1 : reference * kLabels + predicted;
      if (next != pair) {
        if (pair >= 0) atomic_add(args.counts + pair, run);
        pair = next;
        run = 0;
      }
      ++run;
    }
    if (pair >= 0) atomic_add(args.counts + pair, run);
  }
};

template <class Backend>
void confusion_on(const Backend& backend, const ConfusionArgs& args) {
  parallel_for(backend, "confusion", block_count(args.pixels, ConfusionRun::kPixels), ConfusionRun{args});
}

}  // namespace millesime
