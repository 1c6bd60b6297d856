#pragma once
// The GPU form of LtaeBlock (ltae.impl.h): a block of threads computes a group of neighbouring pixels in shared memory, where a number of
// all pixels is a row. A thread makes four outputs of some pixels at a time: it reads four weights at once, and the block reads them once
// for its group. Every sum has the order that it has in LtaeBlock.
//
// What is attended to takes twice the memory of all the rest (30 dates: 3.8 kB a pixel). It is made date by date, once for the scores and
// again for the means, which adds a tenth to the multiplications and lets twice as many pixels share the weights.

#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/base/block.h"
#include "kernels/base/exponential.h"
#include "kernels/base/warp.h"
#include "kernels/ops/ltae.h"
#include "kernels/ops/ltae_plan.gpu.h"
#include "kernels/ops/ltae_product.gpu.h"
#include "kernels/ops/prepare.impl.h"

namespace millesime {

inline constexpr float kNever = -std::numeric_limits<float>::infinity();  // the score of a date that is not valid

template <int kPixels, int kTaps>
struct LtaeGroup {
  static constexpr bool kWholeBlocks = true;
  static constexpr int kPart = LtaeGroupPlan<kPixels>::kPart, kParts = LtaeGroupPlan<kPixels>::kParts,
                       kHeads = LtaeGroupPlan<kPixels>::kHeads;
  LtaeArgs args;
  LtaeGroupPlan<kPixels> at;

  explicit LtaeGroup(const LtaeArgs& arguments) : args(arguments), at(args.weights, args.series.n_dates) {}
  std::int64_t shared_bytes() const { return at.end; }

  MILLESIME_HD void operator()(std::int64_t item, const BlockThread& block) const {
    const LtaeView& net = args.weights;
    const std::int64_t first = item * kPixels;
    load(first, block.again());
    choose_dates(block.again());
    const bool alone = net.absent < 0, any_seen = dates_used(block) != 0;
    if (alone || any_seen) encode(block);
    float *const dense = numbers(block, at.second), *const hidden = numbers(block, at.first), *const logits = numbers(block, at.second);
    if (!alone) hide_absent(block.again(), dense, any_seen);
    load_statics(first, block.again(), dense + net.mlp * kPixels);
    block_barrier();
    if (alone) {
      rectified(block.again(), weights(net.hidden_bias), net.hidden_layer, net.mlp + net.statics, net.hidden, dense, hidden);
    } else {
      add_to_sums(first, block.again(), dense, hidden);
      if (args.sums) return;
    }
    block_barrier();
    product_of_group<kPixels, kPart>(
        block.thread, kBlockThreads, by_input(net.head), net.hidden, net.classes, hidden,
        [&](int output, int) { return weights(net.head_bias)[output]; },
        [&](int output, int pixel, const float(&sums)[kPart]) { store_part(logits + output * kPixels + pixel, sums); });
    block_barrier();
    store(first, block.again(), logits);
  }

 private:
  MILLESIME_HD const float* weights(int begin) const { return args.weights.numbers + begin; }
  MILLESIME_HD const float* by_input(int begin) const { return args.weights.by_input + begin; }
  template <class T = float>
  MILLESIME_HD static T* numbers(const BlockThread& block, int begin) {
    return reinterpret_cast<T*>(block.shared + begin);
  }

  // read[band * dates + date][pixel] and selected[date][pixel] (-1 or 0): the threads of a pixel share its dates. Pixels after the last one
  // repeat it.
  MILLESIME_HD void load(std::int64_t first, const BlockThread& block) const {
    const int pixel = block.thread % kPixels;
    const RowBlock<1> place(args.series, first + pixel);
    std::int16_t* selected = numbers<std::int16_t>(block, at.selected) + pixel;
    load_block<1, kTaps>(args.series, place, Rows<std::int16_t>{numbers<std::int16_t>(block, at.second) + pixel, kPixels},
                         Rows<std::int16_t>{selected, kPixels}, block.thread / kPixels, kBlockThreads / kPixels);
    block_barrier();
    if (block.thread >= kPixels) return;
    int n = 0;
    for (int d = 0; d < args.series.n_dates; ++d) n -= selected[d * kPixels];
    numbers(block, at.seen)[pixel] = n > 0 ? 1.0f : 0.0f;
    if (args.count && place.exists) args.count[first + pixel] = count_to_byte(n);
  }

  // used[number]: the dates on which a pixel of the group is valid. The others have weight 0 in all of them. After the last: how many.
  MILLESIME_HD void choose_dates(const BlockThread& block) const {
    const int dates = args.series.n_dates;
    const std::int16_t* selected = numbers<std::int16_t>(block, at.selected);
    auto *const shown = numbers<std::int32_t>(block, at.shown), *const used = numbers<std::int32_t>(block, at.used);
    for (int d = block.thread; d < dates; d += kBlockThreads) {
      int any = 0;
      for (int pixel = 0; pixel < kPixels; ++pixel) any |= selected[d * kPixels + pixel];
      shown[d] = any != 0 ? 1 : 0;
    }
    block_barrier();
    for (int d = block.thread; d <= dates; d += kBlockThreads) {
      int before = 0;
      for (int t = 0; t < d; ++t) before += shown[t];
      if (d == dates)
        used[dates] = before;
      else if (shown[d] != 0)
        used[before] = d;
    }
    block_barrier();
  }
  MILLESIME_HD int dates_used(const BlockThread& block) const { return numbers<std::int32_t>(block, at.used)[args.series.n_dates]; }

  // u of every pixel, in the rows of the dense layer.
  MILLESIME_HD void encode(const BlockThread& block) const {
    const LtaeView& net = args.weights;
    score_dates(block.again());
    attend(block.again());
    MILLESIME_ROLLED
    for (int head = 0; head < net.heads; head += at.heads) {
      weigh(block.again(), head);
      MILLESIME_ROLLED
      for (int mean = 0; mean < heads_from(head); mean += at.embedded) embed(block.again(), head, mean);
    }
    float* dense = numbers(block, at.second);
    rectified(block.again(), weights(net.dense_bias), net.dense, net.heads * net.head_width, net.mlp, numbers(block, at.first), dense);
    block_barrier();
    layer_norm(block.again(), dense);
  }

  // Heads whose means are made at once, from `head` on.
  MILLESIME_HD int heads_from(int head) const { return args.weights.heads - head < at.heads ? args.weights.heads - head : at.heads; }

  // What a warp attends to on a date, in its slice: rows of numbers.
  MILLESIME_HD const float* attended_on(const BlockThread& block, int date) const {
    const LtaeView& net = args.weights;
    float* const values = numbers(block, at.slices + block.thread / kWarpThreads * at.slice);
    const auto *read = numbers<std::int16_t>(block, at.second), *selected = numbers<std::int16_t>(block, at.selected) + date * kPixels;
    warp_barrier();  // the warp has read what its slice held
    MILLESIME_ROLLED
    for (int k = warp_lane(); k < net.features * kPixels; k += kWarpThreads) {
      const int feature = k / kPixels, pixel = k % kPixels;
      const std::int16_t band = read[(feature * args.series.n_dates + date) * kPixels + pixel];
      const float value = normalised(static_cast<float>(band), args.mean, args.inverse_std, feature);
      values[k] = selected[pixel] ? value : 0.0f;
    }
    warp_barrier();
    if (net.spectral < 0) return values;
    float* const attended = values + net.features * kPixels;
    product_of_group<kPixels, kPart, 2>(  // two inputs at once: the sums of the means may lie in registers
        warp_lane(), kWarpThreads, by_input(net.spectral), net.features, net.attended, values,
        [&](int output, int) { return weights(net.spectral_bias)[output]; },
        [&](int output, int pixel, const float(&sums)[kPart]) { store_rectified(attended + output * kPixels + pixel, sums); });
    warp_barrier();
    return attended;
  }
  MILLESIME_HD const float* slice_of_warp(const BlockThread& block, int warp) const {
    return numbers(block, at.slices + warp * at.slice) + (args.weights.spectral >= 0 ? args.weights.features * kPixels : 0);
  }

  // The score of every head on the dates that are used, minus infinity where a pixel is not valid; a warp a date.
  MILLESIME_HD void score_dates(const BlockThread& block) const {
    const LtaeView& net = args.weights;
    float* const scores = numbers(block, at.first);
    constexpr int kFew = kPixels > 8 ? kPixels / 8 : 1;  // pixels of a thread: the heads are few, and all threads shall have some
    MILLESIME_ROLLED
    for (int number = block.thread / kWarpThreads; number < dates_used(block); number += kBlockWarps) {
      const int date = numbers<std::int32_t>(block, at.used)[number];
      const float* attended = attended_on(block, date);
      const std::int16_t* selected = numbers<std::int16_t>(block, at.selected) + date * kPixels;
      product_of_group<kPixels, kFew>(
          warp_lane(), kWarpThreads, by_input(net.score), net.attended, net.heads, attended,
          [&](int head, int) { return args.dates.score[static_cast<std::int64_t>(date) * net.heads + head]; },
          [&](int head, int pixel, const float(&sums)[kFew]) {
            float score[kFew];
            for (int p = 0; p < kFew; ++p) score[p] = selected[pixel + p] ? sums[p] : kNever;
            store_part(scores + (head * at.span + number) * kPixels + pixel, score);
          });
    }
    block_barrier();
  }

  // Scores become weights that sum to 1 over the valid dates of a pixel, or are 0 if there are none; a thread a head of a pixel.
  MILLESIME_HD void attend(const BlockThread& block) const {
    const int dates = dates_used(block);
    MILLESIME_ROLLED
    for (int task = block.thread; task < args.weights.heads * kPixels; task += kBlockThreads) {
      float* const score = numbers(block, at.first) + task / kPixels * at.span * kPixels + task % kPixels;
      float highest = kNever, sum = 0.0f;
      MILLESIME_UNROLLED(4)
      for (int t = 0; t < dates; ++t) highest = score[t * kPixels] > highest ? score[t * kPixels] : highest;
      MILLESIME_ROLLED
      for (int t = 0; t < dates; ++t) {
        const float weight = exponential(score[t * kPixels] - highest);  // 0 below its range, and if no score is a number (NaN)
        score[t * kPixels] = weight;
        sum = sum + weight;
      }
      sum = sum > 0.0f ? 1.0f / sum : 0.0f;
      MILLESIME_UNROLLED(4)
      for (int t = 0; t < dates; ++t) score[t * kPixels] = score[t * kPixels] * sum;
    }
    block_barrier();
  }

  // The heads and numbers of a thread: of the head-th group of kHeads (or one), every quads-th number from `quad` on, of some pixels.
  struct Share {
    int head, quad, pixel;
    MILLESIME_HD Share(const BlockThread& block, int quads)
        : head(block.thread / kParts / quads), quad(block.thread / kParts % quads), pixel(block.thread % kParts * kPart) {}
  };

  // mean[head][number] = sum over dates of attention x attended, for the heads from `head` on; a chunk of dates has one of each warp.
  MILLESIME_HD void weigh(const BlockThread& block, int head) const {
    const LtaeView& net = args.weights;
    float sum[kHeads][4][kPart];
    for (int i = 0; i < kHeads; ++i)
      for (int k = 0; k < 4; ++k)
        for (int p = 0; p < kPart; ++p) sum[i][k][p] = 0.0f;
    MILLESIME_ROLLED
    for (int begun = 0; begun < dates_used(block); begun += kBlockWarps) {
      const int mine = begun + block.thread / kWarpThreads;
      if (mine < dates_used(block)) attended_on(block.again(), numbers<std::int32_t>(block, at.used)[mine]);
      block_barrier();
      add_dates(block.again(), begun, head, sum);
      block_barrier();
    }
    const int quads = fours(net.attended), n = heads_from(head);
    const Share own(block.again(), quads);
    float* const means = numbers(block, at.means) + own.pixel;
    for (int i = 0; i < kHeads; ++i)
      for (int k = 0; k < 4; ++k)
        if (own.head * kHeads + i < n && own.quad + k * quads < net.attended)
          store_part(means + ((own.head * kHeads + i) * net.attended + own.quad + k * quads) * kPixels, sum[i][k]);
    block_barrier();
  }
  MILLESIME_HD void add_dates(const BlockThread& block, int begun, int head, float (&sum)[kHeads][4][kPart]) const {
    const LtaeView& net = args.weights;
    const int quads = fours(net.attended), n = heads_from(head), left = dates_used(block) - begun;
    const Share own(block, quads);
    const int first_head = own.head * kHeads;
    if (first_head >= n) return;
    // Heads and numbers beyond the last ones repeat the first.
    const float* const weights_of_date = numbers(block, at.first) + ((head + first_head) * at.span + begun) * kPixels + own.pixel;
    MILLESIME_ROLLED
    for (int j = 0; j < left && j < kBlockWarps; ++j) {
      const float* const attended = slice_of_warp(block, j) + own.pixel;
      PixelPart<kPart> weight[kHeads];
      for (int i = 0; i < kHeads; ++i) weight[i] = part_of<kPart>(weights_of_date + ((first_head + i < n ? i : 0) * at.span + j) * kPixels);
      for (int k = 0; k < 4; ++k) {
        const int number = own.quad + k * quads;
        const PixelPart<kPart> x = part_of<kPart>(attended + (number < net.attended ? number : own.quad) * kPixels);
        for (int i = 0; i < kHeads; ++i)
          for (int p = 0; p < kPart; ++p) sum[i][k][p] = fmaf(weight[i].at[p], x.at[p], sum[i][k][p]);
      }
    }
  }

  // The heads of the means from `mean` on, which begin at `head`, in place of their attention: a thread writes when all have read.
  MILLESIME_HD void embed(const BlockThread& block, int head, int mean) const {
    const LtaeView& net = args.weights;
    const int quads = fours(net.head_width), left = heads_from(head) - mean, n = left < at.embedded ? left : at.embedded;
    const Share own(block, quads);
    float* const embedded = numbers(block, at.first) + own.pixel;
    float sum[4][kPart] = {};
    if (own.head < n) {
      const int h = head + mean + own.head;
      const PixelPart<kPart> seen = part_of<kPart>(numbers(block, at.seen) + own.pixel);
      for (int k = 0; k < 4; ++k) {
        const int output = own.quad + k * quads;
        const float bias = output < net.head_width ? weights(net.embed_bias)[h * net.head_width + output] : 0.0f;
        for (int p = 0; p < kPart; ++p) sum[k][p] = bias * seen.at[p];
      }
      add_product<kPixels, kPart>(sum, args.dates.position_by_input + own.quad * 4, quads, dates_used(block),
                                  embedded + h * at.span * kPixels, ChosenInputs{numbers<std::int32_t>(block, at.used)});
      add_product<kPixels, kPart>(sum, by_input(net.embed) + (h * net.attended * quads + own.quad) * 4, quads, net.attended,
                                  numbers(block, at.means) + (mean + own.head) * net.attended * kPixels + own.pixel);
    }
    block_barrier();
    for (int k = 0; k < 4; ++k)
      if (own.head < n && own.quad + k * quads < net.head_width)
        store_part(embedded + ((head + mean + own.head) * net.head_width + own.quad + k * quads) * kPixels, sum[k]);
    block_barrier();
  }

  // out = matrix x in + bias, 0 if that is negative.
  MILLESIME_HD void rectified(const BlockThread& block, const float* bias, int matrix, int inputs, int outputs, const float* in,
                              float* out) const {
    product_of_group<kPixels, kPart>(
        block.thread, kBlockThreads, by_input(matrix), inputs, outputs, in, [&](int output, int) { return bias[output]; },
        [&](int output, int pixel, const float(&sums)[kPart]) { store_rectified(out + output * kPixels + pixel, sums); });
  }
  MILLESIME_HD static void store_rectified(float* row, const float (&sums)[kPart]) {
    float positive[kPart];
    for (int p = 0; p < kPart; ++p) positive[p] = sums[p] > 0.0f ? sums[p] : 0.0f;
    store_part(row, positive);
  }

  // Mean 0 and deviation 1 over the numbers of a pixel, then gain and shift.
  MILLESIME_HD void layer_norm(const BlockThread& block, float* rows) const {
    const LtaeView& net = args.weights;
    float *const means = numbers(block, at.norm), *const scales = means + kPixels;
    if (block.thread < kPixels) {
      const float n = static_cast<float>(net.mlp), *const own = rows + block.thread;
      float mean = 0.0f, scale = 0.0f;
      MILLESIME_UNROLLED(4)
      for (int i = 0; i < net.mlp; ++i) mean = mean + own[i * kPixels];
      mean = mean / n;
      MILLESIME_UNROLLED(4)
      for (int i = 0; i < net.mlp; ++i) {
        const float off = own[i * kPixels] - mean;
        scale = fmaf(off, off, scale);
      }
      means[block.thread] = mean, scales[block.thread] = 1.0f / std::sqrt(scale / n + 1e-5f);
    }
    block_barrier();
    MILLESIME_ROLLED
    for (int k = block.thread; k < net.mlp * kPixels; k += kBlockThreads) {
      const int i = k / kPixels, pixel = k % kPixels;
      rows[k] = fmaf((rows[k] - means[pixel]) * scales[pixel], weights(net.norm_gain)[i], weights(net.norm_shift)[i]);
    }
  }

  // u becomes 0 where the source sees nothing; `any`: whether it was computed. A thread has the numbers that it had in layer_norm().
  MILLESIME_HD void hide_absent(const BlockThread& block, float* rows, bool any) const {
    const float* seen = numbers(block, at.seen);
    MILLESIME_ROLLED
    for (int k = block.thread; k < args.weights.mlp * kPixels; k += kBlockThreads)
      rows[k] = any && seen[k % kPixels] > 0.0f ? rows[k] : 0.0f;
  }

  MILLESIME_HD void load_statics(std::int64_t first, const BlockThread& block, float* rows) const {
    const std::int64_t pixels = args.series.pixels();
    MILLESIME_ROLLED
    for (int k = block.thread; k < args.weights.statics * kPixels; k += kBlockThreads)
      rows[k] = first + k % kPixels < pixels ? args.statics[k / kPixels * pixels + first + k % kPixels] : 0.0f;
  }

  // The hidden layer of one source among several: its sums to memory, or the layer to shared memory after the last source.
  MILLESIME_HD void add_to_sums(std::int64_t first, const BlockThread& block, const float* dense, float* hidden) const {
    const LtaeView& net = args.weights;
    const float* seen = numbers(block, at.seen);
    const std::int64_t pixels = args.series.pixels();
    product_of_group<kPixels, kPart>(
        block.thread, kBlockThreads, by_input(net.hidden_layer), net.mlp + net.statics, net.hidden, dense,
        [&](int output, int pixel) {
          float begun = weights(net.hidden_bias)[output];
          if (args.begun) begun = first + pixel < pixels ? args.begun[output * pixels + first + pixel] : 0.0f;
          return begun + (seen[pixel] > 0.0f ? 0.0f : weights(net.absent)[output]);
        },
        [&](int output, int pixel, const float(&sums)[kPart]) {
          if (!args.sums) return store_rectified(hidden + output * kPixels + pixel, sums);
          for (int p = 0; p < kPart; ++p)
            if (first + pixel + p < pixels) args.sums[output * pixels + first + pixel + p] = sums[p];
        });
  }

  MILLESIME_HD void store(std::int64_t first, const BlockThread& block, const float* logits) const {
    const int classes = args.weights.classes;
    const std::int64_t n = args.series.pixels() - first < kPixels ? args.series.pixels() - first : kPixels;
    MILLESIME_ROLLED
    for (int k = block.thread; k < n * classes; k += kBlockThreads)
      args.logits[first * classes + k] = logits[k % classes * kPixels + k / classes];
  }
};

}  // namespace millesime
