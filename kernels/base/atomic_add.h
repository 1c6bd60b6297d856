#pragma once
// Adding to a number that other pixels add to at the same time. Integers, so that the order does not matter.

#include <cstdint>

#include "kernels/base/host_device.h"

namespace millesime {

HD void atomic_add(std::uint64_t* sum, std::uint64_t value) {
#if defined(__CUDA_ARCH__)
  atomicAdd(reinterpret_cast<unsigned long long*>(sum), static_cast<unsigned long long>(value));
#else
  __atomic_fetch_add(sum, value, __ATOMIC_RELAXED);
#endif
}

}  // namespace millesime
