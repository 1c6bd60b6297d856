#pragma once
// One source, three builds: nvcc (device code), g++ (the CPU product), and g++ in tests that run CUDA kernels on fibers
// (MILLESIME_CUDA_FIBERS; tests/support/cuda_fibers.h replaces the CUDA headers).
//
// HD             in front of a function that runs on host and device
// ROLLED         in front of a loop that device code must not unroll: it would need too many registers for an occupancy of one half
// CU_LAUNCH      kernel<<<grid, block, shared bytes, stream>>>(arguments...)
// CU_DYN_SHARED  the block's dynamic shared memory as an array of T

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#define HD __host__ __device__ __forceinline__
#define CU_LAUNCH(kernel, grid, block, shared_bytes, stream, ...) kernel<<<grid, block, shared_bytes, stream>>>(__VA_ARGS__)
#define CU_DYN_SHARED(T, name)                                  \
  extern __shared__ __align__(16) unsigned char name##_bytes[]; \
  T* name = reinterpret_cast<T*>(name##_bytes)
#define MILLESIME_CUDA_SOURCE 1
#elif defined(MILLESIME_CUDA_FIBERS)
#define HD inline __attribute__((always_inline))
#define MILLESIME_CUDA_SOURCE 1
#else
// Bodies are inlined into the loops of the .cpp that are compiled for several vector widths (cpu_clones.h).
#define HD inline __attribute__((always_inline))
#endif

#if defined(__CUDA_ARCH__)
#define ROLLED _Pragma("unroll 1")
#else
#define ROLLED
#endif
