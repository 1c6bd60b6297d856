#include "pipeline/core/side_by_side.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>

#include <omp.h>

namespace millesime {

void side_by_side(std::int64_t n, int threads, const std::function<void(std::int64_t)>& work) {
  if (n <= 0) return;
  std::atomic<std::int64_t> next{0};
  std::exception_ptr failure;
  std::mutex failing;
  const int workers = static_cast<int>(std::min<std::int64_t>(threads > 0 ? threads : omp_get_max_threads(), n));
  // OpenMP keeps its threads: starting them anew costs more than a step of training.
#pragma omp parallel num_threads(workers)
  try {
    for (std::int64_t i = next++; i < n; i = next++) work(i);
  } catch (...) {
    next = n;
    const std::lock_guard lock(failing);
    if (!failure) failure = std::current_exception();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace millesime
