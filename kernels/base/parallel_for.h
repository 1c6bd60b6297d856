#pragma once
// parallel_for: the only launcher; on_backend: the only place that distinguishes CPU and GPU.
//
// parallel_for(backend, "gap_fill", n, f) calls f(i) for every i in [0, n), in any order and in parallel. f is trivially copyable,
// captures by value, neither throws nor allocates, and writes nothing that another i reads. A functor that needs temporary memory
// has scratch_bytes() (bytes a lane) and is called as f(i, scratch). On a GPU threads of a warp may compute their items together (warp.h),
// or those of a block one item (block.h).
//
// CPU: OpenMP threads (the stream's number) take runs of items dynamically. CUDA: one grid-stride kernel.

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "kernels/base/block.h"
#include "kernels/base/buffer.h"
#include "kernels/base/host_device.h"
#include "kernels/base/lanes.h"
#include "kernels/base/stream.h"
#include "kernels/base/warp.h"

namespace millesime {

struct Cpu {
  static constexpr int kLanes = kCpuLanes;
  int threads = 0;  // 0: as many as OpenMP would take
  int threads_for(std::int64_t items) const {
    return static_cast<int>(std::min<std::int64_t>(threads > 0 ? threads : omp_get_max_threads(), items));
  }
};
struct Cuda {
  static constexpr int kLanes = 1;
  Stream stream;
  int multiprocessors = 1;
};

Cuda cuda_backend(const Stream& stream);  // selects the device of this thread; DeviceError in a build without CUDA
// Blocks of the grid of a kernel: a thread an item, but no more than the device keeps resident at once with this shared memory a block.
unsigned grid_of(const Cuda& cuda, const char* op, const void* kernel, std::size_t shared_bytes, std::int64_t items);
void check_launch(const char* op, std::int64_t n, const Device& device);  // throws the error of the launch
// Calls `work` with the backend of the stream's device.
template <class Work>
void on_backend(const Stream& stream, const Work& work) {
  if (stream.device.kind == Device::Kind::cpu) return work(Cpu{stream.threads});
  work(cuda_backend(stream));
}

template <class F, class = void>
struct NeedsScratch : std::false_type {};
template <class F>
struct NeedsScratch<F, decltype(static_cast<void>(std::declval<const F&>().scratch_bytes()))> : std::true_type {};

template <class F>
MILLESIME_HD void run_item(const F& f, std::int64_t item, const Scratch& scratch) {
  if constexpr (NeedsScratch<F>::value || WholeWarps<F>::value)
    f(item, scratch);
  else
    f(item);
  static_cast<void>(scratch);
}

// Items [first, last) on one thread. A .cpp specialises it with MILLESIME_CPU_CLONES (cpu_clones.h) for several vector widths.
template <class F>
void cpu_range(const F& f, std::int64_t first, std::int64_t last, const Scratch& scratch) {
  for (std::int64_t i = first; i < last; ++i) run_item(f, i, scratch);
}

template <class F>
void parallel_for(const Cpu& cpu, const char*, std::int64_t n, const F& f) {
  static_assert(std::is_trivially_copyable<F>::value, "a functor must be copyable to a device");
  if (n <= 0) return;
  const int threads = cpu.threads_for(n);
  std::int64_t scratch_bytes = 0;  // of a thread, whole cache lines
  if constexpr (NeedsScratch<F>::value) scratch_bytes = f.scratch_bytes() * Cpu::kLanes;
  Buffer<unsigned char> memory(Device{}, scratch_bytes * threads);
  // Runs are long enough to hide the overhead of scheduling and short enough for threads to end at the same time.
  const std::int64_t run = std::max<std::int64_t>(n / (std::int64_t{threads} * 16), 1);
  const std::int64_t runs = (n + run - 1) / run;
#pragma omp parallel num_threads(threads)
  {
    const Scratch scratch{memory.data() + scratch_bytes * omp_get_thread_num(), Cpu::kLanes, 0, nullptr};
#pragma omp for schedule(dynamic)
    for (std::int64_t r = 0; r < runs; ++r) cpu_range(f, r * run, std::min(n, (r + 1) * run), scratch);
  }
}

#ifdef MILLESIME_CUDA_SOURCE

inline constexpr int kBlocksResident = 4;  // a multiprocessor, at least: no more than 64 registers a thread

template <class F>
__global__ void __launch_bounds__(kBlockThreads, kBlocksResident) grid_stride(const __grid_constant__ F f, std::int64_t n) {
  const std::int64_t threads = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += threads) f(i);
}

template <class F>
__global__ void __launch_bounds__(kBlockThreads, kBlocksResident)
    grid_stride_scratch(const __grid_constant__ F f, std::int64_t n, unsigned char* memory) {
  const std::int64_t threads = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  const std::int64_t thread = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const Scratch scratch{memory, threads, thread, nullptr};
  for (std::int64_t i = thread; i < n; i += threads) f(i, scratch);
}

// A warp continues as long as one of its items exists.
template <class F>
__global__ void __launch_bounds__(kBlockThreads, kBlocksResident)
    grid_stride_warps(const __grid_constant__ F f, std::int64_t n, unsigned char* memory) {
  MILLESIME_DYNAMIC_SHARED(unsigned char, tiles);
  const std::int64_t threads = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  const std::int64_t thread = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const Scratch scratch{memory, threads, thread, tiles + threadIdx.x / kWarpThreads * kTileBytes};
  for (std::int64_t i = thread; i - warp_lane() < n; i += threads) f(i, scratch);
}

// A block computes an item after the other.
template <class F>
__global__ void __launch_bounds__(kBlockThreads, kBlocksResident) grid_stride_blocks(const __grid_constant__ F f, std::int64_t n) {
  MILLESIME_DYNAMIC_SHARED(unsigned char, of_block);
  const BlockThread block{static_cast<int>(threadIdx.x), of_block};
  for (std::int64_t i = blockIdx.x; i < n; i += gridDim.x) {
    f(i, block);
    block_barrier();
  }
}

inline constexpr std::size_t kTilesBytes = kBlockThreads / kWarpThreads * kTileBytes;  // of a block

#endif

#ifdef __CUDACC__

// Never inlined: the .cpp of an operation calls the instance that its .cu puts into the library.
template <class F>
MILLESIME_NO_INLINE void parallel_for(const Cuda& cuda, const char* op, std::int64_t n, const F& f) {
  static_assert(std::is_trivially_copyable<F>::value, "a functor must be copyable to a device");
  if (n <= 0) return;
  const void* kernel = nullptr;
  std::size_t shared_bytes = 0;
  std::int64_t threads = n;  // that have something to do
  if constexpr (WholeBlocks<F>::value)
    kernel = reinterpret_cast<const void*>(&grid_stride_blocks<F>), shared_bytes = f.shared_bytes(), threads = n * kBlockThreads;
  else if constexpr (WholeWarps<F>::value)
    kernel = reinterpret_cast<const void*>(&grid_stride_warps<F>), shared_bytes = kTilesBytes;
  else if constexpr (NeedsScratch<F>::value)
    kernel = reinterpret_cast<const void*>(&grid_stride_scratch<F>);
  else
    kernel = reinterpret_cast<const void*>(&grid_stride<F>);
  const unsigned blocks = grid_of(cuda, op, kernel, shared_bytes, threads);
  auto stream = static_cast<cudaStream_t>(cuda.stream.handle);
  unsigned char* memory = nullptr;
  if constexpr (NeedsScratch<F>::value) {  // of the threads that are resident, not of all items
    const std::size_t bytes = static_cast<std::size_t>(f.scratch_bytes()) * blocks * kBlockThreads;
    memory = static_cast<unsigned char*>(detail::allocate_in_order(cuda.stream, op, bytes));
  }
  if constexpr (WholeBlocks<F>::value)
    MILLESIME_LAUNCH(grid_stride_blocks<F>, dim3(blocks), dim3(kBlockThreads), shared_bytes, stream, f, n);
  else if constexpr (WholeWarps<F>::value)
    MILLESIME_LAUNCH(grid_stride_warps<F>, dim3(blocks), dim3(kBlockThreads), shared_bytes, stream, f, n, memory);
  else if constexpr (NeedsScratch<F>::value)
    MILLESIME_LAUNCH(grid_stride_scratch<F>, dim3(blocks), dim3(kBlockThreads), 0, stream, f, n, memory);
  else
    MILLESIME_LAUNCH(grid_stride<F>, dim3(blocks), dim3(kBlockThreads), 0, stream, f, n);
  detail::release_in_order(cuda.stream, memory);
  check_launch(op, n, cuda.stream.device);
}

#else

// The instance of the .cu file. Weak: a build without CUDA links without it, and the .cpp files are the same objects in both flavours.
template <class F>
MILLESIME_WEAK void parallel_for(const Cuda& cuda, const char* op, std::int64_t n, const F& f);

#endif

}  // namespace millesime
