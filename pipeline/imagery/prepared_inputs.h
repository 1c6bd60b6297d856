#pragma once
// PreparedInputs: the series of a window as models read them, gap-filled and with indices, or as they are. Models whose specifications
// agree, those of regions and seeds and members of an ensemble, share what is prepared: it is computed once a window.

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/buffer.h"
#include "kernels/ops/prepare.h"
#include "models/base/model_spec.h"

namespace millesime {

// What shapes the input that is made of a series.
struct WindowPreparation {
  std::size_t source = 0;  // of those that are read: the main one, then the further ones
  Resampling resampling = Resampling::bilinear;
  InputKind kind = InputKind::raw;
  std::vector<std::string> bands, indices = {};
  std::vector<float> steps = {};                   // of each band, for indices: kernels/ops/indices.h
  std::vector<std::int32_t> target_days = {};      // of regular input, since 1970-01-01
  GapFilling filling = {};                         // likewise
  std::vector<float> mean = {}, inverse_std = {};  // [feature]; empty: numbers as they are

  std::int64_t features() const { return static_cast<std::int64_t>(bands.size() + indices.size()); }
  bool operator==(const WindowPreparation&) const = default;
};

class PreparedInputs {
 public:
  explicit PreparedInputs(const Device& device) : device_(device) {}

  // The place of what is prepared in this way, which equal ways share. `n_dates`: acquisitions of the source.
  std::size_t place_of(const WindowPreparation& way, int n_dates);
  std::int64_t bytes_per_pixel() const;  // memory of all of them

  // The largest window to come: memory is taken for it at once, so that no page is taken from the system twice.
  void expect(std::int64_t pixels) { expected_ = pixels; }
  // Begins a window: what was prepared is of another one.
  void next_window();
  struct Prepared {
    const float* values = nullptr;        // [pixel][date][feature]
    const std::uint8_t* valid = nullptr;  // [pixel][date], of raw input; null of regular input
    const std::uint8_t* count = nullptr;  // [pixel], valid dates
  };
  // Of the window's series, by who asks first; on the stream's device, valid until the next window. Throws OutOfDeviceMemory.
  Prepared prepare(const Stream& stream, std::size_t place, const SeriesView& series);
  std::int64_t times_prepared() const { return times_; }
  void release();  // frees the memory of a window

 private:
  struct Input {
    WindowPreparation way;
    int n_dates = 0;
    IndexPlan indices;
    Buffer<std::int32_t> target_days;  // of every window, as the next two
    Buffer<float> mean, inverse_std;
    bool is_prepared = false;
    Buffer<float> values;
    Buffer<std::uint8_t> valid, count;
  };
  Device device_;
  std::vector<Input> inputs_;
  std::int64_t times_ = 0, expected_ = 0;
};

}  // namespace millesime
