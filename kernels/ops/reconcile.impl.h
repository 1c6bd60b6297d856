#pragma once
// Body of reconcile.h: a block of pixels, all lanes together; the numbers of all years are rows of the scratch.

#include <cstdint>

#include "kernels/base/parallel_for.h"
#include "kernels/ops/reconcile.h"

namespace millesime {

template <int kLanes>
struct ReconcileBlock {
  ReconcileArgs args;

  // evidence, forward, forward within units: [year][class]; backward, backward within units, the same times evidence and scale: [class];
  // sums: [year]
  MILLESIME_HD std::int64_t rows_of_years() const { return static_cast<std::int64_t>(args.n_years) * args.n_classes; }
  std::int64_t scratch_bytes() const {
    return static_cast<std::int64_t>(sizeof(float)) * (3 * rows_of_years() + 4 * static_cast<std::int64_t>(args.n_classes) + args.n_years);
  }

  struct Memory {
    Rows<float> evidence, forward, within, backward, kept, next, next_kept, sum;
  };
  MILLESIME_HD Memory memory_of(const Scratch& scratch) const {
    const std::int64_t all = rows_of_years(), k = args.n_classes, size = sizeof(float);
    return {scratch.rows<float>(0),
            scratch.rows<float>(size * all),
            scratch.rows<float>(size * 2 * all),
            scratch.rows<float>(size * 3 * all),
            scratch.rows<float>(size * (3 * all + k)),
            scratch.rows<float>(size * (3 * all + 2 * k)),
            scratch.rows<float>(size * (3 * all + 3 * k)),
            scratch.rows<float>(size * (3 * all + 4 * k))};
  }

  // The evidence of a year with its floor; all 1 where nothing was seen. `seen` becomes 1 where something was.
  MILLESIME_HD void read_evidence(int year, std::int64_t first, int n, const Memory& memory, std::uint8_t* seen) const {
    float most[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) most[lane] = 0.0f;
    MILLESIME_ROLLED
    for (int j = 0; j < args.n_classes; ++j) {
      const std::int64_t row = static_cast<std::int64_t>(year) * args.n_classes + j;
      const float* from = args.evidence + row * args.pixels + first;
      float* to = memory.evidence[row];
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < n; ++lane) {
        to[lane] = from[lane];
        most[lane] = from[lane] > most[lane] ? from[lane] : most[lane];
      }
    }
    for (int lane = 0; lane < n; ++lane) seen[lane] = static_cast<std::uint8_t>(seen[lane] | (most[lane] > 0.0f ? 1 : 0));
    MILLESIME_ROLLED
    for (int j = 0; j < args.n_classes; ++j) {
      float* row = memory.evidence[static_cast<std::int64_t>(year) * args.n_classes + j];
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < n; ++lane) {
        const float least = kLeastEvidence * most[lane];
        row[lane] = most[lane] > 0.0f ? (row[lane] > least ? row[lane] : least) : 1.0f;
      }
    }
  }

  MILLESIME_HD void go_forward(int n, const Memory& memory) const {
    const int k = args.n_classes;
    MILLESIME_ROLLED
    for (int t = 0; t < args.n_years; ++t) {
      float* sum = memory.sum[t];
      for (int lane = 0; lane < n; ++lane) sum[lane] = 0.0f;
      MILLESIME_ROLLED
      for (int j = 0; j < k; ++j) {
        const std::int64_t row = static_cast<std::int64_t>(t) * k + j;
        float *now = memory.forward[row], *within = memory.within[row];
        const float* evidence = memory.evidence[row];
        for (int lane = 0; lane < n; ++lane) now[lane] = within[lane] = t == 0 ? args.initial[j] : 0.0f;
        MILLESIME_ROLLED
        for (int i = 0; t > 0 && i < k; ++i) {
          const float probability = args.transition[static_cast<std::int64_t>(i) * k + j];
          const float inside = args.unit[i] == args.unit[j] ? probability : 0.0f;
          const float *before = memory.forward[row - j - k + i], *before_within = memory.within[row - j - k + i];
          MILLESIME_LANES_INDEPENDENT
          for (int lane = 0; lane < n; ++lane) {
            now[lane] += before[lane] * probability;
            within[lane] += before_within[lane] * inside;
          }
        }
        MILLESIME_LANES_INDEPENDENT
        for (int lane = 0; lane < n; ++lane) {
          now[lane] *= evidence[lane];
          within[lane] *= evidence[lane];
          sum[lane] += now[lane];
        }
      }
      MILLESIME_ROLLED
      for (int j = 0; j < k; ++j) {
        float *now = memory.forward[static_cast<std::int64_t>(t) * k + j], *within = memory.within[static_cast<std::int64_t>(t) * k + j];
        MILLESIME_LANES_INDEPENDENT
        for (int lane = 0; lane < n; ++lane) {
          now[lane] = sum[lane] > 0.0f ? now[lane] / sum[lane] : 0.0f;
          within[lane] = sum[lane] > 0.0f ? within[lane] / sum[lane] : 0.0f;
        }
      }
    }
  }

  MILLESIME_HD void label_year(int t, std::int64_t first, int n, const Memory& memory, const std::uint8_t* seen) const {
    float most[kLanes];
    std::uint8_t winner[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) most[lane] = -1.0f, winner[lane] = 0;
    MILLESIME_ROLLED
    for (int j = 0; j < args.n_classes; ++j) {
      const float *forward = memory.forward[static_cast<std::int64_t>(t) * args.n_classes + j], *backward = memory.backward[j];
      for (int lane = 0; lane < n; ++lane) {
        const float probability = forward[lane] * backward[lane];
        winner[lane] = probability > most[lane] ? static_cast<std::uint8_t>(j) : winner[lane];
        most[lane] = probability > most[lane] ? probability : most[lane];
      }
    }
    const std::int64_t at = static_cast<std::int64_t>(t) * args.pixels + first;
    for (int lane = 0; lane < n; ++lane) {
      args.label[at + lane] = seen[lane] ? winner[lane] : kNoClassIndex;
      args.confidence[at + lane] = seen[lane] ? percent(most[lane]) : std::uint8_t{0};
    }
  }

  MILLESIME_HD static std::uint8_t percent(float probability) {
    const float value = probability * 100.0f;
    return static_cast<std::uint8_t>(value > 100.0f ? 100.0f : value > 0.0f ? value : 0.0f);
  }

  // From year t back to t - 1; adds the probability of a lasting change in t.
  MILLESIME_HD void go_back(int t, int n, const Memory& memory, float* changed) const {
    const int k = args.n_classes;
    const float* sum = memory.sum[t];
    MILLESIME_ROLLED
    for (int j = 0; j < k; ++j) {
      const float *evidence = memory.evidence[static_cast<std::int64_t>(t) * k + j], *backward = memory.backward[j], *kept = memory.kept[j];
      float *next = memory.next[j], *next_kept = memory.next_kept[j];
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < n; ++lane) {
        const float scaled = sum[lane] > 0.0f ? evidence[lane] / sum[lane] : 0.0f;
        next[lane] = scaled * backward[lane];
        next_kept[lane] = scaled * kept[lane];
      }
    }
    for (int i = 0; i < k; ++i) {
      const float* before = memory.within[static_cast<std::int64_t>(t - 1) * k + i];
      float *backward = memory.backward[i], *kept = memory.kept[i], leaves[kLanes];
      for (int lane = 0; lane < kLanes; ++lane) leaves[lane] = 0.0f;
      for (int lane = 0; lane < n; ++lane) backward[lane] = kept[lane] = 0.0f;
      MILLESIME_ROLLED
      for (int j = 0; j < k; ++j) {
        const float probability = args.transition[static_cast<std::int64_t>(i) * k + j];
        const bool same = args.unit[i] == args.unit[j];
        const float inside = same ? probability : 0.0f, outside = same ? 0.0f : probability;
        const float *next = memory.next[j], *next_kept = memory.next_kept[j];
        MILLESIME_LANES_INDEPENDENT
        for (int lane = 0; lane < n; ++lane) {
          backward[lane] += probability * next[lane];
          kept[lane] += inside * next_kept[lane];
          leaves[lane] += outside * next_kept[lane];
        }
      }
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < n; ++lane) changed[lane] += before[lane] * leaves[lane];
    }
  }

  MILLESIME_HD void operator()(std::int64_t item, const Scratch& scratch) const {
    const std::int64_t first = item * kLanes;
    const int n = lanes_in_use<kLanes>(first, args.pixels);
    const Memory memory = memory_of(scratch);
    std::uint8_t seen[kLanes], year[kLanes];
    float all[kLanes], largest[kLanes], changed[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) seen[lane] = year[lane] = 0, all[lane] = largest[lane] = 0.0f;
    MILLESIME_ROLLED
    for (int t = 0; t < args.n_years; ++t) read_evidence(t, first, n, memory, seen);
    go_forward(n, memory);
    MILLESIME_ROLLED
    for (int j = 0; j < args.n_classes; ++j)
      for (int lane = 0; lane < n; ++lane) memory.backward[j][lane] = memory.kept[j][lane] = 1.0f;
    MILLESIME_ROLLED
    for (int t = args.n_years - 1; t >= 0; --t) {
      label_year(t, first, n, memory, seen);
      if (t == 0) break;
      for (int lane = 0; lane < kLanes; ++lane) changed[lane] = 0.0f;
      go_back(t, n, memory, changed);
      for (int lane = 0; lane < n; ++lane) {
        all[lane] += changed[lane];
        const bool more = changed[lane] > 0.0f && changed[lane] >= largest[lane];  // of equal ones the earliest
        year[lane] = more ? static_cast<std::uint8_t>(t) : year[lane];
        largest[lane] = more ? changed[lane] : largest[lane];
      }
    }
    for (int lane = 0; lane < n; ++lane) {
      args.change[first + lane] = seen[lane] ? percent(all[lane]) : std::uint8_t{0};
      args.change_year[first + lane] = seen[lane] ? year[lane] : std::uint8_t{0};
    }
  }
};

template <class Backend>
void reconcile_on(const Backend& backend, const ReconcileArgs& args) {
  parallel_for(backend, "reconcile", block_count(args.pixels, Backend::kLanes), ReconcileBlock<Backend::kLanes>{args});
}

}  // namespace millesime
