#pragma once
// The CPU twin of ForestBlock (forest.impl.h) for processors with AVX-512: sixteen pixels walk down a tree in one register, and
// the eight registers of a block side by side, because each waits for what it gathers. The features of a block are turned first,
// [feature][lane]: pixels side by side are alike and ask for the same feature, which is then in a few lines of cache. The votes are those
// of the shared body (tests/consistency/cpu_twins_test.cpp).

#include <cstdint>

#include "kernels/base/compiler.h"
#include "kernels/base/lanes.h"
#include "kernels/ops/forest.impl.h"

#if MILLESIME_CPU_TWINS && defined(__x86_64__)
#define MILLESIME_FOREST_IN_REGISTERS 1
#if defined(__GNUC__) && !defined(__clang__)  // GCC 12 takes the undefined operands of its own intrinsics for a mistake (bug 105593)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

namespace millesime {

#define MILLESIME_AVX512 MILLESIME_TARGET("avx512f")
inline bool walks_trees_in_registers() { return MILLESIME_CPU_HAS("avx512f"); }

class ForestInRegisters {
 public:
  explicit ForestInRegisters(const ForestArgs& args) : args_(args) {}
  static constexpr int kLanes = kCpuLanes;

  std::int64_t scratch_bytes() const { return std::int64_t{4} * args_.forest.n_features + std::int64_t{2} * args_.forest.n_classes; }

  MILLESIME_AVX512 void operator()(std::int64_t item, const Scratch& scratch) const {
    const ForestView& forest = args_.forest;
    const std::int64_t first = item * kLanes;
    const int n = lanes_in_use<kLanes>(first, args_.pixels), n_series = forest.n_features - args_.n_statics;
    float* const features = scratch.rows<float>(0)[0];  // [feature][lane]
    turn(args_.features, n_series, first, n, features);
    if (args_.n_statics > 0) turn(args_.statics, args_.n_statics, first, n, features + std::int64_t{n_series} * kLanes);
    const auto votes = scratch.rows<std::uint16_t>(std::int64_t{4} * forest.n_features);  // [class][lane]
    for (int c = 0; c < forest.n_classes; ++c)
      for (int lane = 0; lane < kLanes; ++lane) votes[c][lane] = 0;
    for (int t = 0; t < forest.n_trees; ++t) {
      const ForestNode* const nodes = forest.nodes + forest.root[t];
      const std::uint8_t* const leaf_class = forest.leaf_class + forest.root[t];
      const Top top = top_of(nodes);
      alignas(64) std::uint32_t leaf[kLanes];
      walk(nodes, top, features, leaf);
      for (int lane = 0; lane < kLanes; ++lane) ++votes[leaf_class[leaf[lane]]][lane];
    }
    if (args_.winner || args_.confidence) decide_votes(args_, first, n, votes);
    if (args_.votes) copy_votes(args_, first, n, votes);
  }

 private:
  static constexpr int kWide = 16;  // lanes of a register
  static constexpr int kRegisters = kLanes / kWide;
  static constexpr int kTopLevels = 5;  // their nodes come first, and are in registers

  struct Top {
    __m512 threshold[2];
    __m512i feature_and_left[2];
  };
  // Of the eight nodes of a and the eight of b.
  MILLESIME_AVX512 static __m512 thresholds(__m512i a, __m512i b) {
    const __m512i evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_castsi512_ps(_mm512_permutex2var_epi32(a, evens, b));
  }
  MILLESIME_AVX512 static __m512i features_and_lefts(__m512i a, __m512i b) {
    const __m512i odds = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    return _mm512_permutex2var_epi32(a, odds, b);
  }
  // Nodes beyond the end of a small tree are never asked for.
  MILLESIME_AVX512 static Top top_of(const ForestNode* nodes) {
    Top top;
    for (int half = 0; half < 2; ++half) {
      const __m512i a = _mm512_loadu_si512(nodes + half * kWide), b = _mm512_loadu_si512(nodes + half * kWide + kWide / 2);
      top.threshold[half] = thresholds(a, b), top.feature_and_left[half] = features_and_lefts(a, b);
    }
    return top;
  }

  // The children to which the pixels of a register go on.
  MILLESIME_AVX512 static __m512i next(__m512 threshold, __m512i feature_and_left, const float* features, __m512i lanes) {
    // feature * kLanes + lane
    const __m512i of_feature = _mm512_and_si512(_mm512_srli_epi32(feature_and_left, 20 - kLaneBits), _mm512_set1_epi32(-kLanes));
    const __m512 x = _mm512_i32gather_ps(_mm512_or_si512(of_feature, lanes), features, 4);
    const __m512i left = _mm512_and_si512(feature_and_left, _mm512_set1_epi32(kMaxTreeNodes - 1));
    return _mm512_mask_add_epi32(left, _mm512_cmp_ps_mask(x, threshold, _CMP_GT_OQ), left, _mm512_set1_epi32(1));
  }
  static constexpr int kLaneBits = 7;
  static_assert(1 << kLaneBits == kLanes, "a row of features is as long as a block");

  MILLESIME_AVX512 static void walk(const ForestNode* nodes, const Top& top, const float* features, std::uint32_t* leaf) {
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512i at[kRegisters];
    const float* const of_root = features + std::int64_t{node_feature(nodes[0])} * kLanes;
    const __m512i left = _mm512_set1_epi32(static_cast<int>(node_left(nodes[0])));
    for (int k = 0; k < kRegisters; ++k)
      at[k] = _mm512_mask_add_epi32(
          left, _mm512_cmp_ps_mask(_mm512_loadu_ps(of_root + k * kWide), _mm512_set1_ps(nodes[0].threshold), _CMP_GT_OQ), left,
          _mm512_set1_epi32(1));
    for (int level = 1; level < kTopLevels; ++level)
      for (int k = 0; k < kRegisters; ++k)
        at[k] = next(_mm512_permutex2var_ps(top.threshold[0], at[k], top.threshold[1]),
                     _mm512_permutex2var_epi32(top.feature_and_left[0], at[k], top.feature_and_left[1]), features + k * kWide, lanes);
    unsigned moved = 1;
    while (moved) {
      moved = 0;
      for (int k = 0; k < kRegisters; ++k) {
        const __m512i a = _mm512_i32gather_epi64(_mm512_castsi512_si256(at[k]), nodes, sizeof(ForestNode)),
                      b = _mm512_i32gather_epi64(_mm512_extracti64x4_epi64(at[k], 1), nodes, sizeof(ForestNode));
        const __m512i to = next(thresholds(a, b), features_and_lefts(a, b), features + k * kWide, lanes);
        moved |= _mm512_cmpneq_epi32_mask(to, at[k]);
        at[k] = to;
      }
    }
    for (int k = 0; k < kRegisters; ++k) _mm512_store_si512(leaf + k * kWide, at[k]);
  }

  // turned[column][lane] = rows[first + lane][column]; lanes beyond the last pixel repeat the first one.
  MILLESIME_AVX512 static void turn(const float* rows, int columns, std::int64_t first, int n, float* turned) {
    for (int lane = 0; lane < kLanes; lane += kWide)
      for (int column = 0; column < columns; column += kWide) {
        const int count = columns - column < kWide ? columns - column : kWide;
        const auto mask = static_cast<__mmask16>((1u << count) - 1);
        __m512 r[kWide], s[kWide];
        for (int i = 0; i < kWide; ++i)
          r[i] = _mm512_maskz_loadu_ps(mask, rows + (first + (lane + i < n ? lane + i : 0)) * columns + column);
        for (int i = 0; i < kWide; i += 2) s[i] = _mm512_unpacklo_ps(r[i], r[i + 1]), s[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
        for (int i = 0; i < kWide; i += 4)
          for (int k = 0; k < 2; ++k) {
            const __m512d low = _mm512_castps_pd(s[i + k]), high = _mm512_castps_pd(s[i + 2 + k]);
            r[i + 2 * k] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high)),
                      r[i + 2 * k + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
          }
        // r[4 g + c]: four rows 4 g ... of the columns c, 4 + c, 8 + c, 12 + c
        for (int c = 0; c < 4; ++c) {
          const __m512 a = _mm512_shuffle_f32x4(r[c], r[4 + c], 0x88), b = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0x88),
                       d = _mm512_shuffle_f32x4(r[c], r[4 + c], 0xDD), e = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0xDD);
          s[c] = _mm512_shuffle_f32x4(a, b, 0x88), s[8 + c] = _mm512_shuffle_f32x4(a, b, 0xDD);
          s[4 + c] = _mm512_shuffle_f32x4(d, e, 0x88), s[12 + c] = _mm512_shuffle_f32x4(d, e, 0xDD);
        }
        for (int i = 0; i < count; ++i) _mm512_storeu_ps(turned + std::int64_t{column + i} * kLanes + lane, s[i]);
      }
  }

  ForestArgs args_;
};

}  // namespace millesime
#undef MILLESIME_AVX512
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#endif
