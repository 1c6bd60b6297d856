#pragma once
// Event: order between streams, and between a stream and the host. On the CPU it does nothing, as a call has finished when it returns.

#include "kernels/base/stream.h"

namespace millesime {

// A mark in a stream's work that the host, or another stream, can wait for.
class Event {
 public:
  Event() = default;
  explicit Event(const Device& device);
  Event(Event&& other) noexcept;
  Event& operator=(Event&& other) noexcept;
  ~Event();
  bool exists() const { return handle_ != nullptr; }  // false on the CPU, and if it was made without a device
  void record(const Stream& stream);                  // after what was submitted so far
  void wait() const;  // until the work before it is done; returns at once if it was never recorded. Throws DeviceError
  // Work submitted to the stream from now on begins when the work before the event is done; the host does not wait for it.
  void hold(const Stream& stream) const;

 private:
  Device device_;
  void* handle_ = nullptr;  // cudaEvent_t
};

}  // namespace millesime
