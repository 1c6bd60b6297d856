#pragma once
// PinnedBuffer<T>: owned pinned (page-locked) host memory, which a CUDA device reads and writes itself, so that copies overlap other work.
// For the CPU it is ordinary memory. It is expensive to allocate: reuse it. Contents are not initialised. T is plain data.

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "kernels/base/device.h"

namespace millesime {

namespace detail {
void* allocate_pinned(const Device& device, std::size_t bytes);  // throws OutOfDeviceMemory (CUDA) or std::bad_alloc (CPU)
void release_pinned(const Device& device, void* memory) noexcept;
}  // namespace detail

template <class T>
class PinnedBuffer {
  static_assert(std::is_trivially_copyable<T>::value, "a PinnedBuffer holds plain data");

 public:
  PinnedBuffer() = default;
  PinnedBuffer(const Device& device, std::int64_t size)
      : device_(device), size_(size), data_(static_cast<T*>(detail::allocate_pinned(device, static_cast<std::size_t>(size) * sizeof(T)))) {}
  PinnedBuffer(PinnedBuffer&& other) noexcept
      : device_(other.device_), size_(std::exchange(other.size_, 0)), data_(std::exchange(other.data_, nullptr)) {}
  PinnedBuffer& operator=(PinnedBuffer&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(size_, other.size_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~PinnedBuffer() { detail::release_pinned(device_, data_); }

  // Makes memory for `size` numbers or more; the contents are lost if it is new.
  void reserve(const Device& device, std::int64_t size) {
    if (size_ >= size && device_ == device) return;
    *this = PinnedBuffer();
    *this = PinnedBuffer(device, size);
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::int64_t size() const { return size_; }

 private:
  Device device_;
  std::int64_t size_ = 0;
  T* data_ = nullptr;
};

}  // namespace millesime
