#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <cstdlib>
#include <cstring>
#include <new>

#include "kernels/base/before_allocation.h"
#include "kernels/base/buffer.h"
#include "kernels/base/cuda_calls.h"
#include "kernels/base/pinned_buffer.h"
#include "kernels/base/stream.h"

namespace millesime {

static constexpr std::size_t kHugePage = std::size_t{2} << 20, kLargeBytes = 4 * kHugePage;

static bool on_gpu(const Device& device) { return device.kind == Device::Kind::cuda; }

static void* allocate_on_cpu(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  const std::size_t alignment = bytes >= kLargeBytes ? kHugePage : kAlignment;
  const std::size_t whole = (bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, whole);
  if (!memory) throw std::bad_alloc();
#if defined(MADV_HUGEPAGE)
  // Huge pages: fewer page-table entries for hundreds of planes (5 % of the time of prepare_regular). Without support for them nothing is
  // lost.
  if (bytes >= kLargeBytes) madvise(memory, whole, MADV_HUGEPAGE);
#endif
  return memory;
}

namespace detail {

void (*before_allocation)(const Device&, std::size_t) = nullptr;

void* allocate(const Device& device, std::size_t bytes) {
  if (before_allocation) before_allocation(device, bytes);
  if (!on_gpu(device)) return allocate_on_cpu(bytes);
  return bytes > 0 ? cuda::allocate(device, bytes) : nullptr;
}

void release(const Device& device, void* memory) noexcept {
  if (!memory) return;
  if (on_gpu(device))
    cuda::release(memory);
  else
    std::free(memory);
}

void* allocate_pinned(const Device& device, std::size_t bytes) {
  return bytes > 0 && on_gpu(device) ? cuda::allocate_pinned(device, bytes) : allocate_on_cpu(bytes);
}

void release_pinned(const Device& device, void* memory) noexcept {
  if (!on_gpu(device)) return release(device, memory);
  if (memory) cuda::release_pinned(memory);
}

void copy_bytes(const Stream& stream, const Device& to, void* target, const Device& from, const void* source, std::size_t bytes) {
  if (bytes == 0) return;
  if (on_gpu(to) || on_gpu(from))
    cuda::copy(stream, to, target, from, source, bytes);
  else
    std::memcpy(target, source, bytes);
}

void copy_rows(const Stream& stream, void* target, std::size_t target_pitch, const void* source, std::size_t source_pitch,
               std::size_t width, std::size_t rows) {
  if (width == 0 || rows == 0) return;
  if (on_gpu(stream.device)) return cuda::copy_rows(stream, target, target_pitch, source, source_pitch, width, rows);
  auto* to = static_cast<char*>(target);
  const auto* from = static_cast<const char*>(source);
  for (std::size_t row = 0; row < rows; ++row, to += target_pitch, from += source_pitch) std::memcpy(to, from, width);
}

void* allocate_in_order(const Stream& stream, const char* what, std::size_t bytes) {
  if (!on_gpu(stream.device)) return allocate(stream.device, bytes);
  return bytes > 0 ? cuda::allocate_in_order(stream, what, bytes) : nullptr;
}

void release_in_order(const Stream& stream, void* memory) noexcept {
  if (!on_gpu(stream.device)) return release(stream.device, memory);
  if (memory) cuda::release_in_order(stream, memory);
}

void release_cached(const Device& device) noexcept {
  if (on_gpu(device)) cuda::release_cached(device);
}

void zero_bytes(const Stream& stream, void* target, std::size_t bytes) {
  if (bytes == 0) return;
  if (on_gpu(stream.device))
    cuda::zero(stream, target, bytes);
  else
    std::memset(target, 0, bytes);
}

}  // namespace detail

void Stream::synchronize() const {
  if (on_gpu(device)) cuda::synchronize(*this);
}

OwnStream::OwnStream(const Device& device, int cpu_threads) : stream_(device, cpu_threads) {
  if (on_gpu(device)) stream_.handle = cuda::make_stream(device);
}

OwnStream::~OwnStream() {
  if (stream_.handle) cuda::drop_stream(stream_.handle);
}

}  // namespace millesime
