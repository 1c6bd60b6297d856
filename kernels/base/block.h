#pragma once
// Cooperation of a block on the GPU: its threads compute one item together, on numbers in shared memory. A functor requests it with
//
//   static constexpr bool kWholeBlocks = true;
//   std::int64_t shared_bytes() const;  // of a block, at most kBlockSharedBytes
//
// and is called as f(item, block) by all kBlockThreads threads, each of which must reach every block_barrier().

#include <cstdint>
#include <type_traits>

#include "kernels/base/host_device.h"

namespace millesime {

inline constexpr int kBlockThreads = 256;
inline constexpr std::int64_t kBlockSharedBytes = 48 << 10;  // every device gives a block so much without being asked

template <class F, class = void>
struct WholeBlocks : std::false_type {};
template <class F>
struct WholeBlocks<F, std::enable_if_t<F::kWholeBlocks>> : std::true_type {};

// A thread of a block, and the block's shared memory.
struct BlockThread {
  int thread;
  unsigned char* shared;

  // The same, for the next part of an item: its addresses are computed again there, instead of kept in registers all along.
  MILLESIME_HD BlockThread again() const {
    BlockThread own = *this;
#if defined(__CUDA_ARCH__)
    asm volatile("" : "+r"(own.thread));
#endif
    return own;
  }
};

#if defined(__CUDA_ARCH__) || defined(MILLESIME_CUDA_FIBERS)
MILLESIME_HD void block_barrier() { __syncthreads(); }
#else
MILLESIME_HD void block_barrier() {}
#endif

// Four numbers in one load. Nothing may write them while the kernel runs.
struct alignas(16) FourFloats {
  float a, b, c, d;
};
MILLESIME_HD FourFloats read_four(const float* numbers) {
#if defined(__CUDA_ARCH__)
  const float4 four = __ldg(reinterpret_cast<const float4*>(numbers));
  return {four.x, four.y, four.z, four.w};
#else
  return *reinterpret_cast<const FourFloats*>(numbers);
#endif
}

}  // namespace millesime
