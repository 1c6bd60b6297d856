#pragma once
// MILLESIME_CPU_CLONES(Functor): the CPU loop over a functor, compiled for three vector widths (AVX-512, AVX2, baseline); the widest one of
// the machine is selected when the program starts. Contraction is off, so that all three give the same bits.
//
// Put it in the .cpp of the operation, at namespace scope, before the functor is launched.

#include "kernels/base/compiler.h"
#include "kernels/base/parallel_for.h"

#define MILLESIME_CPU_CLONES(...) MILLESIME_CPU_LOOP(MILLESIME_VECTOR_CLONES, __VA_ARGS__)
// For a functor that is launched only where the machine has AVX-512 (x86-64-v4), or AVX512_BF16, too, and for one that is launched only
// where it has not.
#define MILLESIME_CPU_CLONES_OF_AVX512(...) MILLESIME_CPU_LOOP(MILLESIME_CLONES_OF_AVX512, __VA_ARGS__)
#define MILLESIME_CPU_CLONES_OF_AVX512_BF16(...) MILLESIME_CPU_LOOP(MILLESIME_CLONES_OF_AVX512_BF16, __VA_ARGS__)
#define MILLESIME_CPU_CLONES_BELOW_AVX512(...) MILLESIME_CPU_LOOP(MILLESIME_CLONES_BELOW_AVX512, __VA_ARGS__)

#define MILLESIME_CPU_LOOP(clones, ...)                                                                                     \
  template <>                                                                                                               \
  clones void cpu_range<__VA_ARGS__>(const __VA_ARGS__& f, std::int64_t first, std::int64_t last, const Scratch& scratch) { \
    for (std::int64_t i = first; i < last; ++i) run_item(f, i, scratch);                                                    \
  }                                                                                                                         \
  static_assert(true, "")
