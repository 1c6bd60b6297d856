#pragma once

#include <ATen/Parallel.h>

namespace millesime {

// The order of LibTorch's sums depends on its number of threads: it gets one, and the threads here work on parts that do not depend on
// their number.
class OneLibraryThread {
 public:
  OneLibraryThread() : before_(at::get_num_threads()) { at::set_num_threads(1); }
  ~OneLibraryThread() { at::set_num_threads(before_); }
  OneLibraryThread(const OneLibraryThread&) = delete;
  OneLibraryThread& operator=(const OneLibraryThread&) = delete;

 private:
  int before_;
};

}  // namespace millesime
