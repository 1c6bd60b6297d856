#pragma once
// Atomic operations on integers, so that the order of additions does not matter. load_shared and store_shared are for numbers that other
// threads change at the same time (relaxed memory order).

#include <cstdint>

#include "kernels/base/host_device.h"

namespace millesime {

MILLESIME_HD void atomic_add(std::uint64_t* sum, std::uint64_t value) {
#if defined(__CUDA_ARCH__)
  atomicAdd(reinterpret_cast<unsigned long long*>(sum), static_cast<unsigned long long>(value));
#else
  __atomic_fetch_add(sum, value, __ATOMIC_RELAXED);
#endif
}

MILLESIME_HD void atomic_add(std::int32_t* sum, std::int32_t value) {
#if defined(__CUDA_ARCH__)
  atomicAdd(sum, value);
#else
  __atomic_fetch_add(sum, value, __ATOMIC_RELAXED);
#endif
}

MILLESIME_HD std::int32_t load_shared(const std::int32_t* number) {
#if defined(__CUDA_ARCH__)
  return *static_cast<const volatile std::int32_t*>(number);
#else
  return __atomic_load_n(number, __ATOMIC_RELAXED);
#endif
}

MILLESIME_HD void store_shared(std::int32_t* number, std::int32_t value) {
#if defined(__CUDA_ARCH__)
  *static_cast<volatile std::int32_t*>(number) = value;
#else
  __atomic_store_n(number, value, __ATOMIC_RELAXED);
#endif
}

// Returns the previous value.
MILLESIME_HD std::int32_t atomic_min(std::int32_t* lowest, std::int32_t value) {
#if defined(__CUDA_ARCH__)
  return atomicMin(lowest, value);
#else
  std::int32_t before = load_shared(lowest);
  while (value < before && !__atomic_compare_exchange_n(lowest, &before, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return before;
#endif
}

}  // namespace millesime
