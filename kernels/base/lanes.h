#pragma once
// Lanes: one body for both devices. A functor works on a block of kLanes neighbouring pixels: 128 on the CPU, where its inner
// loops over lanes become vector instructions, and 1 on the GPU, where neighbouring threads take neighbouring pixels. The temporary
// data of a block are rows of kLanes numbers of a Scratch.

#include <cstdint>

#include "kernels/base/compiler.h"
#include "kernels/base/host_device.h"

namespace millesime {

inline constexpr int kCpuLanes = 128;  // measured: 64 is 15 % slower (shorter reads from memory), 256 gains nothing

// Rows of numbers, one for each of the block's lanes: row(i)[lane].
template <class T>
struct Rows {
  T* first = nullptr;
  std::int64_t stride = 0;
  MILLESIME_HD T* operator[](std::int64_t row) const { return first + row * stride; }
};

// Memory of all blocks that are processed at the same time, `all_lanes` lanes in total; this block's lanes begin at `lane`. A row
// contains all lanes, so that accesses of neighbouring threads are coalesced on the GPU.
struct Scratch {
  unsigned char* memory = nullptr;
  std::int64_t all_lanes = 0, lane = 0;
  unsigned char* tile = nullptr;  // of the warp, shared memory (warp.h); only on the GPU

  // Rows of T that begin after `bytes_before` bytes a lane (a multiple of sizeof(T)).
  template <class T>
  MILLESIME_HD Rows<T> rows(std::int64_t bytes_before) const {
    return {reinterpret_cast<T*>(memory + bytes_before * all_lanes) + lane, all_lanes};
  }
};

MILLESIME_HD std::int64_t block_count(std::int64_t pixels, int lanes) { return (pixels + lanes - 1) / lanes; }

// Lanes of a block that hold a pixel; the last block may be partly empty.
template <int kLanes>
MILLESIME_HD int lanes_in_use(std::int64_t first, std::int64_t end) {
  if (kLanes == 1) return 1;  // known to the compiler, so that the block lives in registers
  return end - first < kLanes ? static_cast<int>(end - first) : kLanes;
}

// Rows that can be read in all lanes: the given ones if the block is full, else a copy in `part`, padded with 0 after its n pixels.
template <int kLanes, class T>
MILLESIME_HD Rows<const T> whole_rows(const Rows<const T>& rows, std::int64_t n_rows, int n, const Rows<T>& part) {
  if (n == kLanes) return rows;
  for (std::int64_t row = 0; row < n_rows; ++row)
    for (int lane = 0; lane < kLanes; ++lane) part[row][lane] = lane < n ? rows[row][lane] : T{0};
  return {part.first, part.stride};
}

}  // namespace millesime
