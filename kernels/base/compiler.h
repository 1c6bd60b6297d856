#pragma once
// Compiler-specific code: every extension that only GCC, Clang or nvcc has is in this header.
//
// MILLESIME_ALWAYS_INLINE, MILLESIME_NO_INLINE   in front of a function
// MILLESIME_WEAK              in front of a declaration: the program links without a definition
// MILLESIME_TARGET("avx")     in front of a function that is compiled for these instructions; MILLESIME_CPU_HAS("avx") tests the machine
// MILLESIME_AVX512_BF16       MILLESIME_TARGET() of products of bfloat16
// MILLESIME_VECTOR_CLONES     in front of a function that is compiled for several vector widths (cpu_clones.h); MILLESIME_CLONES_OF_AVX512,
//                             _OF_AVX512_BF16 and _BELOW_AVX512: for those of them that have AVX-512, also AVX512_BF16, or have not
// MILLESIME_LANES_INDEPENDENT in front of a loop over lanes: its iterations are independent, and GCC leaves it whole until it makes vectors
// MILLESIME_CPU_TWINS         1 where CPU twins (NAME.cpu.h) are compiled: by every compiler but nvcc
// prefetch_to_read, prefetch_to_write   prefetch the cache line at an address (always inlined: GCC drops calls of such a function)
// FloatVector, IntVector, interleaved, permuted   eight numbers in a register, for CPU twins

#include <cstdint>

#define MILLESIME_ALWAYS_INLINE __attribute__((always_inline))
#define MILLESIME_NO_INLINE __attribute__((noinline))
#define MILLESIME_WEAK __attribute__((weak))
#define MILLESIME_TARGET(instructions) __attribute__((target(instructions)))
#define MILLESIME_AVX512_BF16 MILLESIME_TARGET("arch=x86-64-v4,avx512bf16")
#define MILLESIME_CPU_HAS(instructions) __builtin_cpu_supports(instructions)

// Sanitizers cannot run in the resolvers that choose a clone, so the baseline is used there; also with Clang, whose target_clones does
// not apply to specialisations of a template.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define MILLESIME_VECTOR_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define MILLESIME_CLONES_OF_AVX512 __attribute__((target("arch=x86-64-v4")))
#define MILLESIME_CLONES_OF_AVX512_BF16 MILLESIME_AVX512_BF16
#define MILLESIME_CLONES_BELOW_AVX512 __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define MILLESIME_VECTOR_CLONES
#define MILLESIME_CLONES_OF_AVX512
#define MILLESIME_CLONES_OF_AVX512_BF16
#define MILLESIME_CLONES_BELOW_AVX512
#endif

#if defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__)
#define MILLESIME_LANES_INDEPENDENT _Pragma("GCC ivdep") _Pragma("GCC unroll 1")
#else
#define MILLESIME_LANES_INDEPENDENT
#endif

#if defined(__CUDACC__)
#define MILLESIME_CPU_TWINS 0
#else
#define MILLESIME_CPU_TWINS 1

namespace millesime {

MILLESIME_ALWAYS_INLINE inline void prefetch_to_read(const void* address) { __builtin_prefetch(address); }
MILLESIME_ALWAYS_INLINE inline void prefetch_to_write(const void* address) { __builtin_prefetch(address, 1); }

inline constexpr int kVectorSize = 8;  // numbers
using FloatVector = float __attribute__((vector_size(4 * kVectorSize)));
using IntVector = std::int32_t __attribute__((vector_size(4 * kVectorSize)));

// Elements `kFrom` of a and b in a row; b's are counted on from a's. Inlined, so that vectors never pass through a call, whose conventions
// depend on the instruction set.
template <int... kFrom>
MILLESIME_ALWAYS_INLINE inline void interleaved(const IntVector& a, const IntVector& b, IntVector& out) {
  out = __builtin_shufflevector(a, b, kFrom...);
}

// out[i] = a[from[i]]
MILLESIME_ALWAYS_INLINE inline void permuted(const FloatVector& a, const IntVector& from, FloatVector& out) {
#if defined(__clang__)
  for (int i = 0; i < kVectorSize; ++i) out[i] = a[from[i]];
#else
  out = __builtin_shuffle(a, from);
#endif
}

}  // namespace millesime
#endif
