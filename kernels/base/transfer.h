#pragma once
// Transfer: numbers between ordinary host memory and the stream's device, through two page-locked chunks: one is filled or emptied while
// the other is on its way, and what the device did before goes on beside both. On the CPU it copies. It is dear to make: keep it.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/base/buffer.h"
#include "kernels/base/event.h"
#include "kernels/base/pinned_buffer.h"
#include "kernels/base/stream.h"

namespace millesime {

class Transfer {
 public:
  static constexpr std::size_t kChunkBytes = std::size_t{8} << 20;

  explicit Transfer(const Stream& stream);
  ~Transfer();  // waits for what is on its way
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  const Stream& stream() const { return stream_; }

  // When it returns, `host` may change; work that follows on the stream finds the numbers in place.
  void to_device(void* target, const void* host, std::size_t bytes);
  // After the work before on the stream. When it returns, the numbers are in `host`.
  void to_host(void* host, const void* source, std::size_t bytes);

  // Into a buffer that is kept, and made anew only where it is too small.
  template <class T>
  void to_device(Buffer<T>& buffer, const T* host, std::int64_t n) {
    buffer.reserve(stream_.device, n);
    to_device(buffer.data(), host, static_cast<std::size_t>(n) * sizeof(T));
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
