#pragma once
// Matrix products of the L-TAE kernel, four or eight outputs at a time: each input number is read once for as many sums, which stay in
// registers. Four are too few to hide the time that a multiplication takes (four cycles, two of them at a time) where a sum is one
// register, as on processors with AVX-512; with narrower registers there is no room for eight. The sums are the same bits.

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "kernels/base/block.h"
#include "kernels/base/compiler.h"
#include "kernels/base/host_device.h"
#include "kernels/base/lanes.h"

namespace millesime {

inline constexpr int kOutputsAtOnce = 4;

// How a block multiplies: in float32 with four or eight sums at a time; in bfloat16 (ltae_pairs.h) with rounded floats, or with the
// instruction for pairs of them.
enum class LtaeForm { four_sums, eight_sums, rounded, pairs };
bool has_registers_for_eight_sums();  // the processor that this runs on
MILLESIME_HD int fours(int n) { return (n + kOutputsAtOnce - 1) / kOutputsAtOnce; }

enum class ProductKind { plain, rectified, added };

// Some columns of a matrix: input i is multiplied by column which[i] of `of`.
struct Columns {
  const std::int32_t* which;
  int of;
};
struct AllColumns {};

// Outputs first ... first + 7 of product(): the matrices of the first and of the last four.
template <int kLanes, ProductKind kKind, class Chosen>
MILLESIME_HD void eight_sums(const float* packed, const float* next, const float* bias, int inputs, int first, const Rows<const float>& in,
                             const Rows<float>& out, [[maybe_unused]] const Chosen& chosen) {
  constexpr bool kAdded = kKind == ProductKind::added;
  float a[kLanes], b[kLanes], c[kLanes], d[kLanes], e[kLanes], f[kLanes], g[kLanes], h[kLanes];
  const auto begin = [&](float* sum, int output) {
    for (int lane = 0; lane < kLanes; ++lane) sum[lane] = kAdded ? out[output][lane] : bias[output];
  };
  begin(a, first), begin(b, first + 1), begin(c, first + 2), begin(d, first + 3);
  begin(e, first + 4), begin(f, first + 5), begin(g, first + 6), begin(h, first + 7);
  MILLESIME_ROLLED
  for (int i = 0; i < inputs; ++i) {
    const float* x = in[i];
    std::int64_t column = i;
    if constexpr (std::is_same_v<Chosen, Columns>) column = chosen.which[i];
    const float *w = packed + column * kOutputsAtOnce, *v = next + column * kOutputsAtOnce;
    const float wa = w[0], wb = w[1], wc = w[2], wd = w[3], we = v[0], wf = v[1], wg = v[2], wh = v[3];
    MILLESIME_LANES_INDEPENDENT
    for (int lane = 0; lane < kLanes; ++lane) {
      a[lane] = fmaf(wa, x[lane], a[lane]);
      b[lane] = fmaf(wb, x[lane], b[lane]);
      c[lane] = fmaf(wc, x[lane], c[lane]);
      d[lane] = fmaf(wd, x[lane], d[lane]);
      e[lane] = fmaf(we, x[lane], e[lane]);
      f[lane] = fmaf(wf, x[lane], f[lane]);
      g[lane] = fmaf(wg, x[lane], g[lane]);
      h[lane] = fmaf(wh, x[lane], h[lane]);
    }
  }
  if constexpr (kKind == ProductKind::rectified) {
    MILLESIME_LANES_INDEPENDENT
    for (int lane = 0; lane < kLanes; ++lane) {
      a[lane] = a[lane] > 0.0f ? a[lane] : 0.0f;
      b[lane] = b[lane] > 0.0f ? b[lane] : 0.0f;
      c[lane] = c[lane] > 0.0f ? c[lane] : 0.0f;
      d[lane] = d[lane] > 0.0f ? d[lane] : 0.0f;
      e[lane] = e[lane] > 0.0f ? e[lane] : 0.0f;
      f[lane] = f[lane] > 0.0f ? f[lane] : 0.0f;
      g[lane] = g[lane] > 0.0f ? g[lane] : 0.0f;
      h[lane] = h[lane] > 0.0f ? h[lane] : 0.0f;
    }
  }
  const auto keep = [&](const float* sum, int output) {
    for (int lane = 0; lane < kLanes; ++lane) out[output][lane] = sum[lane];
  };
  keep(a, first), keep(b, first + 1), keep(c, first + 2), keep(d, first + 3);
  keep(e, first + 4), keep(f, first + 5), keep(g, first + 6), keep(h, first + 7);
}

// Of one pixel, on the GPU: eight outputs share each input that is read, and four weights are one load.
template <ProductKind kKind, class Chosen>
MILLESIME_HD void product_of_pixel(const float* packed, const float* bias, int inputs, int outputs, const Rows<const float>& in,
                                   const Rows<float>& out, std::int64_t columns, [[maybe_unused]] const Chosen& chosen) {
  constexpr int kTogether = 2 * kOutputsAtOnce;
  MILLESIME_ROLLED
  for (int first = 0; first < outputs; first += kTogether, packed += columns * kTogether) {
    const int n = outputs - first;
    const float* further = packed + (n > kOutputsAtOnce ? columns * kOutputsAtOnce : 0);
    float sum[kTogether];
    for (int k = 0; k < kTogether; ++k) {
      const int output = first + (k < n ? k : 0);
      sum[k] = kKind == ProductKind::added ? *out[output] : bias[output];
    }
    MILLESIME_ROLLED
    for (int i = 0; i < inputs; ++i) {
      const float x = *in[i];
      std::int64_t column = i;
      if constexpr (std::is_same_v<Chosen, Columns>) column = chosen.which[i];
      const FourFloats w = read_four(packed + column * kOutputsAtOnce), v = read_four(further + column * kOutputsAtOnce);
      sum[0] = fmaf(w.a, x, sum[0]), sum[1] = fmaf(w.b, x, sum[1]), sum[2] = fmaf(w.c, x, sum[2]), sum[3] = fmaf(w.d, x, sum[3]);
      sum[4] = fmaf(v.a, x, sum[4]), sum[5] = fmaf(v.b, x, sum[5]), sum[6] = fmaf(v.c, x, sum[6]), sum[7] = fmaf(v.d, x, sum[7]);
    }
    for (int k = 0; k < kTogether; ++k)
      if (k < n) *out[first + k] = kKind == ProductKind::rectified && !(sum[k] > 0.0f) ? 0.0f : sum[k];
  }
}

// out = matrix x in + bias, for as many rows of `out` as there are outputs; rectified: 0 if that is negative; added: out += matrix x in.
// `packed`: see LtaeView. The four sums are separate variables: an array of them would stay in memory.
template <int kLanes, ProductKind kKind, int kSums = kOutputsAtOnce, class Chosen = AllColumns>
MILLESIME_HD void product(const float* packed, const float* bias, int inputs, int outputs, const Rows<const float>& in,
                          const Rows<float>& out, [[maybe_unused]] const Chosen& chosen = {}) {
  std::int64_t columns = inputs;
  if constexpr (std::is_same_v<Chosen, Columns>) columns = chosen.of;
  if constexpr (kLanes == 1) return product_of_pixel<kKind>(packed, bias, inputs, outputs, in, out, columns, chosen);
  int first = 0;
  if constexpr (kSums == 2 * kOutputsAtOnce) {
    MILLESIME_ROLLED
    for (; first + kSums <= outputs; first += kSums, packed += columns * kSums)
      eight_sums<kLanes, kKind>(packed, packed + columns * kOutputsAtOnce, bias, inputs, first, in, out, chosen);
  }
  MILLESIME_ROLLED
  for (; first < outputs; first += kOutputsAtOnce, packed += columns * kOutputsAtOnce) {
    const int last = outputs - 1 - first;  // rows beyond the last output repeat the first and are not stored
    const int second = first + (last < 1 ? 0 : 1), third = first + (last < 2 ? 0 : 2), fourth = first + (last < 3 ? 0 : 3);
    float a[kLanes], b[kLanes], c[kLanes], d[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      constexpr bool kAdded = kKind == ProductKind::added;
      a[lane] = kAdded ? out[first][lane] : bias[first];
      b[lane] = kAdded ? out[second][lane] : bias[second];
      c[lane] = kAdded ? out[third][lane] : bias[third];
      d[lane] = kAdded ? out[fourth][lane] : bias[fourth];
    }
    MILLESIME_ROLLED
    for (int i = 0; i < inputs; ++i) {
      const float* x = in[i];
      std::int64_t column = i;
      if constexpr (std::is_same_v<Chosen, Columns>) column = chosen.which[i];
      const float* w = packed + column * kOutputsAtOnce;
      const float wa = w[0], wb = w[1], wc = w[2], wd = w[3];
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < kLanes; ++lane) {
        a[lane] = fmaf(wa, x[lane], a[lane]);
        b[lane] = fmaf(wb, x[lane], b[lane]);
        c[lane] = fmaf(wc, x[lane], c[lane]);
        d[lane] = fmaf(wd, x[lane], d[lane]);
      }
    }
    if constexpr (kKind == ProductKind::rectified) {
      MILLESIME_LANES_INDEPENDENT
      for (int lane = 0; lane < kLanes; ++lane) {
        a[lane] = a[lane] > 0.0f ? a[lane] : 0.0f;
        b[lane] = b[lane] > 0.0f ? b[lane] : 0.0f;
        c[lane] = c[lane] > 0.0f ? c[lane] : 0.0f;
        d[lane] = d[lane] > 0.0f ? d[lane] : 0.0f;
      }
    }
    const auto keep = [](const float* sum, float* row) {
      for (int lane = 0; lane < kLanes; ++lane) row[lane] = sum[lane];
    };
    if (last >= 3) keep(d, out[fourth]);
    if (last >= 2) keep(c, out[third]);
    if (last >= 1) keep(b, out[second]);
    keep(a, out[first]);
  }
}

}  // namespace millesime
