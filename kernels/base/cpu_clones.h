#pragma once
// MILLESIME_CPU_CLONES(Functor): the CPU loop over a functor, compiled for three vector widths (AVX-512, AVX2, baseline); the widest one of
// the machine is selected when the program starts. Contraction is off, so that all three give the same bits.
//
// Put it in the .cpp of the operation, at namespace scope, before the functor is launched.

#include "kernels/base/compiler.h"
#include "kernels/base/parallel_for.h"

#define MILLESIME_CPU_CLONES(...)                                                                                  \
  template <>                                                                                                      \
  MILLESIME_VECTOR_CLONES void cpu_range<__VA_ARGS__>(const __VA_ARGS__& f, std::int64_t first, std::int64_t last, \
                                                      const Scratch& scratch) {                                    \
    for (std::int64_t i = first; i < last; ++i) run_item(f, i, scratch);                                           \
  }                                                                                                                \
  static_assert(true, "")
