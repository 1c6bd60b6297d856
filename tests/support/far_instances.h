#pragma once
// Both instances of an operation on arrays of more than 2^32 elements, of which only the last pages exist: the results of the last pixels.

#include "tests/support/fibers_backend.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/base/parallel_count.h"
#include "tests/support/far_array.h"

namespace millesime::testing {

#ifdef __SANITIZE_THREAD__
#error "ThreadSanitizer shadows whole arrays, also what is not touched"
#endif

// Pixels of the huge arrays: a partly empty block of the CPU, and of a warp, is the last one.
inline constexpr std::int64_t kSmall = 70, kFar = (std::int64_t{1} << 32) + 128 + kSmall;

// Items [first, n) of a functor.
template <class F>
struct From {
  static constexpr bool kWholeWarps = WholeWarps<F>::value, kWholeBlocks = WholeBlocks<F>::value;
  F f;
  std::int64_t first;
  MILLESIME_HD std::int64_t scratch_bytes() const {
    if constexpr (NeedsScratch<F>::value) return f.scratch_bytes();
    return 0;
  }
  std::int64_t shared_bytes() const {
    if constexpr (WholeBlocks<F>::value) return f.shared_bytes();
    return 0;
  }
  MILLESIME_HD void operator()(std::int64_t item, const Scratch& scratch) const { run_item(f, first + item, scratch); }
  MILLESIME_HD void operator()(std::int64_t item, const BlockThread& block) const { f(first + item, block); }
};

template <class F>
struct CountFrom {
  F f;
  std::int64_t first;
  MILLESIME_HD int slots() const { return f.slots(); }
  MILLESIME_HD std::uint64_t* total(int slot) const { return f.total(slot); }
  MILLESIME_HD void operator()(std::int64_t item, const Counters& counters) const { f(first + item, counters); }
};

// The last items of the two instances.
struct LastOnFibers {
  static constexpr int kLanes = 1;
  std::int64_t items;
};
struct LastOnCpu {
  static constexpr int kLanes = kCpuLanes;
  std::int64_t items;  // blocks of pixels, or pixels, as the operation has it
};
template <class F>
void parallel_for(const LastOnFibers& last, const char* op, std::int64_t n, const F& f) {
  const std::int64_t first = n > last.items ? n - last.items : 0;
  parallel_for(Fibers{}, op, n - first, From<F>{f, first});
}
template <class F>
void parallel_for(const LastOnCpu& last, const char* op, std::int64_t n, const F& f) {
  const std::int64_t first = n > last.items ? n - last.items : 0;
  millesime::parallel_for(Cpu{}, op, n - first, From<F>{f, first});
}

template <class F>
void parallel_count(const LastOnFibers& last, const char* op, std::int64_t n, const F& f) {
  parallel_count(Fibers{}, op, std::min(n, last.items), CountFrom<F>{f, std::max<std::int64_t>(n - last.items, 0)});
}
template <class F>
void parallel_count(const LastOnCpu& last, const char* op, std::int64_t n, const F& f) {
  millesime::parallel_count(Cpu{}, op, std::min(n, last.items), CountFrom<F>{f, std::max<std::int64_t>(n - last.items, 0)});
}

// Numbers of the last kSmall of `pixels` pixels, by plane.
template <class T>
void put_last(FarArray<T>& far, std::int64_t pixels, const std::vector<T>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto plane = static_cast<std::int64_t>(i) / kSmall, pixel = static_cast<std::int64_t>(i) % kSmall;
    far[plane * pixels + pixels - kSmall + pixel] = values[i];
  }
}
template <class T>
std::vector<T> last_of(FarArray<T>& far, std::int64_t pixels, std::int64_t planes) {
  std::vector<T> values;
  for (std::int64_t plane = 0; plane < planes; ++plane)
    for (std::int64_t pixel = 0; pixel < kSmall; ++pixel) values.push_back(far[plane * pixels + pixels - kSmall + pixel]);
  return values;
}

template <class T>
std::vector<T> numbers(std::int64_t n, int low, int high, unsigned seed) {
  std::vector<T> values(static_cast<std::size_t>(n));
  std::uint32_t state = seed * 2654435761u + 1;
  for (T& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<T>(low + static_cast<int>((state >> 8) % static_cast<unsigned>(high - low + 1)));
  }
  return values;
}

// What the last items of both instances come to. An operation over lanes has all the last pixels in one item of the CPU.
inline constexpr std::int64_t kOneBlock = 1, kEachPixel = kSmall;
template <class Far, class Expected>
void expect_same(std::int64_t cpu_items, const Far& far, const Expected& expected) {
  EXPECT_TRUE(far(LastOnFibers{std::max(cpu_items, kSmall)}) == expected) << "CUDA instance";
  EXPECT_TRUE(far(LastOnCpu{cpu_items}) == expected) << "CPU instance";
}

}  // namespace millesime::testing
