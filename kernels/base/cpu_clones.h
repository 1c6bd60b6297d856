#pragma once
// CPU_CLONES(Functor): the CPU loop over a functor, compiled for three vector widths (AVX-512, AVX2, baseline); the widest one of the
// machine is selected when the program starts. Contraction is off, so that all three give the same bits.
//
// Put it in the .cpp of the operation, at namespace scope, before the functor is launched.

#include "kernels/base/parallel_for.h"

// Sanitizers cannot run in the resolvers that choose a clone, so there the baseline is used.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define VECTOR_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VECTOR_CLONES
#endif

#define CPU_CLONES(...)                                                                                                            \
  template <>                                                                                                                      \
  VECTOR_CLONES void cpu_range<__VA_ARGS__>(const __VA_ARGS__& f, std::int64_t first, std::int64_t last, const Scratch& scratch) { \
    for (std::int64_t i = first; i < last; ++i) run_item(f, i, scratch);                                                           \
  }                                                                                                                                \
  static_assert(true, "")
