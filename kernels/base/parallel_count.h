#pragma once
// parallel_count: parallel_for with counters. f(i, counters) adds to counters of its thread (CPU) or block (GPU, in shared
// memory), which are added to the totals at the end: there are f.slots() of them (at most kMaxSlots), and *f.total(slot) is the total.
// Counters are integers, so the order of additions does not matter.

#include <cstdint>

#include "kernels/base/atomics.h"
#include "kernels/base/parallel_for.h"

namespace millesime {

inline constexpr int kMaxSlots = 4096;  // 32 KiB of shared memory

// A counter that several threads add to.
struct Counters {
  std::uint64_t* numbers = nullptr;
  MILLESIME_HD void add(int slot, std::uint64_t value) const {
#if defined(__CUDA_ARCH__) || defined(MILLESIME_CUDA_FIBERS)
    atomic_add(numbers + slot, value);
#else
    numbers[slot] += value;  // of this thread
#endif
  }
};

template <class F>
void parallel_count(const Cpu& cpu, const char*, std::int64_t n, const F& f) {
  if (n <= 0) return;
#pragma omp parallel num_threads(cpu.threads_for(n))
  {
    Buffer<std::uint64_t> numbers(Device{}, f.slots());
    numbers.zero(Device{});
    const Counters counters{numbers.data()};
#pragma omp for schedule(static)
    for (std::int64_t i = 0; i < n; ++i) f(i, counters);
    for (int slot = 0; slot < f.slots(); ++slot)
      if (numbers.data()[slot] != 0) atomic_add(f.total(slot), numbers.data()[slot]);
  }
}

#ifdef MILLESIME_CUDA_SOURCE

template <class F>
__global__ void __launch_bounds__(kBlockThreads, kBlocksResident) grid_stride_count(const __grid_constant__ F f, std::int64_t n) {
  MILLESIME_DYNAMIC_SHARED(std::uint64_t, numbers);
  const int slots = f.slots(), thread = static_cast<int>(threadIdx.x), block = static_cast<int>(blockDim.x);
  for (int slot = thread; slot < slots; slot += block) numbers[slot] = 0;
  __syncthreads();
  const Counters counters{numbers};
  const std::int64_t threads = static_cast<std::int64_t>(gridDim.x) * block;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * block + thread; i < n; i += threads) f(i, counters);
  __syncthreads();
  for (int slot = thread; slot < slots; slot += block)
    if (numbers[slot] != 0) atomic_add(f.total(slot), numbers[slot]);
}

#endif

#ifdef __CUDACC__

template <class F>
MILLESIME_NO_INLINE void parallel_count(const Cuda& cuda, const char* op, std::int64_t n, const F& f) {
  static_assert(std::is_trivially_copyable<F>::value, "a functor must be copyable to a device");
  if (n <= 0) return;
  const std::size_t shared = sizeof(std::uint64_t) * f.slots();
  const unsigned blocks = grid_of(cuda, op, reinterpret_cast<const void*>(&grid_stride_count<F>), shared, n);
  MILLESIME_LAUNCH(grid_stride_count<F>, dim3(blocks), dim3(kBlockThreads), shared, static_cast<cudaStream_t>(cuda.stream.handle), f, n);
  check_launch(op, n, cuda.stream.device);
}

#else

template <class F>
MILLESIME_WEAK void parallel_count(const Cuda& cuda, const char* op, std::int64_t n, const F& f);  // as parallel_for

#endif

}  // namespace millesime
