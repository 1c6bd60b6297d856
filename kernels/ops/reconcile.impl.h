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
  // sums: [year]. Once the probabilities are known, forward holds those of the classes, and the memory of the others is that of the paths.
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
  // Where each best path comes from, [year][class], a byte each: of all paths, of those with a lasting change until now, and of those with
  // none yet. In the place of `within`, as words of the same size, because rows of another size are memory of other threads.
  static constexpr int kChanged = 8, kKept = 16;  // bits
  MILLESIME_HD Rows<std::uint32_t> origins_of(const Scratch& scratch) const {
    return scratch.rows<std::uint32_t>(static_cast<std::int64_t>(sizeof(float)) * 2 * rows_of_years());
  }
  // To year t, 1 or later, from the one before.
  MILLESIME_HD float transition(int t, int from, int to) const {
    return args.transition[(static_cast<std::int64_t>(t - 1) * args.n_classes + from) * args.n_classes + to];
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
          const float probability = transition(t, i, j);
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

  // forward of year t becomes the probability of each class; nothing before t needs it.
  MILLESIME_HD void set_probabilities(int t, int n, const Memory& memory) const {
    MILLESIME_ROLLED
    for (int j = 0; j < args.n_classes; ++j) {
      float* forward = memory.forward[static_cast<std::int64_t>(t) * args.n_classes + j];
      const float* backward = memory.backward[j];
      for (int lane = 0; lane < n; ++lane) forward[lane] *= backward[lane];
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
        const float probability = transition(t, i, j);
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

  // The best path to each class of each year: of all paths its value takes the place of the evidence; of paths without a change until now
  // (backward, and next for the year at work) and with one (kept, next_kept).
  MILLESIME_HD void find_paths(int n, const Memory& memory, const Rows<std::uint32_t>& origins) const {
    const int k = args.n_classes;
    MILLESIME_ROLLED
    for (int j = 0; j < k; ++j)
      for (int lane = 0; lane < n; ++lane) {
        memory.evidence[j][lane] *= args.initial[j];
        memory.backward[j][lane] = memory.evidence[j][lane], memory.kept[j][lane] = 0.0f;
      }
    MILLESIME_ROLLED
    for (int t = 1; t < args.n_years; ++t) {
      float most[kLanes], most_changing[kLanes];
      for (int lane = 0; lane < kLanes; ++lane) most[lane] = most_changing[lane] = 0.0f;
      MILLESIME_ROLLED
      for (int j = 0; j < k; ++j) {
        const std::int64_t row = static_cast<std::int64_t>(t) * k + j;
        float any[kLanes], changed[kLanes], kept[kLanes];
        for (int lane = 0; lane < kLanes; ++lane) any[lane] = changed[lane] = kept[lane] = -1.0f;
        std::uint32_t any_from[kLanes], changed_from[kLanes], kept_from[kLanes];
        for (int lane = 0; lane < kLanes; ++lane) any_from[lane] = changed_from[lane] = kept_from[lane] = 0;
        MILLESIME_ROLLED
        for (int i = 0; i < k; ++i) {
          const float probability = transition(t, i, j);
          const bool same = args.unit[i] == args.unit[j];
          const auto from = static_cast<std::uint32_t>(i);
          const float *before = memory.evidence[row - j - k + i], *to_changed = same ? memory.kept[i] : memory.backward[i];
          for (int lane = 0; lane < n; ++lane) {
            const float of_any = before[lane] * probability, of_changed = to_changed[lane] * probability;
            any_from[lane] = of_any > any[lane] ? from : any_from[lane];
            any[lane] = of_any > any[lane] ? of_any : any[lane];
            changed_from[lane] = of_changed > changed[lane] ? from : changed_from[lane];
            changed[lane] = of_changed > changed[lane] ? of_changed : changed[lane];
          }
          if (!same) continue;
          for (int lane = 0; lane < n; ++lane) {
            const float of_kept = memory.backward[i][lane] * probability;
            kept_from[lane] = of_kept > kept[lane] ? from : kept_from[lane];
            kept[lane] = of_kept > kept[lane] ? of_kept : kept[lane];
          }
        }
        std::uint32_t* origin = origins[row];
        float *value = memory.evidence[row], *next = memory.next[j], *next_kept = memory.next_kept[j];
        for (int lane = 0; lane < n; ++lane) {
          origin[lane] = any_from[lane] | changed_from[lane] << kChanged | kept_from[lane] << kKept;
          const float evidence = value[lane];
          value[lane] = evidence * any[lane], next[lane] = evidence * kept[lane], next_kept[lane] = evidence * changed[lane];
          const float larger = next[lane] > next_kept[lane] ? next[lane] : next_kept[lane];
          most[lane] = value[lane] > most[lane] ? value[lane] : most[lane];
          most_changing[lane] = larger > most_changing[lane] ? larger : most_changing[lane];
        }
      }
      MILLESIME_ROLLED
      for (int j = 0; j < k; ++j) {
        float* value = memory.evidence[static_cast<std::int64_t>(t) * k + j];
        for (int lane = 0; lane < n; ++lane) {
          value[lane] = most[lane] > 0.0f ? value[lane] / most[lane] : 0.0f;
          const bool possible = most_changing[lane] > 0.0f;
          memory.backward[j][lane] = possible ? memory.next[j][lane] / most_changing[lane] : 0.0f;
          memory.kept[j][lane] = possible ? memory.next_kept[j][lane] / most_changing[lane] : 0.0f;
        }
      }
    }
  }

  // The path of each pixel from its last year backwards, of those with a lasting change where `lasting` is 1; `year` is that of the change.
  MILLESIME_HD void write_path(std::int64_t first, int n, const Memory& memory, const Rows<std::uint32_t>& origins,
                               const std::uint8_t* seen, const std::uint8_t* lasting) const {
    const std::int64_t last = static_cast<std::int64_t>(args.n_years - 1) * args.n_classes;
    for (int lane = 0; lane < n; ++lane) {
      int at = 0, at_changed = 0, year = 0;
      MILLESIME_ROLLED
      for (int j = 1; j < args.n_classes; ++j) {
        at = memory.evidence[last + j][lane] > memory.evidence[last + at][lane] ? j : at;
        at_changed = memory.kept[j][lane] > memory.kept[at_changed][lane] ? j : at_changed;
      }
      const bool changes = lasting[lane] != 0 && memory.kept[at_changed][lane] > 0.0f;
      if (changes) at = at_changed;
      MILLESIME_ROLLED
      for (int t = args.n_years - 1; t >= 0; --t) {
        const std::int64_t row = static_cast<std::int64_t>(t) * args.n_classes + at, out = t * args.pixels + first + lane;
        args.label[out] = seen[lane] ? static_cast<std::uint8_t>(at) : kNoClassIndex;
        args.confidence[out] = seen[lane] ? percent(memory.forward[row][lane]) : std::uint8_t{0};
        if (t == 0) break;
        const int from = static_cast<int>(origins[row][lane] >> (!changes ? 0 : year == 0 ? kChanged : kKept) & 0xffu);
        if (changes && year == 0 && args.unit[from] != args.unit[at]) year = t;
        at = from;
      }
      args.change_year[first + lane] = seen[lane] ? static_cast<std::uint8_t>(year) : std::uint8_t{0};
    }
  }

  MILLESIME_HD void operator()(std::int64_t item, const Scratch& scratch) const {
    const std::int64_t first = item * kLanes;
    const int n = lanes_in_use<kLanes>(first, args.pixels);
    const Memory memory = memory_of(scratch);
    std::uint8_t seen[kLanes], lasting[kLanes];
    float all[kLanes], changed[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) seen[lane] = 0, all[lane] = 0.0f;
    MILLESIME_ROLLED
    for (int t = 0; t < args.n_years; ++t) read_evidence(t, first, n, memory, seen);
    go_forward(n, memory);
    MILLESIME_ROLLED
    for (int j = 0; j < args.n_classes; ++j)
      for (int lane = 0; lane < n; ++lane) memory.backward[j][lane] = memory.kept[j][lane] = 1.0f;
    MILLESIME_ROLLED
    for (int t = args.n_years - 1; t >= 0; --t) {
      set_probabilities(t, n, memory);
      if (t == 0) break;
      for (int lane = 0; lane < kLanes; ++lane) changed[lane] = 0.0f;
      go_back(t, n, memory, changed);
      for (int lane = 0; lane < n; ++lane) all[lane] += changed[lane];
    }
    for (int lane = 0; lane < n; ++lane) {
      args.change[first + lane] = seen[lane] ? percent(all[lane]) : std::uint8_t{0};
      lasting[lane] = static_cast<std::uint8_t>(percent(all[lane]) >= args.threshold ? 1 : 0);
    }
    const Rows<std::uint32_t> origins = origins_of(scratch);
    find_paths(n, memory, origins);
    write_path(first, n, memory, origins, seen, lasting);
  }
};

template <class Backend>
void reconcile_on(const Backend& backend, const ReconcileArgs& args) {
  parallel_for(backend, "reconcile", block_count(args.pixels, Backend::kLanes), ReconcileBlock<Backend::kLanes>{args});
}

}  // namespace millesime
