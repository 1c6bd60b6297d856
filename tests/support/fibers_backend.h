#pragma once
// Fibers: a backend of kernels/ops that launches the grid-stride kernels of parallel_for.h on fibers. The bodies are those that the GPU
// gets (one lane a block of pixels); memory has its exact size, so that AddressSanitizer sees its ends.

#include "tests/support/cuda_fibers.h"

// cuda_fibers.h comes first.
#include "kernels/base/parallel_count.h"
#include "kernels/base/parallel_for.h"

namespace millesime::testing {

struct Fibers {
  static constexpr int kLanes = 1;
  int max_blocks = 2;  // small, so that threads take several items
};

template <class F>
void parallel_for(const Fibers& fibers, const char*, std::int64_t n, const F& f) {
  if (n <= 0) return;
  // Of a block, two warps: a fiber costs microseconds. Blocks that compute an item together have all their threads.
  constexpr std::int64_t kThreads = WholeBlocks<F>::value ? kBlockThreads : 64;
  const std::int64_t items_of_block = WholeBlocks<F>::value ? 1 : kThreads;
  const auto blocks = static_cast<unsigned>(std::min<std::int64_t>((n + items_of_block - 1) / items_of_block, fibers.max_blocks));
  std::vector<std::uint64_t> numbers;
  if constexpr (NeedsScratch<F>::value)
    numbers.assign(static_cast<std::size_t>(f.scratch_bytes() * kThreads * blocks + 7) / 8, ~std::uint64_t{0});  // NaN
  auto* memory = reinterpret_cast<unsigned char*>(numbers.data());
  if constexpr (WholeBlocks<F>::value)
    MILLESIME_LAUNCH(grid_stride_blocks<F>, dim3(blocks), dim3(kThreads), static_cast<std::size_t>(f.shared_bytes()), nullptr, f, n);
  else if constexpr (WholeWarps<F>::value)
    MILLESIME_LAUNCH(grid_stride_warps<F>, dim3(blocks), dim3(kThreads), kTileBytes * kThreads / kWarpThreads, nullptr, f, n, memory);
  else if constexpr (NeedsScratch<F>::value)
    MILLESIME_LAUNCH(grid_stride_scratch<F>, dim3(blocks), dim3(kThreads), 0, nullptr, f, n, memory);
  else
    MILLESIME_LAUNCH(grid_stride<F>, dim3(blocks), dim3(kThreads), 0, nullptr, f, n);
}

template <class F>
void parallel_count(const Fibers& fibers, const char*, std::int64_t n, const F& f) {
  if (n <= 0) return;
  constexpr std::int64_t kThreads = 64;
  const auto blocks = static_cast<unsigned>(std::min<std::int64_t>((n + kThreads - 1) / kThreads, fibers.max_blocks));
  const std::size_t shared = sizeof(std::uint64_t) * static_cast<std::size_t>(f.slots());
  MILLESIME_LAUNCH(grid_stride_count<F>, dim3(blocks), dim3(kThreads), shared, nullptr, f, n);
}

}  // namespace millesime::testing
