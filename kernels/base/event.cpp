#include "kernels/base/event.h"

#include <utility>

#include "kernels/base/cuda_calls.h"

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
void Event::hold(const Stream& stream) const {
  if (handle_) cuda::hold(stream, handle_);
}

}  // namespace millesime
