#include "kernels/base/store.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace millesime::detail {

#if defined(__SSE2__)

namespace {

// A line in one store has twice the bandwidth of a line in four (45 and 25 GB/s, one thread of an EPYC). A function of its own for each
// width: intrinsics do not go into loops that are compiled for several (cpu_clones.h).
MILLESIME_TARGET("avx512f") void stream_whole(char* to, const char* from, std::int64_t lines) {
  for (; lines > 0; --lines, to += 64, from += 64) _mm512_stream_si512(reinterpret_cast<__m512i*>(to), _mm512_loadu_si512(from));
}

MILLESIME_TARGET("avx") void stream_halves(char* to, const char* from, std::int64_t lines) {
  for (std::int64_t half = 0; half < 2 * lines; ++half, to += 32, from += 32)
    _mm256_stream_si256(reinterpret_cast<__m256i*>(to), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}

void stream_quarters(char* to, const char* from, std::int64_t lines) {
  for (std::int64_t quarter = 0; quarter < 4 * lines; ++quarter, to += 16, from += 16)
    _mm_stream_si128(reinterpret_cast<__m128i*>(to), _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}

}  // namespace

void stream_lines(void* target, const void* source, std::int64_t lines) {
  auto* to = static_cast<char*>(target);
  const auto* from = static_cast<const char*>(source);
  if (MILLESIME_CPU_HAS("avx512f")) return stream_whole(to, from, lines);
  if (MILLESIME_CPU_HAS("avx")) return stream_halves(to, from, lines);
  stream_quarters(to, from, lines);
}

#else

void stream_lines(void* target, const void* source, std::int64_t lines) {
  std::memcpy(target, source, static_cast<std::size_t>(lines) * 64);
}

#endif

}  // namespace millesime::detail
