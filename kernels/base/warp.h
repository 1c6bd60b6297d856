#pragma once
// Cooperation of a warp on the GPU: 32 neighbouring threads process 32 neighbouring pixels, and transpose arrays [pixel][column] in a tile
// of shared memory, so that accesses to global memory are coalesced. A functor requests it with
//
//   static constexpr bool kWholeWarps = true;
//
// and is then called for whole warps, also with items after the last one: these do everything except storing. The tile is scratch.tile.

#include <cstdint>
#include <type_traits>

#include "kernels/base/host_device.h"

namespace millesime {

inline constexpr int kWarpThreads = 32;
inline constexpr int kTileBytes = 4096;  // of a warp: 8 warps a block have 32 KiB, which leaves half of the threads of any device

template <class F, class = void>
struct WholeWarps : std::false_type {};
template <class F>
struct WholeWarps<F, std::enable_if_t<F::kWholeWarps>> : std::true_type {};

#if defined(__CUDA_ARCH__) || defined(MILLESIME_CUDA_FIBERS)
MILLESIME_HD int warp_lane() { return static_cast<int>(threadIdx.x % kWarpThreads); }
MILLESIME_HD void warp_barrier() { __syncwarp(); }
#else
MILLESIME_HD int warp_lane() { return 0; }
MILLESIME_HD void warp_barrier() {}
#endif

// The pixels of a warp, seen from the thread of one item.
struct WarpPixels {
  std::int64_t first;
  int n;        // that exist
  bool exists;  // whether this thread's pixel exists
  MILLESIME_HD WarpPixels(std::int64_t item, std::int64_t pixels) : first(item - warp_lane()), exists(item < pixels) {
    n = static_cast<int>(pixels - first < kWarpThreads ? pixels - first : kWarpThreads);
  }
};

// Some columns of a warp's pixels. Every thread accesses those of its own pixel; load() and store() transfer those of all pixels, whole
// rows at once if the tile holds them. All threads of the warp must call them together.
template <class T>
class PixelTile {
 public:
  static constexpr int kColumns = kTileBytes / kWarpThreads / static_cast<int>(sizeof(T));

  MILLESIME_HD PixelTile(unsigned char* tile, const WarpPixels& pixels) : numbers_(reinterpret_cast<T*>(tile)), pixels_(pixels) {}

  // A thread without a pixel gets the numbers of the warp's first pixel.
  MILLESIME_HD T get(int column) const { return numbers_[place(pixels_.exists ? warp_lane() : 0, column)]; }
  MILLESIME_HD void set(int column, T value) { numbers_[place(warp_lane(), column)] = value; }

  // Columns [first, first + n) of array[pixel][size], each number as `as` turns it.
  template <class From, class As>
  MILLESIME_HD void load(const From* array, std::int64_t size, std::int64_t first, int n, const As& as) {
    warp_barrier();
    array += pixels_.first * size;
    each(size, n, [&](int pixel, int column, std::int64_t row) { numbers_[place(pixel, column)] = as(array[row + first + column]); });
    warp_barrier();
  }
  template <class To, class As>
  MILLESIME_HD void store(To* array, std::int64_t size, std::int64_t first, int n, const As& as) const {
    warp_barrier();
    array += pixels_.first * size;
    each(size, n, [&](int pixel, int column, std::int64_t row) { array[row + first + column] = as(numbers_[place(pixel, column)]); });
    warp_barrier();
  }

 private:
  // Avoids bank conflicts in shared memory, both for the numbers of a column and for those of a pixel.
  MILLESIME_HD static int place(int pixel, int column) { return column * kWarpThreads + (pixel ^ (column % kWarpThreads)); }

  template <class Move>
  MILLESIME_HD void each(std::int64_t size, int n, const Move& move) const {
    if (n == size) {
      MILLESIME_ROLLED
      for (int k = warp_lane(); k < pixels_.n * n; k += kWarpThreads) move(k / n, k % n, static_cast<std::int64_t>(k / n) * size);
    } else {
      MILLESIME_ROLLED
      for (int pixel = 0; pixel < pixels_.n; ++pixel) MILLESIME_ROLLED
      for (int column = warp_lane(); column < n; column += kWarpThreads) move(pixel, column, pixel * size);
    }
  }

  T* numbers_;
  WarpPixels pixels_;
};

}  // namespace millesime
