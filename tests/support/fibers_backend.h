#pragma once
// Fibers: a backend of kernels/ops that launches the grid-stride kernels of parallel_for.h on fibers. The bodies are those that the GPU
// gets (one lane a block of pixels); memory has its exact size, so that AddressSanitizer sees its ends.

#include "tests/support/cuda_fibers.h"

// cuda_fibers.h comes first.
#include "kernels/base/parallel_for.h"

namespace millesime::testing {

struct Fibers {
  static constexpr int kLanes = 1;
  int max_blocks = 2;  // small, so that threads take several items
};

template <class F>
void parallel_for(const Fibers& fibers, const char*, std::int64_t n, const F& f) {
  if (n <= 0) return;
  constexpr std::int64_t kThreads = 32;  // of a block; a fiber costs microseconds
  const auto blocks = static_cast<unsigned>(std::min<std::int64_t>((n + kThreads - 1) / kThreads, fibers.max_blocks));
  if constexpr (NeedsScratch<F>::value) {
    std::vector<std::uint64_t> memory(static_cast<std::size_t>(f.scratch_bytes() * kThreads * blocks + 7) / 8, ~std::uint64_t{0});  // NaN
    CU_LAUNCH(grid_stride_scratch<F>, dim3(blocks), dim3(kThreads), 0, nullptr, f, n, reinterpret_cast<unsigned char*>(memory.data()));
  } else {
    CU_LAUNCH(grid_stride<F>, dim3(blocks), dim3(kThreads), 0, nullptr, f, n);
  }
}

}  // namespace millesime::testing
