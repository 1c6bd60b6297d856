// The CUDA part of kernels/base: devices, memory, copies, streams, and errors. Compiled only with MILLESIME_CUDA; host code.

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <limits>
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
  return {stream, multiprocessors};
}

unsigned grid_of(const Cuda& cuda, const char* op, const void* kernel, std::size_t shared_bytes, std::int64_t items) {
  int resident = 0;  // blocks a multiprocessor
  check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&resident, kernel, kBlockThreads, shared_bytes),
        std::string("asking how many blocks of ") + op + " are resident", cuda.stream.device);
  const std::int64_t most = std::int64_t{cuda.multiprocessors} * std::max(1, resident);
  return static_cast<unsigned>(std::min<std::int64_t>((items + kBlockThreads - 1) / kBlockThreads, most));
}

void check_launch(const char* op, std::int64_t n, const Device& device) {
  check(cudaGetLastError(), std::string(op) + " of " + std::to_string(n) + " items", device);
}

namespace cuda {

void* allocate_in_order(const Stream& stream, const char* what, std::size_t bytes) {
  select(stream.device);
  void* memory = nullptr;
  check(cudaMallocAsync(&memory, bytes, static_cast<cudaStream_t>(stream.handle)),
        std::string(what) + ", allocating " + bytes_text(bytes) + " of scratch", stream.device);
  return memory;
}

void release_in_order(const Stream& stream, void* memory) noexcept {
  static_cast<void>(cudaFreeAsync(memory, static_cast<cudaStream_t>(stream.handle)));
}

void release_cached(const Device& device) noexcept {
  cudaMemPool_t pool = nullptr;
  if (cudaDeviceGetDefaultMemPool(&pool, device.index) == cudaSuccess && cudaMemPoolTrimTo(pool, 0) == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());  // the next allocation says what is wrong
}

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
  // What is given back in order stays with the process: otherwise every synchronisation would return it to the system.
  cudaMemPool_t pool = nullptr;
  std::uint64_t kept = std::numeric_limits<std::uint64_t>::max();
  if (cudaDeviceGetDefaultMemPool(&pool, device.index) != cudaSuccess ||
      cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &kept) != cudaSuccess)
    static_cast<void>(cudaGetLastError());  // a device without pools
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
