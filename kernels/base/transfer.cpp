#include "kernels/base/transfer.h"

#include <algorithm>
#include <cstring>

#include "kernels/base/device_error.h"

namespace millesime {

Transfer::Transfer(const Stream& stream) : stream_(stream) {
  if (stream.device.kind == Device::Kind::cpu) return;
  for (Chunk& chunk : chunks_) {
    chunk.memory = PinnedBuffer<unsigned char>(stream.device, static_cast<std::int64_t>(kChunkBytes));
    chunk.moved = Event(stream.device);
  }
}

Transfer::~Transfer() {
  for (const Chunk& chunk : chunks_) {
    try {
      chunk.moved.wait();
    } catch (const DeviceError&) {  // the next wait for the stream reports the error
    }
  }
}

void Transfer::to_device(void* target, const void* host, std::size_t bytes) {
  if (stream_.device.kind == Device::Kind::cpu) return detail::copy_bytes(stream_, stream_.device, target, Device{}, host, bytes);
  for (std::size_t done = 0; done < bytes; done += kChunkBytes) {
    const std::size_t n = std::min(kChunkBytes, bytes - done);
    Chunk& chunk = chunks_[next_];
    next_ = 1 - next_;
    chunk.moved.wait();
    std::memcpy(chunk.memory.data(), static_cast<const char*>(host) + done, n);
    detail::copy_bytes(stream_, stream_.device, static_cast<char*>(target) + done, Device{}, chunk.memory.data(), n);
    chunk.moved.record(stream_);
  }
}

void Transfer::to_host(void* host, const void* source, std::size_t bytes) {
  if (stream_.device.kind == Device::Kind::cpu) return detail::copy_bytes(stream_, Device{}, host, stream_.device, source, bytes);
  const auto chunk_at = [&](std::size_t at) -> Chunk& { return chunks_[at / kChunkBytes % 2]; };
  const auto size_at = [&](std::size_t at) { return std::min(kChunkBytes, bytes - at); };
  const auto ask = [&](std::size_t at) {
    if (at >= bytes) return;
    detail::copy_bytes(stream_, Device{}, chunk_at(at).memory.data(), stream_.device, static_cast<const char*>(source) + at, size_at(at));
    chunk_at(at).moved.record(stream_);
  };
  ask(0);
  for (std::size_t at = 0; at < bytes; at += kChunkBytes) {
    ask(at + kChunkBytes);
    chunk_at(at).moved.wait();
    std::memcpy(static_cast<char*>(host) + at, chunk_at(at).memory.data(), size_at(at));
  }
}

}  // namespace millesime
