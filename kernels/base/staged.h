#pragma once
// Numbers that pass between host and device for every window, through page-locked memory that is used again and again: nothing is allocated
// in the steady state, and the host waits for a transfer only when it needs the memory again.

#include <array>
#include <cstdint>
#include <utility>

#include "kernels/base/buffer.h"
#include "kernels/base/device_error.h"
#include "kernels/base/event.h"
#include "kernels/base/pinned_buffer.h"
#include "kernels/base/stream.h"

namespace millesime {

// Page-locked memory and the last transfer from or to it, for which its end waits.
template <class T>
struct PinnedNumbers {
  PinnedBuffer<T> memory;
  Event moved;

  PinnedNumbers() = default;
  PinnedNumbers(PinnedNumbers&&) noexcept = default;
  PinnedNumbers& operator=(PinnedNumbers&&) noexcept = default;
  ~PinnedNumbers() {
    try {
      moved.wait();
    } catch (const DeviceError&) {  // the next wait for the stream reports the error
    }
  }

  // Memory for n numbers or more that may be changed now; the numbers that were in it are lost.
  T* reserve(const Device& device, std::int64_t n) {
    moved.wait();
    if (!moved.exists()) moved = Event(device);
    memory.reserve(device, n);
    return memory.data();
  }
};

// Numbers that the host makes anew for every window.
//
//   float* numbers = staged.fill(stream, n);   write them there
//   const float* there = staged.send(stream);  for work submitted from now on, until the next send()
template <class T>
class Staged {
 public:
  T* fill(const Stream& stream, std::int64_t n) {
    turn_ = 1 - turn_;  // while one is sent the other is filled
    n_ = n;
    return halves_[turn_].reserve(stream.device, n);
  }
  const T* send(const Stream& stream) {
    PinnedNumbers<T>& half = halves_[turn_];
    if (stream.device.kind == Device::Kind::cpu) return half.memory.data();
    there_.reserve(stream.device, n_);
    there_.copy_from(stream, half.memory.data(), n_);
    half.moved.record(stream);
    return there_.data();
  }
  void release() { *this = Staged(); }

 private:
  std::array<PinnedNumbers<T>, 2> halves_;
  Buffer<T> there_;
  int turn_ = 0;
  std::int64_t n_ = 0;
};

// Device memory of some work on a stream, taken and given back in the order of the stream: nobody waits when it ends. From CUDA's pool of
// memory, which keeps what is given back. On the CPU it is ordinary memory.
template <class T>
class OrderedBuffer {
 public:
  OrderedBuffer(const Stream& stream, const char* what, std::int64_t n)
      : stream_(stream), data_(static_cast<T*>(detail::allocate_in_order(stream, what, static_cast<std::size_t>(n) * sizeof(T)))) {}
  OrderedBuffer(const OrderedBuffer&) = delete;
  OrderedBuffer& operator=(const OrderedBuffer&) = delete;
  ~OrderedBuffer() { detail::release_in_order(stream_, data_); }
  T* data() const { return data_; }

 private:
  Stream stream_;
  T* data_;
};

}  // namespace millesime
