#pragma once
// Torch's memory and stream. Its out-of-memory error becomes OutOfDeviceMemory, so that a window is computed in smaller parts
// (kernels/base/in_strips.h). Includes torch; included by sources only.

#include <optional>
#include <string>

#include <c10/core/Device.h>
#include <c10/util/Exception.h>

#ifdef MILLESIME_CUDA
#include <c10/cuda/CUDAGuard.h>
#endif

#include "kernels/base/device_error.h"
#include "kernels/base/stream.h"

namespace millesime {

void release_cached_device_memory();             // frees torch's memory cache on the device
Stream torch_stream(const c10::Device& device);  // for the project's kernels between operations of torch, in order; on the CPU one thread

// Float32 with all its bits on a GPU (no TF32, which keeps 10 of 23: logits are compared with those of the CPU), and algorithms of cuDNN
// that give the same bits on every call, so that a seed gives the same weights. Of the process.
void use_exact_arithmetic(const c10::Device& device);

// Torch works on the stream of the project's kernels on this thread, so that nobody waits between them. On the CPU it does nothing.
class OnStream {
 public:
  explicit OnStream(const Stream& stream);

 private:
#ifdef MILLESIME_CUDA
  std::optional<c10::cuda::CUDAStreamGuard> guard_;
#endif
};

// Calls work(), again with torch's cache emptied if torch had too little memory, which the project's own kernels may have and not it.
// OutOfDeviceMemory, with a description of the work, if that was not enough.
template <class Work>
auto with_device_memory(const std::string& what, const Work& work) {
  try {
    return work();
  } catch (const c10::OutOfMemoryError&) {
    release_cached_device_memory();
  }
  try {
    return work();
  } catch (const c10::OutOfMemoryError& error) {
    release_cached_device_memory();
    throw OutOfDeviceMemory(what + ": " + error.what_without_backtrace() + "; use a smaller --memory, which makes windows smaller");
  }
}

}  // namespace millesime
