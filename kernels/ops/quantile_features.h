#pragma once
// The features of QUANT of regular series (pipeline/core/quantile_plan.h has the intervals and the paper).
//
//   values             x_t
//   first difference   mean of d_{t-2} ... d_{t+2}, d_t = x_{t+1} - x_t, the first and last repeated beyond the ends
//   second difference  x_{t+2} - 2 x_{t+1} + x_t
//   spectrum           |sum_t x_t exp(-2 pi i f t / T)|, f = 0 ... T / 2
//   quantile q of k of n sorted numbers: at (n - 1) q / (k - 1), between two numbers by their distance; of every second one (q odd) the
//   mean of the interval is subtracted

#include <cstdint>

#include "kernels/base/buffer.h"
#include "pipeline/core/quantile_plan.h"

namespace millesime {

struct QuantileFeaturesArgs {
  std::int64_t pixels = 0;
  int dates = 0, channels = 0, features = 0;    // features: of a channel
  const float* values = nullptr;                // [pixel][date][channel]
  const QuantileInterval* intervals = nullptr;  // sorted by form
  int n_intervals = 0;
  const float* waves = nullptr;  // [frequency][2][date]
  float* out = nullptr;          // [pixel][channel][feature]
};

void quantile_features(const Stream& stream, const QuantileFeaturesArgs& args);

// A plan on a device.
class DeviceQuantilePlan {
 public:
  DeviceQuantilePlan() = default;
  DeviceQuantilePlan(const QuantilePlan& plan, int channels, const Stream& stream);
  std::int64_t width() const { return std::int64_t{plan_.features} * channels_; }  // features of a pixel
  QuantileFeaturesArgs args() const;

 private:
  QuantilePlan plan_;
  int channels_ = 0;
  Buffer<QuantileInterval> intervals_;
  Buffer<float> waves_;
};

}  // namespace millesime
