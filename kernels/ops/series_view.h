#pragma once
// SeriesView: the time series of one window for kernels: plain data, non-owning, copied by value.
// Its arrays are on the device that the kernel runs on. Shapes and units are those of Series (pipeline/core/series.h).

#include <cstdint>
#include <vector>

#include "kernels/base/buffer.h"
#include "kernels/base/host_device.h"

namespace millesime {

struct Series;
class Transfer;

inline constexpr int kMaxBands = 64;  // of one SeriesView
inline constexpr int kMaxGroups = 6;  // native resolutions
inline constexpr int kMaxMasks = 16;  // mask planes of a date

// A pixel without a value, in the bands of every sensor (the same number as kNodata of pipeline/core/series.h).
inline constexpr std::int16_t kMissing = -10000;

// Bands of one native resolution. The centre of window pixel (c, r) lies at group position
// (c * col_scale + col_offset, r * row_scale + row_offset); group pixel centres are at integers; edges are repeated.
struct BandGroupView {
  const std::int16_t* samples = nullptr;  // [date][band of the group][row][col]
  int n_bands = 0, cols = 0, rows = 0;
  double col_scale = 1, col_offset = 0, row_scale = 1, row_offset = 0;
};

struct SeriesView {
  int width = 0, height = 0;  // of the window, in its pixels
  int n_dates = 0, n_bands = 0, n_groups = 0, n_masks = 0;
  const std::int32_t* days = nullptr;          // [date], since 1970-01-01, strictly rising
  const std::uint8_t* masks = nullptr;         // [date][mask plane][pixel], a plane every mask_stride
  std::int64_t mask_stride = 0;                // the window's pixels, or more where the view is a part of a window
  const std::uint8_t* mask_rules = nullptr;    // [mask plane][value 0..255]: 1 = invalid
  std::uint8_t zero_is_valid[kMaxMasks] = {};  // [mask plane], 1: the rule is "0 is valid, all else invalid"
  BandGroupView groups[kMaxGroups];
  std::int8_t group_of_band[kMaxBands] = {};      // band of the series -> its group
  std::int8_t position_in_group[kMaxBands] = {};  // and its place there

  MILLESIME_HD std::int64_t pixels() const { return static_cast<std::int64_t>(width) * height; }
};

// Rows [first, first + n) of a window, on the same arrays. Kernels give the same results for its pixels.
SeriesView rows_of(const SeriesView& view, int first, int n);

// A view of a Series in host memory; valid as long as the Series is unchanged. Bug if the Series is inconsistent
// (sizes, a band in no group or in two, more than kMaxBands bands).
class HostSeries {
 public:
  HostSeries() = default;
  explicit HostSeries(const Series& series);
  const SeriesView& view() const { return view_; }

 private:
  SeriesView view_;
  std::vector<std::int32_t> days_;
};

// The same on a device: copies a Series to it. On the CPU it is only a view.
class DeviceSeries {
 public:
  DeviceSeries() = default;
  DeviceSeries(const Stream& stream, const Series& series);
  // Replaces the series, in the same memory if it is large enough. Kernels on the transfer's stream see the new one. A series that is
  // page-locked for the device must not change until the stream has read it.
  void assign(Transfer& transfer, const Series& series);
  const SeriesView& view() const { return view_; }

 private:
  SeriesView view_;
  HostSeries host_;
  std::vector<std::uint8_t> rules_;  // that are on the device
  std::vector<std::int32_t> dates_;  // likewise
  Buffer<std::int32_t> days_;
  Buffer<std::uint8_t> masks_, mask_rules_;
  Buffer<std::int16_t> samples_[kMaxGroups];
};

}  // namespace millesime
