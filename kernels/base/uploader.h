#pragma once
// Uploader: numbers from ordinary host memory to the stream's device, through two page-locked chunks: one is filled while the other is on
// its way, and what the device did before goes on beside both. On the CPU it copies.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/base/buffer.h"
#include "kernels/base/pinned_buffer.h"
#include "kernels/base/stream.h"

namespace millesime {

// A mark in a stream's work that the host can wait for.
class Event {
 public:
  Event() = default;
  explicit Event(const Device& device);
  Event(Event&& other) noexcept;
  Event& operator=(Event&& other) noexcept;
  ~Event();
  void record(const Stream& stream);  // after what was submitted so far
  void wait() const;                  // until the work before it is done; at once where it was never recorded. Throws DeviceError
 private:
  Device device_;
  void* handle_ = nullptr;  // cudaEvent_t
};

class Uploader {
 public:
  static constexpr std::size_t kChunkBytes = std::size_t{8} << 20;

  explicit Uploader(const Stream& stream);
  ~Uploader();  // waits for what is on its way
  Uploader(const Uploader&) = delete;
  Uploader& operator=(const Uploader&) = delete;

  // When it returns, `host` may change; work that follows on the stream finds the numbers in place.
  void copy(void* target, const void* host, std::size_t bytes);

  template <class T>
  Buffer<T> to_device(const std::vector<T>& host) {
    Buffer<T> buffer(stream_.device, static_cast<std::int64_t>(host.size()));
    copy(buffer.data(), host.data(), host.size() * sizeof(T));
    return buffer;
  }

 private:
  struct Chunk {
    PinnedBuffer<unsigned char> memory;
    Event sent;
  };
  Stream stream_;
  Chunk chunks_[2];
  int next_ = 0;
};

}  // namespace millesime
