#pragma once
// Body of ltae.h. The lanes of a part of a block are computed together. On a GPU it computes a pixel a thread, and only what LtaeGroup
// (ltae.gpu.h) has no room for: each thread then reads its weights and a scratch of about 10 kB from memory.
// Length: the phases of one body, which share the rows of its scratch.

#include <cmath>
#include <cstdint>

#include "kernels/base/exponential.h"
#include "kernels/base/parallel_for.h"
#include "kernels/ops/ltae.gpu.h"
#include "kernels/ops/ltae.h"
#include "kernels/ops/ltae_pairs.h"
#include "kernels/ops/ltae_product.h"
#include "kernels/ops/prepare.impl.h"

namespace millesime {

// Pixels that are computed together: the floats of a vector register on the CPU, so that their data of all dates stay in cache.
template <int kLanes>
inline constexpr int kPartLanes = kLanes < 16 ? kLanes : 16;

// Positions of a block's rows in its scratch, in bytes a lane. Those of the network are reused by one part after the other.
template <int kLanes>
struct LtaeRows {
  std::int64_t attended, values, attention, mean, embedded, dense, hidden, logits, seen, used, rounded, network_end, read, selected, end;
  MILLESIME_HD LtaeRows(const LtaeView& net, int dates) {
    attended = 0;
    values = attended + 4 * span(dates) * net.attended;
    attention = values + (net.spectral >= 0 ? std::int64_t{4} * net.features : 0);
    mean = attention + 4 * span(dates) * net.heads;
    embedded = mean + std::int64_t{4} * net.heads * net.attended;
    dense = embedded + std::int64_t{4} * net.heads * net.head_width;
    hidden = dense + std::int64_t{4} * (net.mlp + net.statics);
    logits = hidden + std::int64_t{4} * net.hidden;
    seen = logits + std::int64_t{4} * net.classes;
    used = seen + 4;
    rounded = used + (kLanes == 1 ? 0 : std::int64_t{4} * ((dates + kPartLanes<kLanes> - 1) / kPartLanes<kLanes>));
    network_end = rounded + std::int64_t{4} * (net.rounded ? widest_input(net) : 0);
    constexpr int kParts = kLanes / kPartLanes<kLanes>;
    read = (network_end + 4 * kParts - 1) / (4 * kParts) * 4;  // lanes of one part only, rounded up to whole floats
    selected = read + std::int64_t{2} * dates * net.features;
    end = selected + std::int64_t{2} * dates;
  }

  MILLESIME_HD static int widest_input(const LtaeView& net) {
    const auto wider = [](int a, int b) { return a > b ? a : b; };
    return wider(wider(net.features, net.attended), wider(net.heads * net.head_width, wider(net.mlp + net.statics, net.hidden)));
  }

  // Distance from one number of a date to the next, in rows: the dates of a number are adjacent. Odd, so that the numbers of a date do
  // not all map to the same set of a cache.
  MILLESIME_HD static std::int64_t span(int dates) { return dates | 1; }
};

template <int kLanes, int kTaps, LtaeForm kForm = LtaeForm::four_sums>
struct LtaeBlock {
  static constexpr int kPart = kPartLanes<kLanes>;
  static constexpr int kSums = kForm == LtaeForm::eight_sums || kForm == LtaeForm::pairs ? 2 * kOutputsAtOnce : kOutputsAtOnce;
  LtaeArgs args;
  LtaeRows<kLanes> at;  // computed before the launch: on the GPU it needs no registers

  explicit LtaeBlock(const LtaeArgs& arguments) : args(arguments), at(args.weights, args.series.n_dates) {}
  MILLESIME_HD std::int64_t scratch_bytes() const { return at.end; }

  MILLESIME_HD void operator()(std::int64_t item, const Scratch& scratch) const {
    const RowBlock<kLanes> block(args.series, item);
    load(block, scratch.rows<std::int16_t>(at.read), scratch.rows<std::int16_t>(at.selected));
    const std::int64_t first = kLanes == 1 ? item : block.first;
    const Scratch part_scratch = kLanes == 1 ? scratch : Scratch{scratch.memory, kPart, 0, nullptr};
    for (int part = 0; part < block.n(); part += kPart)
      network(first + part, block.n() - part < kPart ? block.n() - part : kPart, part_scratch,
              shifted(rows<std::int16_t>(scratch, at.read), part), shifted(rows<std::int16_t>(scratch, at.selected), part));
  }

 private:
  MILLESIME_HD static Rows<float> from(const Rows<float>& rows, std::int64_t row) { return {rows[row], rows.stride}; }
  MILLESIME_HD const float* weights(int begin) const { return args.weights.numbers + begin; }
  MILLESIME_HD std::int64_t span() const { return LtaeRows<kLanes>::span(args.series.n_dates); }
  MILLESIME_HD Rows<float> of_date(const Rows<float>& rows, int date) const { return {rows[date], rows.stride * span()}; }
  MILLESIME_HD static Rows<const float> read_only(const Rows<float>& rows) { return {rows.first, rows.stride}; }

  // Rows of one phase. The next phase computes its own again, instead of keeping all of them in registers.
  template <class T = float>
  MILLESIME_HD static Rows<T> rows(const Scratch& scratch, std::int64_t begin) {
    Scratch own = scratch;
#if defined(__CUDA_ARCH__)
    asm volatile("" : "+l"(own.memory));
#endif
    return own.rows<T>(begin);
  }
  template <class T>
  MILLESIME_HD static Rows<const T> shifted(const Rows<T>& rows, int lanes) {
    return {rows.first + lanes, rows.stride};
  }

  MILLESIME_HD void load(const RowBlock<kLanes>& block, const Rows<std::int16_t>& read, const Rows<std::int16_t>& selected) const {
    load_block<kLanes, kTaps>(args.series, block, read, selected);
    if (args.count) store_count<kLanes>(args.series.n_dates, block, selected, args.count);
  }

  // out = matrix x in + bias, as ProductKind says; `matrix` is its position in LtaeView.
  template <ProductKind kKind>
  MILLESIME_HD void multiply([[maybe_unused]] const Scratch& scratch, std::int64_t matrix, const float* bias, int inputs, int outputs,
                             const Rows<float>& in, const Rows<float>& out) const {
    if constexpr (kForm == LtaeForm::rounded) {
      const Rows<float> rounded = rows(scratch, at.rounded);
      round_inputs<kPart>(in, inputs, rounded);
      product<kPart, kKind, kSums>(args.weights.rounded + matrix, bias, inputs, outputs, read_only(rounded), out);
#if MILLESIME_LTAE_PAIRS
    } else if constexpr (kForm == LtaeForm::pairs) {
      static_assert(kPart == kPairLanes, "the lanes of a register");
      const Rows<std::uint32_t> pairs = rows<std::uint32_t>(scratch, at.rounded);
      round_to_pairs(in, inputs, pairs);
      product_of_pairs<kKind>(args.weights.pairs + matrix, bias, inputs, outputs, pairs, out);
#endif
    } else {
      product<kPart, kKind, kSums>(args.weights.numbers + matrix, bias, inputs, outputs, read_only(in), out);
    }
  }

  // Logits of n pixels from `first`. read[band * dates + date], selected[date] (-1 or 0).
  MILLESIME_HD void network(std::int64_t first, int n, const Scratch& scratch, const Rows<const std::int16_t>& read,
                            const Rows<const std::int16_t>& selected) const {
    const LtaeView& net = args.weights;
    const int dates = choose_dates(scratch, selected);
    score_dates(scratch, read, selected, dates);
    const bool alone = net.absent < 0, seen = alone || any_seen(rows(scratch, at.seen)[0]);
    if (seen) encode(scratch, dates);
    load_statics(first, n, from(rows(scratch, at.dense), net.mlp));
    if (alone) {
      multiply<ProductKind::rectified>(scratch, net.hidden_layer, weights(net.hidden_bias), net.mlp + net.statics, net.hidden,
                                       rows(scratch, at.dense), rows(scratch, at.hidden));
    } else {
      hide_absent(scratch, seen);
      add_to_sums(first, n, scratch);
      if (args.sums) return store_sums(first, n, rows(scratch, at.hidden));
    }
    multiply<ProductKind::plain>(scratch, net.head, weights(net.head_bias), net.hidden, net.classes, rows(scratch, at.hidden),
                                 rows(scratch, at.logits));
    store(first, n, rows(scratch, at.logits));
  }

  // u of every pixel, from the scores of its dates.
  MILLESIME_HD void encode(const Scratch& scratch, int dates) const {
    const LtaeView& net = args.weights;
    attend(rows(scratch, at.attention), dates);
    weigh(scratch, dates);
    embed(scratch, dates);
    multiply<ProductKind::rectified>(scratch, net.dense, weights(net.dense_bias), net.heads * net.head_width, net.mlp,
                                     rows(scratch, at.embedded), rows(scratch, at.dense));
    layer_norm(rows(scratch, at.dense));
  }

  MILLESIME_HD static bool any_seen(const float* seen) {
    bool any = false;
    for (int lane = 0; lane < kPart; ++lane) any = any || seen[lane] > 0.0f;
    return any;
  }

  // u becomes 0 where the source sees nothing; `any`: whether u was computed.
  MILLESIME_HD void hide_absent(const Scratch& scratch, bool any) const {
    const Rows<float> u = rows(scratch, at.dense);
    const float* seen = rows(scratch, at.seen)[0];
    MILLESIME_ROLLED
    for (int i = 0; i < args.weights.mlp; ++i) {
      float* row = u[i];
      if (any) {
        MILLESIME_LANES_INDEPENDENT
        for (int lane = 0; lane < kPart; ++lane) row[lane] = seen[lane] > 0.0f ? row[lane] : 0.0f;
      } else {
        for (int lane = 0; lane < kPart; ++lane) row[lane] = 0.0f;
      }
    }
  }

  // The hidden layer of one source among several.
  MILLESIME_HD void add_to_sums(std::int64_t first, int n, const Scratch& scratch) const {
    const LtaeView& net = args.weights;
    const Rows<float> hidden = rows(scratch, at.hidden);
    const float* seen = rows(scratch, at.seen)[0];
    MILLESIME_ROLLED
    for (int o = 0; o < net.hidden; ++o) {
      const float absent = weights(net.absent)[o], bias = weights(net.hidden_bias)[o];
      const float* begun = args.begun ? args.begun + o * args.series.pixels() + first : nullptr;
      float* row = hidden[o];
      for (int lane = 0; lane < kPart; ++lane) row[lane] = begun ? begun[lane < n ? lane : 0] : bias;
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < kPart; ++lane) row[lane] = row[lane] + (seen[lane] > 0.0f ? 0.0f : absent);
    }
    multiply<ProductKind::added>(scratch, net.hidden_layer, nullptr, net.mlp + net.statics, net.hidden, rows(scratch, at.dense), hidden);
    if (args.sums) return;
    MILLESIME_ROLLED
    for (int o = 0; o < net.hidden; ++o) {
      float* row = hidden[o];
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < kPart; ++lane) row[lane] = row[lane] > 0.0f ? row[lane] : 0.0f;
    }
  }

  MILLESIME_HD void store_sums(std::int64_t first, int n, const Rows<float>& hidden) const {
    MILLESIME_ROLLED
    for (int o = 0; o < args.weights.hidden; ++o) {
      float* out = args.sums + o * args.series.pixels() + first;
      for (int lane = 0; lane < n; ++lane) out[lane] = hidden[o][lane];
    }
  }

  // Dates on which no pixel of the part is valid have weight 0 in all of them: the part is computed from the others, which gives the same
  // numbers. A GPU computes a pixel a thread, and threads of a warp go through the same dates. Returns how many are used.
  MILLESIME_HD int choose_dates([[maybe_unused]] const Scratch& scratch, [[maybe_unused]] const Rows<const std::int16_t>& selected) const {
    if constexpr (kLanes == 1) {
      return args.series.n_dates;
    } else {
      std::int32_t* used = rows<std::int32_t>(scratch, at.used)[0];
      int n = 0;
      for (int t = 0; t < args.series.n_dates; ++t) {
        std::int16_t any = 0;
        for (int lane = 0; lane < kPart; ++lane) any = static_cast<std::int16_t>(any | selected[t][lane]);
        if (any) used[n++] = t;
      }
      return n;
    }
  }
  MILLESIME_HD int date_used([[maybe_unused]] const Scratch& scratch, int number) const {
    if constexpr (kLanes == 1)
      return number;
    else
      return rows<std::int32_t>(scratch, at.used)[0][number];
  }

  // The input of the attention, and the score of every date and head.
  MILLESIME_HD void score_dates(const Scratch& scratch, const Rows<const std::int16_t>& read, const Rows<const std::int16_t>& selected,
                                int dates) const {
    const LtaeView& net = args.weights;
    float* seen = rows(scratch, at.seen)[0];
    for (int lane = 0; lane < kPart; ++lane) seen[lane] = 0.0f;
    MILLESIME_ROLLED
    for (int number = 0; number < dates; ++number) {
      const int t = date_used(scratch, number);
      const auto of_this = [&](std::int64_t begin) { return of_date(rows(scratch, begin), number); };
      normalise(t, read, selected, net.spectral >= 0 ? rows(scratch, at.values) : of_this(at.attended));
      if (net.spectral >= 0)
        multiply<ProductKind::rectified>(scratch, net.spectral, weights(net.spectral_bias), net.features, net.attended,
                                         rows(scratch, at.values), of_this(at.attended));
      multiply<ProductKind::plain>(scratch, net.score, args.dates.score + static_cast<std::int64_t>(t) * net.heads, net.attended, net.heads,
                                   of_this(at.attended), of_this(at.attention));
      out_of_reach(selected[t], of_this(at.attention), rows(scratch, at.seen)[0]);
    }
  }

  // The bands of a date, 0 where it is not valid.
  MILLESIME_HD void normalise(int date, const Rows<const std::int16_t>& read, const Rows<const std::int16_t>& selected,
                              const Rows<float>& values) const {
    const std::int16_t* use = selected[date];
    MILLESIME_ROLLED
    for (int f = 0; f < args.weights.features; ++f) {
      const std::int16_t* band = read[static_cast<std::int64_t>(f) * args.series.n_dates + date];
      float* row = values[f];
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < kPart; ++lane) {
        const float value = normalised(static_cast<float>(band[lane]), args.mean, args.inverse_std, f);
        row[lane] = use[lane] ? value : 0.0f;
      }
    }
  }

  // Scores of a date that is not valid become minus infinity; seen: 1 where one is.
  MILLESIME_HD void out_of_reach(const std::int16_t* selected, const Rows<float>& scores, float* seen) const {
    std::int32_t use[kPart];  // as wide as a score
    for (int lane = 0; lane < kPart; ++lane) use[lane] = selected[lane];
    MILLESIME_LANES_INDEPENDENT
    for (int lane = 0; lane < kPart; ++lane) seen[lane] = use[lane] ? 1.0f : seen[lane];
    MILLESIME_ROLLED
    for (int h = 0; h < args.weights.heads; ++h) {
      float* score = scores[h];
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < kPart; ++lane) score[lane] = use[lane] ? score[lane] : kNever;
    }
  }

  // Scores become weights that sum to 1 over the valid dates of a pixel, or are 0 if there are none.
  MILLESIME_HD void attend(const Rows<float>& attention, int dates) const {
    const LtaeView& net = args.weights;
    MILLESIME_ROLLED
    for (int h = 0; h < net.heads; ++h) {
      const Rows<float> of_head = from(attention, h * span());
      float highest[kPart], sum[kPart];
      for (int lane = 0; lane < kPart; ++lane) highest[lane] = kNever, sum[lane] = 0.0f;
      MILLESIME_ROLLED
      for (int t = 0; t < dates; ++t) {
        const float* score = of_head[t];
        MILLESIME_LANES_INDEPENDENT
        for (int lane = 0; lane < kPart; ++lane) highest[lane] = score[lane] > highest[lane] ? score[lane] : highest[lane];
      }
      MILLESIME_ROLLED
      for (int t = 0; t < dates; ++t) {
        float* score = of_head[t];
        MILLESIME_LANES_INDEPENDENT
        for (int lane = 0; lane < kPart; ++lane) {
          score[lane] = exponential(score[lane] - highest[lane]);  // 0 below the range of exponential(), and if no score is a number (NaN)
          sum[lane] = sum[lane] + score[lane];
        }
      }
      for (int lane = 0; lane < kPart; ++lane) sum[lane] = sum[lane] > 0.0f ? 1.0f / sum[lane] : 0.0f;
      MILLESIME_ROLLED
      for (int t = 0; t < dates; ++t) {
        float* score = of_head[t];
        MILLESIME_LANES_INDEPENDENT
        for (int lane = 0; lane < kPart; ++lane) score[lane] = score[lane] * sum[lane];
      }
    }
  }

  // mean[head][number] = sum over dates of attention x attended, for four numbers and two heads at a time. Four numbers of all dates stay
  // in the nearest cache, beside the attention of all heads. Indices beyond the last one repeat the first, and are written before it.
  MILLESIME_HD void weigh(const Scratch& scratch, int dates) const {
    if constexpr (kLanes == 1) return weigh_pixel(scratch, dates);
    const LtaeView& net = args.weights;
    MILLESIME_ROLLED
    for (int first = 0; first < net.attended; first += kOutputsAtOnce) {
      const int last = net.attended - 1 - first;
      const int ib = last < 1 ? 0 : 1, ic = last < 2 ? 0 : 2, id = last < 3 ? 0 : 3;
      MILLESIME_ROLLED
      for (int h = 0; h < net.heads; h += 2) {
        const int next = h + 1 < net.heads ? 1 : 0;
        const Rows<float> xa = from(rows(scratch, at.attended), first * span()), xb = from(xa, ib * span()), xc = from(xa, ic * span()),
                          xd = from(xa, id * span());
        const Rows<float> v = from(rows(scratch, at.attention), h * span()), w = from(v, next * span());
        float va[kPart], vb[kPart], vc[kPart], vd[kPart], wa[kPart], wb[kPart], wc[kPart], wd[kPart];
        for (int lane = 0; lane < kPart; ++lane)
          va[lane] = vb[lane] = vc[lane] = vd[lane] = wa[lane] = wb[lane] = wc[lane] = wd[lane] = 0.0f;
        MILLESIME_ROLLED
        for (int t = 0; t < dates; ++t) {
          const float *a = xa[t], *b = xb[t], *c = xc[t], *d = xd[t], *one = v[t], *other = w[t];
          MILLESIME_LANES_INDEPENDENT
          for (int lane = 0; lane < kPart; ++lane) {
            va[lane] = fmaf(one[lane], a[lane], va[lane]);
            vb[lane] = fmaf(one[lane], b[lane], vb[lane]);
            vc[lane] = fmaf(one[lane], c[lane], vc[lane]);
            vd[lane] = fmaf(one[lane], d[lane], vd[lane]);
            wa[lane] = fmaf(other[lane], a[lane], wa[lane]);
            wb[lane] = fmaf(other[lane], b[lane], wb[lane]);
            wc[lane] = fmaf(other[lane], c[lane], wc[lane]);
            wd[lane] = fmaf(other[lane], d[lane], wd[lane]);
          }
        }
        const Rows<float> to = from(rows(scratch, at.mean), std::int64_t{h} * net.attended + first),
                          to_next = from(to, std::int64_t{next} * net.attended);
        for (int lane = 0; lane < kPart; ++lane) {
          to_next[id][lane] = wd[lane], to_next[ic][lane] = wc[lane], to_next[ib][lane] = wb[lane], to_next[0][lane] = wa[lane];
          to[id][lane] = vd[lane], to[ic][lane] = vc[lane], to[ib][lane] = vb[lane], to[0][lane] = va[lane];
        }
      }
    }
  }

  // The same for the pixel of a thread: four heads and four numbers at a time, so that each number is read for four sums.
  MILLESIME_HD void weigh_pixel(const Scratch& scratch, int dates) const {
    const LtaeView& net = args.weights;
    constexpr int kHeads = 4;
    MILLESIME_ROLLED
    for (int h = 0; h < net.heads; h += kHeads) {
      MILLESIME_ROLLED
      for (int first = 0; first < net.attended; first += kOutputsAtOnce) {
        const Rows<float> x = from(rows(scratch, at.attended), first * span()), v = from(rows(scratch, at.attention), h * span());
        std::int64_t number[kOutputsAtOnce], head[kHeads];  // rows from the first one's
        for (int k = 0; k < kOutputsAtOnce; ++k) number[k] = first + k < net.attended ? k * span() * x.stride : 0;
        for (int k = 0; k < kHeads; ++k) head[k] = h + k < net.heads ? k * span() * v.stride : 0;
        float sum[kHeads][kOutputsAtOnce];
        for (int i = 0; i < kHeads; ++i)
          for (int k = 0; k < kOutputsAtOnce; ++k) sum[i][k] = 0.0f;
        MILLESIME_ROLLED
        for (int t = 0; t < dates; ++t) {
          float seen[kOutputsAtOnce], weight[kHeads];
          for (int k = 0; k < kOutputsAtOnce; ++k) seen[k] = x[t][number[k]];
          for (int i = 0; i < kHeads; ++i) weight[i] = v[t][head[i]];
          for (int i = 0; i < kHeads; ++i)
            for (int k = 0; k < kOutputsAtOnce; ++k) sum[i][k] = fmaf(weight[i], seen[k], sum[i][k]);
        }
        const Rows<float> to = from(rows(scratch, at.mean), std::int64_t{h} * net.attended + first);
        for (int i = 0; i < kHeads; ++i)
          for (int k = 0; k < kOutputsAtOnce; ++k)
            if (h + i < net.heads && first + k < net.attended) *to[std::int64_t{i} * net.attended + k] = sum[i][k];
      }
    }
  }

  MILLESIME_HD void embed(const Scratch& scratch, int dates) const {
    const LtaeView& net = args.weights;
    const Rows<float> attention = rows(scratch, at.attention), mean = rows(scratch, at.mean), embedded = rows(scratch, at.embedded);
    const float* seen = rows(scratch, at.seen)[0];
    const std::int64_t matrix = std::int64_t{fours(net.head_width)} * kOutputsAtOnce * net.attended;
    MILLESIME_ROLLED
    for (int h = 0; h < net.heads; ++h) {
      const Rows<float> out = from(embedded, std::int64_t{h} * net.head_width);
      MILLESIME_ROLLED
      for (int i = 0; i < net.head_width; ++i) {
        const float bias = weights(net.embed_bias)[h * net.head_width + i];
        float* row = out[i];
        MILLESIME_LANES_INDEPENDENT
        for (int lane = 0; lane < kPart; ++lane) row[lane] = bias * seen[lane];
      }
      if constexpr (kLanes == 1)
        product<kPart, ProductKind::added, kSums>(args.dates.position, nullptr, dates, net.head_width,
                                                  read_only(from(attention, h * span())), out);
      else
        product<kPart, ProductKind::added, kSums>(args.dates.position, nullptr, dates, net.head_width,
                                                  read_only(from(attention, h * span())), out,
                                                  Columns{rows<std::int32_t>(scratch, at.used)[0], args.series.n_dates});
      multiply<ProductKind::added>(scratch, net.embed + h * matrix, nullptr, net.attended, net.head_width,
                                   from(mean, std::int64_t{h} * net.attended), out);
    }
  }

  // Mean 0 and deviation 1 over the numbers of a pixel, then gain and shift.
  MILLESIME_HD void layer_norm(const Rows<float>& rows) const {
    const LtaeView& net = args.weights;
    const float n = static_cast<float>(net.mlp);
    float mean[kPart], scale[kPart];
    for (int lane = 0; lane < kPart; ++lane) mean[lane] = 0.0f, scale[lane] = 0.0f;
    MILLESIME_ROLLED
    for (int i = 0; i < net.mlp; ++i) {
      const float* row = rows[i];
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < kPart; ++lane) mean[lane] = mean[lane] + row[lane];
    }
    for (int lane = 0; lane < kPart; ++lane) mean[lane] = mean[lane] / n;
    MILLESIME_ROLLED
    for (int i = 0; i < net.mlp; ++i) {
      const float* row = rows[i];
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < kPart; ++lane) {
        const float off = row[lane] - mean[lane];
        scale[lane] = fmaf(off, off, scale[lane]);
      }
    }
    for (int lane = 0; lane < kPart; ++lane) scale[lane] = 1.0f / std::sqrt(scale[lane] / n + 1e-5f);
    MILLESIME_ROLLED
    for (int i = 0; i < net.mlp; ++i) {
      float* row = rows[i];
      const float gain = weights(net.norm_gain)[i], shift = weights(net.norm_shift)[i];
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < kPart; ++lane) row[lane] = fmaf((row[lane] - mean[lane]) * scale[lane], gain, shift);
    }
  }

  MILLESIME_HD void load_statics(std::int64_t first, int n, const Rows<float>& rows) const {
    MILLESIME_ROLLED
    for (int i = 0; i < args.weights.statics; ++i) {
      const float* plane = args.statics + i * args.series.pixels() + first;
      for (int lane = 0; lane < kPart; ++lane) rows[i][lane] = plane[lane < n ? lane : 0];
    }
  }

  // Without a tile (base/warp.h): the output is small compared with the traffic of the scratch, and registers are few.
  MILLESIME_HD void store(std::int64_t first, int n, const Rows<float>& logits) const {
    const int n_classes = args.weights.classes;
    for (int lane = 0; lane < n; ++lane) {
      float* out = args.logits + (first + lane) * n_classes;
      MILLESIME_ROLLED
      for (int c = 0; c < n_classes; ++c) out[c] = logits[c][lane];
    }
  }
};

// Nearest or bilinear. Cubic resampling in the same kernel would need too many registers for an occupancy of one half.
template <LtaeForm kForm, class Backend>
void ltae_in_blocks(const Backend& backend, const LtaeArgs& args) {
  constexpr int kLanes = Backend::kLanes;
  const std::int64_t blocks = row_block_count(args.series, kLanes);
  if (args.resampling == Resampling::bilinear)
    parallel_for(backend, "ltae", blocks, LtaeBlock<kLanes, 2, kForm>{args});
  else
    parallel_for(backend, "ltae", blocks, LtaeBlock<kLanes, 1, kForm>{args});
}

template <int kPixels, class Backend>
void ltae_in_groups(const Backend& backend, const LtaeArgs& args) {
  const std::int64_t groups = block_count(args.series.pixels(), kPixels);
  if (args.resampling == Resampling::bilinear)
    parallel_for(backend, "ltae", groups, LtaeGroup<kPixels, 2>{args});
  else
    parallel_for(backend, "ltae", groups, LtaeGroup<kPixels, 1>{args});
}

template <class Backend>
void ltae_on(const Backend& backend, const LtaeArgs& args) {
  if constexpr (Backend::kLanes > 1) {
    if (args.weights.rounded) {
#if MILLESIME_LTAE_PAIRS
      if (has_products_of_pairs()) return ltae_in_blocks<LtaeForm::pairs>(backend, args);
#endif
      return ltae_in_blocks<LtaeForm::rounded>(backend, args);
    }
    if (has_registers_for_eight_sums()) return ltae_in_blocks<LtaeForm::eight_sums>(backend, args);
  } else {
    switch (ltae_group_pixels(args.weights, args.series.n_dates)) {
      case 16: return ltae_in_groups<16>(backend, args);
      case 8: return ltae_in_groups<8>(backend, args);
      case 4: return ltae_in_groups<4>(backend, args);
      default: break;
    }
  }
  ltae_in_blocks<LtaeForm::four_sums>(backend, args);
}

}  // namespace millesime
