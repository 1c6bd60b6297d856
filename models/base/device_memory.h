#pragma once
// Torch's memory and stream. Its out-of-memory error becomes OutOfDeviceMemory, so that a window is computed in smaller parts
// (kernels/base/in_strips.h). Includes torch; included by sources only.

#include <string>

#include <c10/core/Device.h>
#include <c10/util/Exception.h>

#include "kernels/base/device_error.h"
#include "kernels/base/stream.h"

namespace millesime {

void release_cached_device_memory();             // frees torch's memory cache on the device
void finish_on(const c10::Device& device);       // waits for torch's work there; the project's kernels use other streams
Stream torch_stream(const c10::Device& device);  // for the project's kernels between operations of torch, in order; on the CPU one thread

// Calls work(). OutOfDeviceMemory, with a description of the work, if torch had too little memory.
template <class Work>
auto with_device_memory(const std::string& what, const Work& work) {
  try {
    return work();
  } catch (const c10::OutOfMemoryError& error) {
    release_cached_device_memory();
    throw OutOfDeviceMemory(what + ": " + error.what_without_backtrace() + "; use a smaller --memory, which makes windows smaller");
  }
}

}  // namespace millesime
