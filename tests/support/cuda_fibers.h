#pragma once
// CUDA on fibers: runs literal __global__ kernels on the CPU, in tests. Include it before any header of kernels/.
//
// One operating-system thread; every CUDA thread is a fiber (ucontext); blocks run one after another, the threads of a block forward,
// in reverse or shuffled (Options::order), so that a result that depends on the order is detected. Barriers that not all threads reach are
// found here; AddressSanitizer finds accesses beyond arrays (also shared ones) and ThreadSanitizer races between threads, as the fibers
// announce their stacks and the order given by barriers.
//
// Works: static and dynamic shared memory, __syncthreads, __syncwarp, shuffles, votes, atomics on integers and floats.

#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define FIBERS_ASAN 1
#else
#define FIBERS_ASAN 0
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#define FIBERS_TSAN 1
#define FIBERS_RUNTIME __attribute__((no_sanitize_thread, noinline))
#else
#define FIBERS_TSAN 0
#define FIBERS_RUNTIME
#endif

#define MILLESIME_CUDA_FIBERS 1
// CUDA's own names. NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)
#define __grid_constant__
#define __shared__ static  // blocks run one at a time, so a static will do, and AddressSanitizer guards it

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned across = 1, unsigned down = 1, unsigned deep = 1) : x(across), y(down), z(deep) {}
};

namespace cuda_fibers {

constexpr unsigned kWarp = 32, kMaxThreads = 1024;
constexpr std::size_t kStackBytes = 64 << 10;
constexpr std::size_t kTsanFibers = 2048;  // that are kept; making one costs more than most kernels

enum class Order { forward, reverse, shuffled };

struct Options {
  Order order = Order::forward;
  unsigned seed = 1;
  // ThreadSanitizer: blocks count as ordered one after another, as they share the statics of __shared__. Without __shared__, false also
  // finds races between blocks.
  bool blocks_in_order = true;
};

struct Barrier {
  unsigned generation = 0, waiting = 0;
  int line = 0;  // of the source, where its threads wait
};

struct Fiber {
  ucontext_t context;
  char* stack = nullptr;
  uint3 thread;     // threadIdx
  unsigned number;  // linear threadIdx
  bool done;
  const Barrier* waits_for;
  unsigned waits_since;  // generation
  int line;
  void* tsan = nullptr;
  void* asan_stack = nullptr;
};

// Of the one launch that runs. threadIdx and its like are global names in CUDA, hence a global here.
struct Launch {
  Options options;
  std::vector<Fiber> fibers;
  ucontext_t scheduler;
  Fiber* current = nullptr;
  void* scheduler_tsan = nullptr;
  std::vector<void*> tsan_new, tsan_ended;  // a block has fibers that are new in this launch; those of ended launches are new again
  void* scheduler_asan = nullptr;
  char* stacks = nullptr;  // of all fibers, one beside the other
  const void* scheduler_stack = nullptr;
  std::size_t scheduler_stack_bytes = 0;
  uint3 block{};
  dim3 block_shape, grid_shape;
  unsigned threads = 0, alive = 0;
  Barrier block_barrier, warp_barrier[kMaxThreads / kWarp];
  std::uint64_t exchanged[kMaxThreads];  // by shuffles
  const std::function<void()>* kernel = nullptr;
  char* dynamic_shared = nullptr;
  const char* error = nullptr;
  int error_line = 0, error_other_line = 0;
  alignas(8) char order_of_launch[8], order_in_block[8], order_of_end[8];  // what ThreadSanitizer synchronises on
};
inline Launch launch_state;

inline void fail(const char* what, int line, int other_line) {
  Launch& launch = launch_state;
  if (launch.error) return;
  launch.error = what;
  launch.error_line = line;
  launch.error_other_line = other_line;
}

FIBERS_RUNTIME inline void switch_to_fiber(Fiber* fiber) {
  Launch& launch = launch_state;
  launch.current = fiber;
#if FIBERS_TSAN
  __tsan_switch_to_fiber(fiber->tsan, __tsan_switch_to_fiber_no_sync);
#endif
#if FIBERS_ASAN
  __sanitizer_start_switch_fiber(&launch.scheduler_asan, fiber->stack, kStackBytes);
#endif
  swapcontext(&launch.scheduler, &fiber->context);
#if FIBERS_ASAN
  __sanitizer_finish_switch_fiber(launch.scheduler_asan, nullptr, nullptr);
#endif
}

FIBERS_RUNTIME inline void switch_to_scheduler([[maybe_unused]] bool for_ever) {
  Launch& launch = launch_state;
  Fiber* fiber = launch.current;
#if FIBERS_TSAN
  __tsan_switch_to_fiber(launch.scheduler_tsan, __tsan_switch_to_fiber_no_sync);
#endif
#if FIBERS_ASAN
  __sanitizer_start_switch_fiber(for_ever ? nullptr : &fiber->asan_stack, launch.scheduler_stack, launch.scheduler_stack_bytes);
#endif
  swapcontext(&fiber->context, &launch.scheduler);
#if FIBERS_ASAN
  __sanitizer_finish_switch_fiber(fiber->asan_stack, &launch.scheduler_stack, &launch.scheduler_stack_bytes);
#endif
}

FIBERS_RUNTIME inline void run_fiber() {
  Launch& launch = launch_state;
#if FIBERS_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &launch.scheduler_stack, &launch.scheduler_stack_bytes);
#endif
#if FIBERS_TSAN
  __tsan_acquire(&launch.order_of_launch);
#endif
  (*launch.kernel)();
#if FIBERS_TSAN
  __tsan_release(&launch.order_of_end);
#endif
  launch.current->done = true;
  --launch.alive;
  switch_to_scheduler(true);
}

FIBERS_RUNTIME inline void wait_at(Barrier& barrier, unsigned expected, int line, const char* if_divergent) {
  if (barrier.waiting && barrier.line != line) fail(if_divergent, barrier.line, line);
  barrier.line = line;
  if (++barrier.waiting == expected) {
    barrier.waiting = 0;
    ++barrier.generation;
    return;
  }
  Fiber* fiber = launch_state.current;
  fiber->waits_for = &barrier;
  fiber->waits_since = barrier.generation;
  fiber->line = line;
  switch_to_scheduler(false);
  fiber->waits_for = nullptr;
}

FIBERS_RUNTIME inline void sync_threads(int line) {
  Launch& launch = launch_state;
#if FIBERS_TSAN
  __tsan_release(&launch.order_in_block);
#endif
  wait_at(launch.block_barrier, launch.threads, line, "__syncthreads in divergent code");
#if FIBERS_TSAN
  __tsan_acquire(&launch.order_in_block);
#endif
}

inline unsigned warp() { return launch_state.current->number / kWarp; }
inline int lane() { return static_cast<int>(launch_state.current->number % kWarp); }

FIBERS_RUNTIME inline unsigned lanes_of(unsigned mask) {
  const unsigned existing = std::min(kWarp, launch_state.threads - warp() * kWarp);
  return static_cast<unsigned>(__builtin_popcount(existing == kWarp ? mask : mask & ((1u << existing) - 1)));
}

FIBERS_RUNTIME inline void wait_for_warp(unsigned mask, int line) {
  wait_at(launch_state.warp_barrier[warp()], lanes_of(mask), line, "warp operation in divergent code");
}

FIBERS_RUNTIME inline void sync_warp(unsigned mask, int line) {
#if FIBERS_TSAN
  __tsan_release(&launch_state.warp_barrier[warp()]);
#endif
  wait_for_warp(mask, line);
#if FIBERS_TSAN
  __tsan_acquire(&launch_state.warp_barrier[warp()]);
#endif
}

// The value of another lane, or the own one where `source` is -1.
template <class T>
FIBERS_RUNTIME T shuffle(unsigned mask, T value, int source, int line) {
  static_assert(sizeof(T) <= 8, "shuffles exchange up to 8 bytes");
  Launch& launch = launch_state;
  const unsigned own = launch.current->number, first = own / kWarp * kWarp;
  std::memcpy(&launch.exchanged[own], &value, sizeof value);
  wait_for_warp(mask, line);
  if (source >= 0 && first + static_cast<unsigned>(source) < launch.threads) {
    if ((mask >> source & 1) == 0) fail("shuffle from a lane outside the mask", line, line);
    std::memcpy(&value, &launch.exchanged[first + static_cast<unsigned>(source)], sizeof value);
  }
  wait_for_warp(mask, line);
  return value;
}
template <class T>
T shuffle_down(unsigned mask, T value, int by, int width, int line) {
  return shuffle(mask, value, (lane() & (width - 1)) + by < width ? lane() + by : -1, line);
}
template <class T>
T shuffle_up(unsigned mask, T value, int by, int width, int line) {
  return shuffle(mask, value, (lane() & (width - 1)) - by >= 0 ? lane() - by : -1, line);
}
template <class T>
T shuffle_xor(unsigned mask, T value, int with, int width, int line) {
  const int source = lane() ^ with;
  return shuffle(mask, value, (source & ~(width - 1)) <= (lane() & ~(width - 1)) ? source : -1, line);
}
template <class T>
T shuffle_from(unsigned mask, T value, int source, int width, int line) {
  return shuffle(mask, value, (lane() & ~(width - 1)) | (source & (width - 1)), line);
}
inline unsigned ballot(unsigned mask, bool vote, int line) {
  unsigned votes = 0;
  for (int i = 0; i < static_cast<int>(kWarp); ++i)
    if (mask >> i & 1) votes |= static_cast<unsigned>(shuffle_from(mask, static_cast<int>(vote), i, kWarp, line)) << i;
  return votes;
}
inline int width_or_warp(int width = kWarp) { return width; }
inline unsigned mask_or_all(unsigned mask = ~0u) { return mask; }

FIBERS_RUNTIME inline void run_block(const std::vector<unsigned>& order, uint3 block, char* dynamic_shared) {
  Launch& launch = launch_state;
  launch.block = block;
  launch.dynamic_shared = dynamic_shared;
  launch.alive = launch.threads;
  launch.block_barrier = {};
  for (Barrier& barrier : launch.warp_barrier) barrier = {};
  const dim3 shape = launch.block_shape;
#if FIBERS_TSAN
  // New stacks, as the block before may count as not ordered before this one.
  mmap(launch.stacks, launch.threads * kStackBytes, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  __tsan_release(&launch.order_of_launch);
#endif
  for (unsigned i = 0; i < launch.threads; ++i) {
    Fiber& fiber = launch.fibers[i];
    fiber.done = false;
    fiber.waits_for = nullptr;
    fiber.number = i;
    fiber.thread = {i % shape.x, i / shape.x % shape.y, i / (shape.x * shape.y)};
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack;
    fiber.context.uc_stack.ss_size = kStackBytes;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, run_fiber, 0);
#if FIBERS_TSAN
    if (launch.tsan_new.empty()) launch.tsan_new.push_back(__tsan_create_fiber(0));
    fiber.tsan = launch.tsan_new.back();
    launch.tsan_new.pop_back();
#endif
  }
  while (launch.alive && !launch.error) {
    bool progress = false;
    for (const unsigned i : order) {
      Fiber& fiber = launch.fibers[i];
      if (fiber.done || (fiber.waits_for && fiber.waits_for->generation == fiber.waits_since)) continue;
      progress = true;
      switch_to_fiber(&fiber);
    }
    if (progress) continue;
    for (unsigned i = 0; i < launch.threads; ++i)
      if (!launch.fibers[i].done)
        fail("deadlock: waits for threads that left or are elsewhere", launch.fibers[i].line, launch.fibers[i].line);
  }
#if FIBERS_TSAN
  for (unsigned i = 0; i < launch.threads; ++i)
    if (launch.error || launch.tsan_new.size() + launch.tsan_ended.size() >= kTsanFibers)
      __tsan_destroy_fiber(launch.fibers[i].tsan);
    else
      launch.tsan_ended.push_back(launch.fibers[i].tsan);
#endif
}

// Throws std::runtime_error with the lines of the kernel where barriers go wrong.
inline void run(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& kernel) {
  Launch& launch = launch_state;
  launch.threads = block.x * block.y * block.z;
  if (launch.threads == 0 || launch.threads > kMaxThreads)
    throw std::runtime_error("a block of " + std::to_string(launch.threads) + " threads");
  if (launch.fibers.empty()) {
    void* memory = mmap(nullptr, kMaxThreads * kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("no memory for the stacks of fibers");
    launch.stacks = static_cast<char*>(memory);
    launch.fibers.resize(kMaxThreads);
    for (unsigned i = 0; i < kMaxThreads; ++i) launch.fibers[i].stack = launch.stacks + i * kStackBytes;
  }
  launch.block_shape = block;
  launch.grid_shape = grid;
  launch.kernel = &kernel;
  launch.error = nullptr;
  std::vector<unsigned> order(launch.threads);
  for (unsigned i = 0; i < launch.threads; ++i) order[i] = launch.options.order == Order::reverse ? launch.threads - 1 - i : i;
  std::mt19937 random(launch.options.seed);
  std::vector<std::unique_ptr<char[]>> shared;
#if FIBERS_TSAN
  launch.scheduler_tsan = __tsan_get_current_fiber();
  launch.tsan_new.insert(launch.tsan_new.end(), launch.tsan_ended.begin(), launch.tsan_ended.end());
  launch.tsan_ended.clear();
#endif
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) {
        if (launch.options.order == Order::shuffled) std::shuffle(order.begin(), order.end(), random);
        if (!FIBERS_TSAN || launch.options.blocks_in_order) shared.clear();
        shared.emplace_back(new char[shared_bytes ? shared_bytes : 1]);  // its exact size, so that AddressSanitizer sees its end
        std::memset(shared.back().get(), 0xFF, shared_bytes);            // NaN
        run_block(order, {x, y, z}, shared.back().get());
#if FIBERS_TSAN
        if (launch.options.blocks_in_order) __tsan_acquire(&launch.order_of_end);
#endif
        if (launch.error)
          throw std::runtime_error(std::string(launch.error) + ": block " + std::to_string(x) + ", lines " +
                                   std::to_string(launch.error_line) + " and " + std::to_string(launch.error_other_line));
      }
    }
  }
#if FIBERS_TSAN
  __tsan_acquire(&launch.order_of_end);
#endif
}

}  // namespace cuda_fibers

#define threadIdx (cuda_fibers::launch_state.current->thread)
#define blockIdx (cuda_fibers::launch_state.block)
#define blockDim (cuda_fibers::launch_state.block_shape)
#define gridDim (cuda_fibers::launch_state.grid_shape)
#define MILLESIME_DYNAMIC_SHARED(T, name) T* name = reinterpret_cast<T*>(cuda_fibers::launch_state.dynamic_shared)
#define MILLESIME_LAUNCH(kernel, grid, block, shared_bytes, stream, ...) \
  cuda_fibers::run(grid, block, shared_bytes, [&] { kernel(__VA_ARGS__); })
#define __syncthreads() cuda_fibers::sync_threads(__LINE__)
#define __syncwarp(...) cuda_fibers::sync_warp(cuda_fibers::mask_or_all(__VA_ARGS__), __LINE__)
#define __shfl_down_sync(mask, value, by, ...) cuda_fibers::shuffle_down(mask, value, by, cuda_fibers::width_or_warp(__VA_ARGS__), __LINE__)
#define __shfl_up_sync(mask, value, by, ...) cuda_fibers::shuffle_up(mask, value, by, cuda_fibers::width_or_warp(__VA_ARGS__), __LINE__)
#define __shfl_xor_sync(mask, value, with, ...) \
  cuda_fibers::shuffle_xor(mask, value, with, cuda_fibers::width_or_warp(__VA_ARGS__), __LINE__)
#define __shfl_sync(mask, value, from, ...) cuda_fibers::shuffle_from(mask, value, from, cuda_fibers::width_or_warp(__VA_ARGS__), __LINE__)
#define __ballot_sync(mask, vote) cuda_fibers::ballot(mask, vote, __LINE__)
#define __any_sync(mask, vote) (cuda_fibers::ballot(mask, vote, __LINE__) != 0)
#define __all_sync(mask, vote) (cuda_fibers::ballot(mask, vote, __LINE__) == (mask))

template <class T>
T atomicAdd(T* sum, T value) {
  if constexpr (std::is_integral_v<T>) {
    return __atomic_fetch_add(sum, value, __ATOMIC_RELAXED);
  } else {
    T before, after;
    __atomic_load(sum, &before, __ATOMIC_RELAXED);
    do {
      after = before + value;
    } while (!__atomic_compare_exchange(sum, &before, &after, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return before;
  }
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
