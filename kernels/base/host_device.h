#pragma once
// One source, three builds: nvcc (device code), g++ (the CPU product), and g++ in tests that run CUDA kernels on fibers
// (MILLESIME_CUDA_FIBERS; tests/support/cuda_fibers.h replaces the CUDA headers).
//
// MILLESIME_HD              in front of a function that runs on host and device
// MILLESIME_ROLLED          in front of a loop that device code must not unroll (it would need too many registers)
// MILLESIME_UNROLLED(n)     in front of a loop of which device code computes n rounds at once, so that their loads overlap
// MILLESIME_LAUNCH          kernel<<<grid, block, shared bytes, stream>>>(arguments...)
// MILLESIME_DYNAMIC_SHARED  the block's dynamic shared memory as an array of T

#include "kernels/base/compiler.h"

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#define MILLESIME_HD __host__ __device__ __forceinline__
#define MILLESIME_LAUNCH(kernel, grid, block, shared_bytes, stream, ...) kernel<<<grid, block, shared_bytes, stream>>>(__VA_ARGS__)
#define MILLESIME_DYNAMIC_SHARED(T, name)                       \
  extern __shared__ __align__(16) unsigned char name##_bytes[]; \
  T* name = reinterpret_cast<T*>(name##_bytes)
#define MILLESIME_CUDA_SOURCE 1
#elif defined(MILLESIME_CUDA_FIBERS)
#define MILLESIME_HD inline MILLESIME_ALWAYS_INLINE
#define MILLESIME_CUDA_SOURCE 1
#else
// Bodies are inlined into the loops of the .cpp that are compiled for several vector widths (cpu_clones.h).
#define MILLESIME_HD inline MILLESIME_ALWAYS_INLINE
#endif

#if defined(__CUDA_ARCH__)
#define MILLESIME_ROLLED _Pragma("unroll 1")
#define MILLESIME_UNROLLED(n) MILLESIME_PRAGMA(unroll n)
#define MILLESIME_PRAGMA(words) _Pragma(#words)
#else
#define MILLESIME_ROLLED
#define MILLESIME_UNROLLED(n)
#endif
