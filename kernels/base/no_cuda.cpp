// The CUDA part of kernels/base in a build without CUDA: there are no devices, and work for one is an error.

#include "kernels/base/cuda_calls.h"
#include "kernels/base/device_error.h"
#include "kernels/base/parallel_for.h"

namespace millesime {

bool cuda_built() { return false; }
int cuda_devices() { return 0; }

namespace {

[[noreturn]] void throw_no_cuda(const Device& device) {
  throw DeviceError("work for " + device.text() +
                    ", but this program was built without CUDA (preset cpu); use the preset cuda, or --device cpu");
}

}  // namespace

Cuda cuda_backend(const Stream& stream) { throw_no_cuda(stream.device); }

namespace cuda {
void* allocate(const Device& device, std::size_t) { throw_no_cuda(device); }
void release(void*) noexcept {}
void* allocate_pinned(const Device& device, std::size_t) { throw_no_cuda(device); }
void release_pinned(void*) noexcept {}
void copy(const Stream& stream, const Device&, void*, const Device&, const void*, std::size_t) { throw_no_cuda(stream.device); }
void copy_rows(const Stream& stream, void*, std::size_t, const void*, std::size_t, std::size_t, std::size_t) {
  throw_no_cuda(stream.device);
}
void zero(const Stream& stream, void*, std::size_t) { throw_no_cuda(stream.device); }
void* allocate_in_order(const Stream& stream, const char*, std::size_t) { throw_no_cuda(stream.device); }
void release_in_order(const Stream&, void*) noexcept {}
void release_cached(const Device&) noexcept {}
void synchronize(const Stream& stream) { throw_no_cuda(stream.device); }
void* make_stream(const Device& device) { throw_no_cuda(device); }
void drop_stream(void*) noexcept {}
void* make_event(const Device& device) { throw_no_cuda(device); }
void drop_event(void*) noexcept {}
void record(const Stream& stream, void*) { throw_no_cuda(stream.device); }
void wait(const Device& device, void*) { throw_no_cuda(device); }
void hold(const Stream& stream, void*) { throw_no_cuda(stream.device); }
}  // namespace cuda

}  // namespace millesime
