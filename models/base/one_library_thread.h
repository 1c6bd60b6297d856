#pragma once
// LibTorch with one thread, for as long as an object lives. Includes torch.

#include <mutex>

#include <ATen/Parallel.h>

namespace millesime {

// The order of LibTorch's sums depends on its number of threads: it gets one, and the threads here work on parts that do not depend on
// their number. Some of that number is of the whole process: of several trainings that run concurrently the last one restores it.
class OneLibraryThread {
 public:
  OneLibraryThread() {
    const std::lock_guard lock(mutex);
    if (alive++ == 0) before = at::get_num_threads();
    at::set_num_threads(1);
  }
  ~OneLibraryThread() {
    const std::lock_guard lock(mutex);
    if (--alive == 0) at::set_num_threads(before);
  }
  OneLibraryThread(const OneLibraryThread&) = delete;
  OneLibraryThread& operator=(const OneLibraryThread&) = delete;

 private:
  static inline std::mutex mutex;
  static inline int alive = 0, before = 1;
};

}  // namespace millesime
