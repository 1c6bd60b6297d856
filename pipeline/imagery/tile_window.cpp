#include "pipeline/imagery/tile_window.h"

#include <utility>

#include "kernels/base/device_error.h"
#include "pipeline/core/series_rows.h"

namespace millesime {

TileWindow rows_of(const TileWindow& window, int first, int n) {
  const auto begin = window.statics.begin();
  const auto row = static_cast<std::ptrdiff_t>(window.statics.size()) / window.series.window.height;
  TileWindow part{rows_of(window.series, first, n), {begin + first * row, begin + (first + n) * row}, {}};
  for (const Series& other : window.others) part.others.push_back(rows_of(other, first, n));
  return part;
}

SeriesAhead::Sources series_of(const TileWindow& window) {
  SeriesAhead::Sources sources = {&window.series};
  for (const Series& other : window.others) sources.push_back(&other);
  return sources;
}

Series empty_series(const Device& device) {
  Series series;
  series.masks = HostNumbers<std::uint8_t>(HostAllocator<std::uint8_t>(device));
  return series;
}

PendingUploads::~PendingUploads() {
  try {
    done_.wait();
  } catch (const DeviceError&) {  // the next wait for the stream reports the error
  }
}

void PendingUploads::note(const Device& device, const SeriesAhead& uploads) {
  if (!done_.exists()) done_ = Event(device);
  uploads.record_uploads(done_);
}

TileWindow SpareWindows::take() {
  TileWindow window{.series = empty_series(device_), .statics = {}};
  {
    const std::lock_guard lock(mutex_);
    if (spare_.empty()) return window;
    window = std::move(spare_.front());  // the one that was given back first
    spare_.erase(spare_.begin());
  }
  window.uploads.wait();
  return window;
}

void SpareWindows::give(TileWindow window) {
  const std::lock_guard lock(mutex_);
  spare_.push_back(std::move(window));
}

}  // namespace millesime
