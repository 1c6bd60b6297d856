#pragma once
// Matrix products of the L-TAE kernel, four outputs at a time: each input number is read once for four sums that stay in registers.

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "kernels/base/compiler.h"
#include "kernels/base/host_device.h"
#include "kernels/base/lanes.h"

namespace millesime {

inline constexpr int kOutputsAtOnce = 4;
MILLESIME_HD int fours(int n) { return (n + kOutputsAtOnce - 1) / kOutputsAtOnce; }

enum class ProductKind { plain, rectified, added };

// Some columns of a matrix: input i is multiplied by column which[i] of `of`.
struct Columns {
  const std::int32_t* which;
  int of;
};
struct AllColumns {};

// Of one pixel, on the GPU: eight outputs share each input that is read, and four weights are one load.
struct alignas(16) FourWeights {
  float a, b, c, d;
};
template <ProductKind kKind, class Chosen>
MILLESIME_HD void product_of_pixel(const float* packed, const float* bias, int inputs, int outputs, const Rows<const float>& in,
                                   const Rows<float>& out, std::int64_t columns, [[maybe_unused]] const Chosen& chosen) {
  constexpr int kTogether = 2 * kOutputsAtOnce;
  const auto four = [](const float* weights) { return *reinterpret_cast<const FourWeights*>(weights); };
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
      const FourWeights w = four(packed + column * kOutputsAtOnce), v = four(further + column * kOutputsAtOnce);
      sum[0] = fmaf(w.a, x, sum[0]), sum[1] = fmaf(w.b, x, sum[1]), sum[2] = fmaf(w.c, x, sum[2]), sum[3] = fmaf(w.d, x, sum[3]);
      sum[4] = fmaf(v.a, x, sum[4]), sum[5] = fmaf(v.b, x, sum[5]), sum[6] = fmaf(v.c, x, sum[6]), sum[7] = fmaf(v.d, x, sum[7]);
    }
    for (int k = 0; k < kTogether; ++k)
      if (k < n) *out[first + k] = kKind == ProductKind::rectified && !(sum[k] > 0.0f) ? 0.0f : sum[k];
  }
}

// out = matrix x in + bias, for as many rows of `out` as there are outputs; rectified: 0 if that is negative; added: out += matrix x in.
// `packed`: see LtaeView. The four sums are separate variables: an array of them would stay in memory.
template <int kLanes, ProductKind kKind, class Chosen = AllColumns>
MILLESIME_HD void product(const float* packed, const float* bias, int inputs, int outputs, const Rows<const float>& in,
                          const Rows<float>& out, [[maybe_unused]] const Chosen& chosen = {}) {
  std::int64_t columns = inputs;
  if constexpr (std::is_same_v<Chosen, Columns>) columns = chosen.of;
  if constexpr (kLanes == 1) return product_of_pixel<kKind>(packed, bias, inputs, outputs, in, out, columns, chosen);
  MILLESIME_ROLLED
  for (int first = 0; first < outputs; first += kOutputsAtOnce, packed += columns * kOutputsAtOnce) {
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
