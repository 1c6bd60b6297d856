// The CUDA part of kernels/base: devices, memory, copies, streams, and errors. Compiled only with MILLESIME_CUDA; host code.

#include <cuda_runtime.h>

#include <string>

#include "kernels/base/buffer.h"
#include "kernels/base/cuda_calls.h"
#include "kernels/base/device.h"
#include "kernels/base/device_error.h"
#include "kernels/base/parallel_for.h"
#include "kernels/base/stream.h"

namespace millesime {

namespace {

// Errors after which the process cannot use the device any more (CUDA Runtime API, "this leaves the process in an inconsistent state").
bool is_lost(cudaError_t status) {
  switch (status) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorECCUncorrectable:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorDevicesUnavailable:
    case cudaErrorContextIsDestroyed:
    case cudaErrorDeviceUninitialized:
    case cudaErrorUnknown: return true;
    default: return false;
  }
}

// "gap_fill of 1048576 items on cuda:0: out of memory (cudaErrorMemoryAllocation)"
void check(cudaError_t status, const std::string& what, const Device& device) {
  if (status == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());  // so that the next call does not report this one again
  const std::string text = what + " on " + device.text() + ": " + cudaGetErrorString(status) + " (" + cudaGetErrorName(status) + ")";
  if (status == cudaErrorMemoryAllocation) throw OutOfDeviceMemory(text + "; use a smaller --memory, which makes windows smaller");
  if (is_lost(status))
    throw DeviceLost(text + "; this process cannot use the device any more. Finished work is kept: run the same command again, " +
                     "with --device cpu if the device does not come back");
  throw DeviceError(text);
}

std::string bytes_text(std::size_t bytes) { return std::to_string(bytes) + " bytes"; }

void select(const Device& device) { check(cudaSetDevice(device.index), "selecting the device", device); }

// Resident grids: enough blocks to fill every multiprocessor (2048 threads each, 256 a block).
constexpr int kBlocksPerMultiprocessor = 8;

}  // namespace

bool cuda_built() { return true; }

int cuda_devices() {
  int count = 0;
  if (cudaGetDeviceCount(&count) == cudaSuccess) return count;
  static_cast<void>(cudaGetLastError());
  return 0;  // no driver, or no device
}

Cuda cuda_backend(const Stream& stream) {
  select(stream.device);
  int multiprocessors = 1;
  check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, stream.device.index),
        "querying the number of multiprocessors", stream.device);
  return {stream, multiprocessors * kBlocksPerMultiprocessor};
}

void check_launch(const char* op, std::int64_t n, const Device& device) {
  check(cudaGetLastError(), std::string(op) + " of " + std::to_string(n) + " items", device);
}

void* allocate_in_order(const Stream& stream, const char* op, std::size_t bytes) {
  select(stream.device);
  void* memory = nullptr;
  check(cudaMallocAsync(&memory, bytes, static_cast<cudaStream_t>(stream.handle)),
        std::string(op) + ", allocating " + bytes_text(bytes) + " of scratch", stream.device);
  return memory;
}

void release_in_order(const Stream& stream, void* memory) noexcept {
  static_cast<void>(cudaFreeAsync(memory, static_cast<cudaStream_t>(stream.handle)));
}

namespace cuda {

void* allocate(const Device& device, std::size_t bytes) {
  select(device);
  void* memory = nullptr;
  check(cudaMalloc(&memory, bytes), "allocating " + bytes_text(bytes), device);
  return memory;
}

void release(void* memory) noexcept { static_cast<void>(cudaFree(memory)); }

void* allocate_pinned(const Device& device, std::size_t bytes) {
  select(device);
  void* memory = nullptr;
  check(cudaMallocHost(&memory, bytes), "allocating " + bytes_text(bytes) + " of pinned memory", device);
  return memory;
}

void release_pinned(void* memory) noexcept { static_cast<void>(cudaFreeHost(memory)); }

void copy(const Stream& stream, const Device& to, void* target, const Device& from, const void* source, std::size_t bytes) {
  select(stream.device);
  check(cudaMemcpyAsync(target, source, bytes, cudaMemcpyDefault, static_cast<cudaStream_t>(stream.handle)),
        "copying " + bytes_text(bytes) + " from " + from.text() + " to " + to.text(), stream.device);
}

void copy_rows(const Stream& stream, void* target, std::size_t target_pitch, const void* source, std::size_t source_pitch,
               std::size_t width, std::size_t rows) {
  select(stream.device);
  check(cudaMemcpy2DAsync(target, target_pitch, source, source_pitch, width, rows, cudaMemcpyDefault,
                          static_cast<cudaStream_t>(stream.handle)),
        "copying " + std::to_string(rows) + " rows of " + bytes_text(width), stream.device);
}

void zero(const Stream& stream, void* target, std::size_t bytes) {
  select(stream.device);
  check(cudaMemsetAsync(target, 0, bytes, static_cast<cudaStream_t>(stream.handle)), "clearing " + bytes_text(bytes), stream.device);
}

void synchronize(const Stream& stream) {
  select(stream.device);
  check(cudaStreamSynchronize(static_cast<cudaStream_t>(stream.handle)), "waiting for the work on a stream", stream.device);
}

void* make_stream(const Device& device) {
  select(device);
  cudaStream_t handle = nullptr;
  check(cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking), "creating a stream", device);
  return handle;
}

void drop_stream(void* handle) noexcept { static_cast<void>(cudaStreamDestroy(static_cast<cudaStream_t>(handle))); }

void* make_event(const Device& device) {
  select(device);
  cudaEvent_t handle = nullptr;
  check(cudaEventCreateWithFlags(&handle, cudaEventDisableTiming), "creating an event", device);
  return handle;
}

void drop_event(void* handle) noexcept { static_cast<void>(cudaEventDestroy(static_cast<cudaEvent_t>(handle))); }

void record(const Stream& stream, void* event) {
  select(stream.device);
  check(cudaEventRecord(static_cast<cudaEvent_t>(event), static_cast<cudaStream_t>(stream.handle)), "recording an event on a stream",
        stream.device);
}

void wait(const Device& device, void* event) {
  select(device);
  check(cudaEventSynchronize(static_cast<cudaEvent_t>(event)), "waiting for a transfer", device);
}

void hold(const Stream& stream, void* event) {
  select(stream.device);
  check(cudaStreamWaitEvent(static_cast<cudaStream_t>(stream.handle), static_cast<cudaEvent_t>(event), 0),
        "making a stream wait for an event", stream.device);
}

}  // namespace cuda

}  // namespace millesime
