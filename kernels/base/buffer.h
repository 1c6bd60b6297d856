#pragma once
// Buffer<T>: owned memory on one device. On the CPU it is aligned to cache lines; on a GPU it is device memory.
// Contents are not initialised. T is plain data.

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/base/stream.h"

namespace millesime {

inline constexpr std::size_t kAlignment = 64;  // bytes: a cache line, and the widest vector register

namespace detail {
void* allocate(const Device& device, std::size_t bytes);  // throws OutOfDeviceMemory (CUDA) or std::bad_alloc (CPU)
void release(const Device& device, void* memory) noexcept;
void copy_bytes(const Stream& stream, const Device& to, void* target, const Device& from, const void* source, std::size_t bytes);
// `rows` rows of `width` bytes, `target_pitch` and `source_pitch` bytes from one to the next. On the stream's device, or page-locked for
// it.
void copy_rows(const Stream& stream, void* target, std::size_t target_pitch, const void* source, std::size_t source_pitch,
               std::size_t width, std::size_t rows);
void zero_bytes(const Stream& stream, void* target, std::size_t bytes);
// Memory for the work `what` that follows on the stream, given back once the work before is done (staged.h, parallel_for.h).
void* allocate_in_order(const Stream& stream, const char* what, std::size_t bytes);
void release_in_order(const Stream& stream, void* memory) noexcept;
void release_cached(const Device& device) noexcept;  // to the device: memory that was given back in order and is kept for the next work
}  // namespace detail

template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable<T>::value, "a Buffer holds plain data");

 public:
  Buffer() = default;
  Buffer(const Device& device, std::int64_t size)
      : device_(device), size_(size), data_(static_cast<T*>(detail::allocate(device, static_cast<std::size_t>(size) * sizeof(T)))) {}
  Buffer(Buffer&& other) noexcept
      : device_(other.device_), size_(std::exchange(other.size_, 0)), data_(std::exchange(other.data_, nullptr)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(size_, other.size_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~Buffer() { detail::release(device_, data_); }

  // Makes memory for `size` numbers or more. The old memory is freed first, as both may not fit; its contents are lost.
  void reserve(const Device& device, std::int64_t size) {
    if (size_ >= size && device_ == device) return;
    *this = Buffer();
    *this = Buffer(device, size);
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::int64_t size() const { return size_; }
  const Device& device() const { return device_; }

  // On a GPU the host memory must stay valid until the stream has been synchronized.
  void copy_from(const Stream& stream, const T* host, std::int64_t n) {
    detail::copy_bytes(stream, device_, data_, Device{}, host, static_cast<std::size_t>(n) * sizeof(T));
  }
  void copy_to(const Stream& stream, T* host, std::int64_t n) const {
    detail::copy_bytes(stream, Device{}, host, device_, data_, static_cast<std::size_t>(n) * sizeof(T));
  }
  void zero(const Stream& stream) { detail::zero_bytes(stream, data_, static_cast<std::size_t>(size_) * sizeof(T)); }

 private:
  Device device_;
  std::int64_t size_ = 0;
  T* data_ = nullptr;
};

// Copies host memory to the stream's device (on the CPU it copies, too).
template <class T>
Buffer<T> to_device(const Stream& stream, const std::vector<T>& host) {
  Buffer<T> buffer(stream.device, static_cast<std::int64_t>(host.size()));
  buffer.copy_from(stream, host.data(), buffer.size());
  return buffer;
}

// Copies device memory to the host; waits for the stream.
template <class T>
std::vector<T> to_host(const Stream& stream, const Buffer<T>& buffer) {
  std::vector<T> host(static_cast<std::size_t>(buffer.size()));
  buffer.copy_to(stream, host.data(), buffer.size());
  stream.synchronize();
  return host;
}

}  // namespace millesime
