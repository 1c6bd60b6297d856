#pragma once
// Transfer: copies between ordinary host memory and the stream's device through two pinned chunks: one is filled or emptied while the
// other is transferred; both overlap earlier work of the device. On the CPU it copies. It is expensive to create: reuse it.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/base/buffer.h"
#include "kernels/base/event.h"
#include "kernels/base/host_numbers.h"
#include "kernels/base/pinned_buffer.h"
#include "kernels/base/stream.h"

namespace millesime {

class Transfer {
 public:
  static constexpr std::size_t kChunkBytes = std::size_t{8} << 20;

  explicit Transfer(const Stream& stream);
  ~Transfer();  // waits for transfers in progress
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  const Stream& stream() const { return stream_; }

  // When it returns, `host` may change; later work on the stream sees the new numbers.
  void to_device(void* target, const void* host, std::size_t bytes);
  // After the earlier work on the stream. When it returns, the numbers are in `host`.
  void to_host(void* host, const void* source, std::size_t bytes);

  // Into a buffer that is reused, and allocated again only if it is too small.
  template <class T>
  void to_device(Buffer<T>& buffer, const T* host, std::int64_t n) {
    buffer.reserve(stream_.device, n);
    to_device(buffer.data(), host, static_cast<std::size_t>(n) * sizeof(T));
  }
  // Numbers that are page-locked for the device go there themselves: they must not change until the stream has read them.
  template <class T>
  void to_device(Buffer<T>& buffer, const HostNumbers<T>& host) {
    const auto n = static_cast<std::int64_t>(host.size());
    buffer.reserve(stream_.device, n);
    if (host.get_allocator().device() == stream_.device)
      buffer.copy_from(stream_, host.data(), n);
    else
      to_device(buffer.data(), host.data(), host.size() * sizeof(T));
  }
  template <class T>
  Buffer<T> to_device(const std::vector<T>& host) {
    Buffer<T> buffer(stream_.device, static_cast<std::int64_t>(host.size()));
    to_device(buffer.data(), host.data(), host.size() * sizeof(T));
    return buffer;
  }
  template <class T>
  std::vector<T> to_host(const Buffer<T>& buffer) {
    std::vector<T> host(static_cast<std::size_t>(buffer.size()));
    to_host(host.data(), buffer.data(), host.size() * sizeof(T));
    return host;
  }

 private:
  struct Chunk {
    PinnedBuffer<unsigned char> memory;
    Event moved;
  };
  Stream stream_;
  Chunk chunks_[2];
  int next_ = 0;
};

}  // namespace millesime
