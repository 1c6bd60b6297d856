#pragma once
// Products of the L-TAE kernel in bfloat16: weights and inputs are rounded to it, sums stay in float32. Inputs are taken in pairs, and the
// second of a pair is added first: so does the instruction of processors with AVX512_BF16, which adds both. A product of two such numbers
// is exact in float32, so that LtaeForm::rounded has the same bits without it (numbers below 1e-38 are 0 in both).

#include <cstdint>

#include "kernels/base/bfloat16.h"
#include "kernels/base/compiler.h"
#include "kernels/base/lanes.h"
#include "kernels/ops/ltae_product.h"

#if MILLESIME_CPU_TWINS && defined(__x86_64__)
#define MILLESIME_LTAE_PAIRS 1
#if defined(__GNUC__) && !defined(__clang__)  // GCC 12 takes the undefined operands of its own intrinsics for a mistake (bug 105593)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#else
#define MILLESIME_LTAE_PAIRS 0
#endif

namespace millesime {

// Where input `i` of a matrix is in LtaeView::rounded: pairs are turned around.
MILLESIME_HD int turned_in_pair(int i, int inputs) { return (i ^ 1) < inputs ? i ^ 1 : i; }

// The inputs of product() from LtaeView::rounded.
template <int kLanes>
MILLESIME_HD void round_inputs(const Rows<float>& in, int inputs, const Rows<float>& rounded) {
  for (int i = 0; i < inputs; ++i) {
    const float* from = in[i];
    float* to = rounded[turned_in_pair(i, inputs)];
    MILLESIME_LANES_INDEPENDENT
    for (int lane = 0; lane < kLanes; ++lane) to[lane] = to_float(to_bfloat16(normal_or_zero(from[lane])));
  }
}

#if MILLESIME_LTAE_PAIRS

inline constexpr int kPairLanes = 16;  // of a register

// pairs[i][lane] = inputs 2 i and 2 i + 1; a missing last one is 0.
MILLESIME_AVX512_BF16 inline void round_to_pairs(const Rows<float>& in, int inputs, const Rows<std::uint32_t>& pairs) {
  // Word 2 k is lane k of the first input, and word 2 k + 1 that of the second, which follows it by the lanes of a register.
  const __m512i first = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i both = _mm512_or_si512(first, _mm512_slli_epi32(_mm512_add_epi32(first, _mm512_set1_epi32(kPairLanes)), 16));
  for (int i = 0; i < inputs; i += 2) {
    const __m512 a = _mm512_loadu_ps(in[i]), b = i + 1 < inputs ? _mm512_loadu_ps(in[i + 1]) : _mm512_setzero_ps();
    const __m512i halves = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a));
    _mm512_storeu_si512(pairs[i / 2], _mm512_permutexvar_epi16(both, halves));
  }
}

// kSums outputs from `first` on, of which the first n are stored; the others repeat the first one.
template <ProductKind kKind, int kSums>
MILLESIME_AVX512_BF16 inline void sums_of_pairs(const std::uint32_t* packed, const float* bias, int n_pairs, int first, int n,
                                                const Rows<std::uint32_t>& pairs, const Rows<float>& out) {
  __m512 sum[kSums];
  for (int k = 0; k < kSums; ++k) {
    const int output = first + (k < n ? k : 0);
    sum[k] = kKind == ProductKind::added ? _mm512_loadu_ps(out[output]) : _mm512_set1_ps(bias[output]);
  }
  const std::uint32_t* const further = packed + (kSums > kOutputsAtOnce ? std::int64_t{n_pairs} * kOutputsAtOnce : 0);
  for (int p = 0; p < n_pairs; ++p) {
    const auto x = reinterpret_cast<__m512bh>(_mm512_loadu_si512(pairs[p]));
    const std::uint32_t *const w = packed + std::int64_t{p} * kOutputsAtOnce, *const v = further + std::int64_t{p} * kOutputsAtOnce;
    for (int k = 0; k < kSums; ++k) {
      const std::uint32_t weights = k < kOutputsAtOnce ? w[k] : v[k - kOutputsAtOnce];
      sum[k] = _mm512_dpbf16_ps(sum[k], x, reinterpret_cast<__m512bh>(_mm512_set1_epi32(static_cast<int>(weights))));
    }
  }
  for (int k = 0; k < kSums; ++k) {
    if (kKind == ProductKind::rectified) sum[k] = _mm512_max_ps(sum[k], _mm512_setzero_ps());
    if (k < n) _mm512_storeu_ps(out[first + k], sum[k]);
  }
}

// product() of the lanes of a register, of a matrix of LtaeView::pairs.
template <ProductKind kKind>
MILLESIME_AVX512_BF16 inline void product_of_pairs(const std::uint32_t* packed, const float* bias, int inputs, int outputs,
                                                   const Rows<std::uint32_t>& pairs, const Rows<float>& out) {
  constexpr int kEight = 2 * kOutputsAtOnce;
  const int n_pairs = (inputs + 1) / 2;
  int first = 0;
  for (; first + kEight <= outputs; first += kEight, packed += std::int64_t{n_pairs} * kEight)
    sums_of_pairs<kKind, kEight>(packed, bias, n_pairs, first, kEight, pairs, out);
  for (; first < outputs; first += kOutputsAtOnce, packed += std::int64_t{n_pairs} * kOutputsAtOnce)
    sums_of_pairs<kKind, kOutputsAtOnce>(packed, bias, n_pairs, first, outputs - first, pairs, out);
}

#endif

}  // namespace millesime

#if MILLESIME_LTAE_PAIRS && defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
