#pragma once
// TileWindow: the data of one window of a tile; SpareWindows: their memory, which is used again and again.

#include <cstddef>
#include <mutex>
#include <vector>

#include "kernels/base/event.h"
#include "kernels/ops/series_ahead.h"
#include "pipeline/core/series.h"

namespace millesime {

// Uploads that read page-locked memory, for the end of which its owner waits before it goes.
class PendingUploads {
 public:
  PendingUploads() = default;
  PendingUploads(PendingUploads&&) noexcept = default;
  PendingUploads& operator=(PendingUploads&&) noexcept = default;
  ~PendingUploads();
  void note(const Device& device, const SeriesAhead& uploads);  // those that were given so far
  void wait() const { done_.wait(); }

 private:
  Event done_;
};

struct TileWindow {
  Series series;
  std::vector<float> statics;       // [pixel][static], NaN where missing
  std::vector<Series> others = {};  // of the further sources that a model reads
  PendingUploads uploads = {};      // last, so that it ends first
};

TileWindow rows_of(const TileWindow& window, int first, int n);  // n rows from `first` on
SeriesAhead::Sources series_of(const TileWindow& window);        // its series, the main one first
Series empty_series(const Device& device);                       // whose numbers will be page-locked for the device

// On a GPU, windows in page-locked memory: as many as are read, wait and are computed at once. A window that is given back is taken again
// when the device has read it.
class SpareWindows {
 public:
  explicit SpareWindows(const Device& device) : device_(device) {}
  TileWindow take();
  void give(TileWindow window);

 private:
  Device device_;
  std::mutex mutex_;
  std::vector<TileWindow> spare_;
};

// Where a pixel of a window has its number among those of a larger window around it, row by row; `col` and `row` count from the inner one.
inline std::size_t place_in(const Window& outer, const Window& inner, int col, int row) {
  return static_cast<std::size_t>(inner.row - outer.row + row) * static_cast<std::size_t>(outer.width) +
         static_cast<std::size_t>(inner.col - outer.col + col);
}

// Of the numbers of the larger window, those of the inner one.
template <class T>
std::vector<T> part_of(const std::vector<T>& numbers, const Window& outer, const Window& inner) {
  std::vector<T> part;
  part.reserve(static_cast<std::size_t>(inner.pixels()));
  for (int row = 0; row < inner.height; ++row) {
    const auto first = numbers.begin() + static_cast<std::ptrdiff_t>(place_in(outer, inner, 0, row));
    part.insert(part.end(), first, first + inner.width);
  }
  return part;
}

}  // namespace millesime
