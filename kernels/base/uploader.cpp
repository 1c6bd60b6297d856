#include "kernels/base/uploader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/base/cuda_calls.h"
#include "kernels/base/device_error.h"

namespace millesime {

Event::Event(const Device& device) : device_(device) {
  if (device.kind == Device::Kind::cuda) handle_ = cuda::make_event(device);
}
Event::Event(Event&& other) noexcept : device_(other.device_), handle_(std::exchange(other.handle_, nullptr)) {}
Event& Event::operator=(Event&& other) noexcept {
  std::swap(device_, other.device_);
  std::swap(handle_, other.handle_);
  return *this;
}
Event::~Event() {
  if (handle_) cuda::drop_event(handle_);
}
void Event::record(const Stream& stream) {
  if (handle_) cuda::record(stream, handle_);
}
void Event::wait() const {
  if (handle_) cuda::wait(device_, handle_);
}

Uploader::Uploader(const Stream& stream) : stream_(stream) {
  if (stream.device.kind == Device::Kind::cpu) return;
  for (Chunk& chunk : chunks_) {
    chunk.memory = PinnedBuffer<unsigned char>(stream.device, static_cast<std::int64_t>(kChunkBytes));
    chunk.sent = Event(stream.device);
  }
}

Uploader::~Uploader() {
  for (const Chunk& chunk : chunks_) try {
      chunk.sent.wait();
    } catch (const DeviceError&) {  // whoever waits for the stream next is told
    }
}

void Uploader::copy(void* target, const void* host, std::size_t bytes) {
  if (stream_.device.kind == Device::Kind::cpu) return detail::copy_bytes(stream_, stream_.device, target, Device{}, host, bytes);
  for (std::size_t done = 0; done < bytes; done += kChunkBytes) {
    const std::size_t n = std::min(kChunkBytes, bytes - done);
    Chunk& chunk = chunks_[next_];
    next_ = 1 - next_;
    chunk.sent.wait();
    std::memcpy(chunk.memory.data(), static_cast<const char*>(host) + done, n);
    detail::copy_bytes(stream_, stream_.device, static_cast<char*>(target) + done, Device{}, chunk.memory.data(), n);
    chunk.sent.record(stream_);
  }
}

}  // namespace millesime
