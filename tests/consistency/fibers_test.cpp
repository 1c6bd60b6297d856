// The CUDA instance of every kernel, run on fibers, equals the CPU instance bit for bit, in any order of its threads. The
// fibers also find deliberate faults.

#include "tests/support/kernel_cases.h"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace millesime::testing {
namespace {

using cuda_fibers::Order;

#if defined(__SANITIZE_THREAD__)
// Races that ThreadSanitizer has reported.
int races = 0;
extern "C" void __tsan_on_report(void*) { ++races; }
#endif

constexpr std::pair<Order, const char*> kOrders[] = {
    {Order::forward, "forward"}, {Order::reverse, "reverse"}, {Order::shuffled, "shuffled"}};

TEST(Fibers, EveryKernelEqualsItsCpuInstance) {
  cuda_fibers::launch_state.options.blocks_in_order = false;
  for (const auto& test : kernel_cases()) {
    test->on_cpu();
    const auto expected = test->outputs();
    for (const auto& [order, order_name] : kOrders) {
      SCOPED_TRACE(test->name + ", threads " + order_name);
      cuda_fibers::launch_state.options.order = order;
      test->reset();
      test->on_fibers(Fibers{});
      EXPECT_TRUE(test->outputs() == expected);
    }
  }
#if defined(__SANITIZE_THREAD__)
  EXPECT_EQ(races, 0);
#endif
}

// Seeded faults.

__global__ void reads_without_barrier(int* x) {
  __shared__ int s[64];
  s[threadIdx.x] = x[threadIdx.x];
  x[threadIdx.x] = s[63 - threadIdx.x];
}

__global__ void reads_behind_barrier(int* x) {
  __shared__ int s[64];
  s[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  x[threadIdx.x] = s[63 - threadIdx.x];
}

#if !defined(__SANITIZE_THREAD__)
__global__ void barrier_in_divergent_code(int* x) {
  if (threadIdx.x < 32) {
    __syncthreads();
    x[0] = 1;
  } else {
    __syncthreads();
    x[1] = 1;
  }
}

__global__ void leaves_before_the_barrier(int* x, unsigned n) {
  if (threadIdx.x >= n) return;
  __syncthreads();
  x[threadIdx.x] = 1;
}
#endif

#if defined(__SANITIZE_THREAD__)
__global__ void adds_carelessly(int* sum) { *sum += 1; }
__global__ void adds_atomically(int* sum) { atomicAdd(sum, 1); }
#endif

#if defined(__SANITIZE_ADDRESS__)
__global__ void indexes_in_32_bits(int* x, int stride) {
  const int at = stride * 3 / 3;  // beyond 2^31 on its way
  if (threadIdx.x == 0) x[at % 64] = 1;
}
__global__ void reads_behind_shared(int* x, int at) {
  __shared__ int s[64];
  s[threadIdx.x] = 0;
  __syncthreads();
  if (threadIdx.x == 0) x[0] = s[at];
}
__global__ void writes_behind_the_end(int* x, unsigned n) {
  if (threadIdx.x <= n) x[threadIdx.x] = 1;
}
#endif

std::vector<int> ramp() {
  std::vector<int> x(64);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<int>(i);
  return x;
}
std::vector<int> reversed_ramp() {
  const std::vector<int> x = ramp();
  return {x.rbegin(), x.rend()};
}

// The order of threads shows it in the result; ThreadSanitizer reports it.
TEST(FibersFind, AMissingBarrier) {
  cuda_fibers::launch_state.options.blocks_in_order = true;  // __shared__ is one static for all blocks
  bool seen = false;
  for (const auto& [order, order_name] : kOrders) {
    cuda_fibers::launch_state.options.order = order;
    std::vector<int> x = ramp(), y = ramp();
    MILLESIME_LAUNCH(reads_without_barrier, dim3(1), dim3(64), 0, nullptr, x.data());
    MILLESIME_LAUNCH(reads_behind_barrier, dim3(1), dim3(64), 0, nullptr, y.data());
    seen = seen || x != reversed_ramp();
    EXPECT_EQ(y, reversed_ramp()) << order_name;
  }
  EXPECT_TRUE(seen);
#if defined(__SANITIZE_THREAD__)
  EXPECT_GT(races, 0);
  races = 0;
  MILLESIME_LAUNCH(reads_behind_barrier, dim3(1), dim3(64), 0, nullptr, reversed_ramp().data());
  EXPECT_EQ(races, 0);
#endif
}

#if defined(__SANITIZE_THREAD__)
TEST(FibersFind, ARaceBetweenBlocks) {
  cuda_fibers::launch_state.options.blocks_in_order = false;
  races = 0;
  int sum = 0;
  MILLESIME_LAUNCH(adds_atomically, dim3(4), dim3(2), 0, nullptr, &sum);
  EXPECT_EQ(races, 0);
  EXPECT_EQ(sum, 8);
  MILLESIME_LAUNCH(adds_carelessly, dim3(4), dim3(1), 0, nullptr, &sum);
  EXPECT_GT(races, 0);
  races = 0;
}
#endif

#if !defined(__SANITIZE_THREAD__)  // fibers that never end cannot be torn down there
TEST(FibersFind, BarriersThatNotAllThreadsReach) {
  std::vector<int> x(64);
  const auto fault = [](const auto& launch) -> std::string {
    try {
      launch();
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "nothing";
  };
  EXPECT_NE(fault([&] { MILLESIME_LAUNCH(barrier_in_divergent_code, dim3(1), dim3(64), 0, nullptr, x.data()); }).find("divergent"),
            std::string::npos);
  EXPECT_NE(fault([&] { MILLESIME_LAUNCH(leaves_before_the_barrier, dim3(1), dim3(64), 0, nullptr, x.data(), 40u); }).find("deadlock"),
            std::string::npos);
}
#endif

#if defined(__SANITIZE_ADDRESS__)
TEST(FibersFindDeathTest, WritesBehindTheEnd) {
  std::vector<int> x(64);
  EXPECT_DEATH(MILLESIME_LAUNCH(writes_behind_the_end, dim3(1), dim3(128), 0, nullptr, x.data(), 64u), "heap-buffer-overflow");
}

TEST(FibersFindDeathTest, ReadsBehindSharedMemory) {
  std::vector<int> x(64);
  EXPECT_DEATH(MILLESIME_LAUNCH(reads_behind_shared, dim3(1), dim3(64), 0, nullptr, x.data(), 64), "global-buffer-overflow|out of bounds");
}

TEST(FibersFindDeathTest, AnIndexThatOverflows32Bits) {
  std::vector<int> x(64);
  EXPECT_DEATH(MILLESIME_LAUNCH(indexes_in_32_bits, dim3(1), dim3(64), 0, nullptr, x.data(), 1 << 30), "signed integer overflow");
}
#endif

TEST(FibersFind, WarpsExchange) {
  std::vector<int> sums(2);
  struct Kernel {
    static void run(int* out) {
      int sum = static_cast<int>(threadIdx.x);
      for (int by = 16; by > 0; by /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, by);
      if (threadIdx.x % 32 == 0) out[threadIdx.x / 32] = sum;
    }
  };
  MILLESIME_LAUNCH(Kernel::run, dim3(1), dim3(64), 0, nullptr, sums.data());
  EXPECT_EQ(sums, (std::vector<int>{496, 1520}));
}

}  // namespace
}  // namespace millesime::testing
