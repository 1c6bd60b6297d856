#pragma once
// HostNumbers<T>: a std::vector in host memory that may be page-locked for a device, which then reads and writes it without staging (on the
// CPU, and unless a device is given, it is ordinary memory). Numbers that resize() adds are not initialised: pages are touched when numbers
// are put there. Page-locked memory is expensive to allocate: reuse it.

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/base/device.h"
#include "kernels/base/pinned_buffer.h"

namespace millesime {

template <class T>
class HostAllocator {
 public:
  using value_type = T;
  using propagate_on_container_move_assignment = std::true_type;
  using propagate_on_container_swap = std::true_type;

  HostAllocator() = default;
  explicit HostAllocator(const Device& device) : device_(device) {}
  template <class U>
  HostAllocator(const HostAllocator<U>& other) : device_(other.device()) {}  // implicit: containers rebind their allocators

  const Device& device() const { return device_; }  // whose memory it is page-locked for; the CPU: ordinary memory
  HostAllocator select_on_container_copy_construction() const { return {}; }

  T* allocate(std::size_t n) { return static_cast<T*>(detail::allocate_pinned(device_, n * sizeof(T))); }
  void deallocate(T* memory, std::size_t) noexcept { detail::release_pinned(device_, memory); }
  template <class U, class... Args>
  void construct(U* place, Args&&... args) {
    if constexpr (sizeof...(Args) == 0)
      ::new (static_cast<void*>(place)) U;
    else
      ::new (static_cast<void*>(place)) U(std::forward<Args>(args)...);
  }

  friend bool operator==(const HostAllocator& a, const HostAllocator& b) { return a.device_ == b.device_; }
  friend bool operator!=(const HostAllocator& a, const HostAllocator& b) { return !(a == b); }

 private:
  Device device_;
};

template <class T>
using HostNumbers = std::vector<T, HostAllocator<T>>;

}  // namespace millesime
