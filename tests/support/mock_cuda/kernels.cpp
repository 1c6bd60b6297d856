// The CUDA instances of what a map needs, as work on the streams of the mock: the grid-stride kernels that a GPU gets, on fibers.

#include "tests/support/fibers_backend.h"
#include "tests/support/mock_cuda/runtime.h"

namespace millesime {

// As in kernels/base/parallel_for.h, but with the small grids of fibers.
template <class F>
void parallel_for(const Cuda& cuda, const char* op, std::int64_t n, const F& f) {
  if (n <= 0) return;
  grid_of(cuda, op, nullptr, 0, n);
  std::int64_t scratch = 0;
  if constexpr (NeedsScratch<F>::value) scratch = f.scratch_bytes() * testing::Fibers{}.max_blocks * 64;
  void* const memory = detail::allocate_in_order(cuda.stream, op, static_cast<std::size_t>(scratch));
  testing::launch(static_cast<cudaStream_t>(cuda.stream.handle), [f, n, op] { parallel_for(testing::Fibers{}, op, n, f); });
  detail::release_in_order(cuda.stream, memory);
}

}  // namespace millesime

#include "kernels/ops/blend.cu"
#include "kernels/ops/decide.cu"
#include "kernels/ops/forest.cu"
#include "kernels/ops/ltae.cu"
#include "kernels/ops/map_values.cu"
#include "kernels/ops/prepare.cu"
#include "kernels/ops/smooth.cu"
#include "kernels/ops/uncertainty.cu"
#include "kernels/ops/validity.cu"
