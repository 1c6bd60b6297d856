#pragma once
// store_lanes: results of a block to memory that this pass does not read again. On the CPU, whole aligned blocks go past the caches,
// which spares reading the lines first.

#include <cstdint>
#include <cstring>

#include "kernels/base/host_device.h"
#include "kernels/base/lanes.h"

#if defined(__SSE2__) && !defined(__CUDACC__)
#include <emmintrin.h>
#endif

namespace millesime {

// bytes is a multiple of 64, both pointers are aligned to 64 (target) and 16 (source).
HD void store_past_caches(void* target, const void* source, std::int64_t bytes) {
#if defined(__SSE2__) && !defined(__CUDACC__)
  auto* to = static_cast<__m128i*>(target);
  const auto* from = static_cast<const __m128i*>(source);
  for (std::int64_t line = 0; line < bytes / 64; ++line, to += 4, from += 4) {
    const __m128i a = _mm_load_si128(from), b = _mm_load_si128(from + 1), c = _mm_load_si128(from + 2), d = _mm_load_si128(from + 3);
    _mm_stream_si128(to, a);
    _mm_stream_si128(to + 1, b);
    _mm_stream_si128(to + 2, c);
    _mm_stream_si128(to + 3, d);
  }
#else
  std::memcpy(target, source, static_cast<std::size_t>(bytes));
#endif
}

// Makes what was stored past the caches visible to other threads.
HD void finish_stores() {
#if defined(__SSE2__) && !defined(__CUDACC__)
  _mm_sfence();
#endif
}

// Asks for what the next block of lanes will read: with hundreds of planes the hardware does not see the pattern.
template <int kLanes, class T>
HD void expect_next_lanes(const T* values) {
#if defined(__GNUC__) && !defined(__CUDACC__)
  const auto* bytes = reinterpret_cast<const char*>(values + kLanes);
  for (int at = 0; at < kLanes * static_cast<int>(sizeof(T)); at += 64) __builtin_prefetch(bytes + at);
#else
  static_cast<void>(values);
#endif
}

template <int kLanes, class T>
HD void store_lanes(T* target, const T* values, int n) {
  constexpr int kBytes = kLanes * static_cast<int>(sizeof(T));
  if constexpr (kBytes % 64 == 0) {
    if (n == kLanes && reinterpret_cast<std::uintptr_t>(target) % 64 == 0) return store_past_caches(target, values, kBytes);
  }
  for (int lane = 0; lane < n; ++lane) target[lane] = values[lane];
}

}  // namespace millesime
