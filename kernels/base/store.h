#pragma once
// store_lanes: writes results of a block to memory that this pass does not read again. On the CPU, whole aligned blocks bypass the caches
// (non-temporal stores), which avoids reading the lines first.

#include <cstdint>
#include <cstring>

#include "kernels/base/compiler.h"
#include "kernels/base/host_device.h"
#include "kernels/base/lanes.h"

#if defined(__SSE2__) && !defined(__CUDACC__)
#include <emmintrin.h>
#endif

namespace millesime {

namespace detail {
void stream_lines(void* target, const void* source, std::int64_t lines);  // with the machine's widest stores
}

// bytes is a multiple of 64, the target is aligned to 64.
MILLESIME_HD void store_past_caches(void* target, const void* source, std::int64_t bytes) {
#if defined(__SSE2__) && !defined(__CUDACC__)
  detail::stream_lines(target, source, bytes / 64);
#else
  std::memcpy(target, source, static_cast<std::size_t>(bytes));
#endif
}

// Makes non-temporal stores visible to other threads.
MILLESIME_HD void finish_stores() {
#if defined(__SSE2__) && !defined(__CUDACC__)
  _mm_sfence();
#endif
}

// Prefetches the data of the next block of lanes: with hundreds of planes the hardware prefetcher does not recognise the pattern.
template <int kLanes, class T>
MILLESIME_HD void expect_next_lanes(const T* values) {
#if MILLESIME_CPU_TWINS
  const auto* bytes = reinterpret_cast<const char*>(values + kLanes);
  for (int at = 0; at < kLanes * static_cast<int>(sizeof(T)); at += 64) prefetch_to_read(bytes + at);
#else
  static_cast<void>(values);
#endif
}

template <int kLanes, class T>
MILLESIME_HD void store_lanes(T* target, const T* values, int n) {
  constexpr int kBytes = kLanes * static_cast<int>(sizeof(T));
  if constexpr (kBytes % 64 == 0) {
    if (n == kLanes && reinterpret_cast<std::uintptr_t>(target) % 64 == 0) return store_past_caches(target, values, kBytes);
  }
  for (int lane = 0; lane < n; ++lane) target[lane] = values[lane];
}

}  // namespace millesime
