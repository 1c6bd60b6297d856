#pragma once
// Torch's memory and stream. Its own out of memory as ours, so that a window is worked on in smaller parts (kernels/base/in_strips.h).
// Included by sources only: it brings torch.

#include <string>

#include <c10/core/Device.h>
#include <c10/util/Exception.h>

#include "kernels/base/device_error.h"
#include "kernels/base/stream.h"

namespace millesime {

void release_cached_device_memory();             // what torch keeps for later, back to the device
void finish_on(const c10::Device& device);       // waits for what torch was asked to do there; kernels of ours are on other streams
Stream torch_stream(const c10::Device& device);  // for kernels of ours between operations of torch, in its order; on the CPU one thread

// Calls work(). OutOfDeviceMemory, with what was being done, where torch had too little memory.
template <class Work>
auto with_device_memory(const std::string& what, const Work& work) {
  try {
    return work();
  } catch (const c10::OutOfMemoryError& error) {
    release_cached_device_memory();
    throw OutOfDeviceMemory(what + ": " + error.what_without_backtrace() + "; give a smaller --memory, so that smaller windows are used");
  }
}

}  // namespace millesime
