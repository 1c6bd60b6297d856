#pragma once
// Stream: an ordered queue of work on a device, as a value; it is always passed, never implicit. Work on one stream runs in order. On the
// CPU a call has finished when it returns.

#include "kernels/base/device.h"

namespace millesime {

struct Stream {
  Device device;
  void* handle = nullptr;  // cudaStream_t; null is the device's default stream, or the CPU
  int threads = 0;         // of kernels on the CPU; 0: as many as OpenMP uses. (Libraries change OpenMP's own number.)

  Stream() = default;
  Stream(const Device& on, int cpu_threads = 0) : device(on), threads(cpu_threads) {}  // implicit: a Device may be passed as a Stream

  void synchronize() const;  // waits until all work submitted to it is done; throws DeviceError if any of it failed
};

// A new CUDA stream, not the default one. On the CPU it is an ordinary Stream.
class OwnStream {
 public:
  explicit OwnStream(const Device& device, int cpu_threads = 0);
  ~OwnStream();
  OwnStream(const OwnStream&) = delete;
  OwnStream& operator=(const OwnStream&) = delete;
  const Stream& get() const { return stream_; }
  operator const Stream&() const { return stream_; }

 private:
  Stream stream_;
};

}  // namespace millesime
