#pragma once
// SeriesAhead: uploads the series of the next window while the current one is computed: two windows in device memory, and a second stream
// for uploads. Events keep the streams in order; the host waits only for the pinned chunks. On the CPU nothing is uploaded, and current()
// returns a view.
//
//   uploading thread:    upload(series)                                              for each window, once the one before it was taken
//   computing thread:    current(series), work on the computing stream, done()       for each window

#include <mutex>
#include <optional>

#include "kernels/base/event.h"
#include "kernels/base/transfer.h"
#include "kernels/ops/series_view.h"

namespace millesime {

class SeriesAhead {
 public:
  explicit SeriesAhead(const Stream& computing);

  bool uploads() const { return computing_.device.kind == Device::Kind::cuda; }
  // Additional windows whose series it needs in host memory, besides those being read, waiting, and being computed.
  int windows_on_host() const { return uploads() ? 1 : 0; }

  // If device memory is too small for two windows, it does nothing, for this and all following windows. Throws other DeviceErrors.
  void upload(const Series& next);

  // The window's series, for work on the computing stream; uploaded now if necessary. Valid until done(). Throws OutOfDeviceMemory.
  const DeviceSeries& current(const Series& series);
  // The same for a part of the window, replacing the whole window or the previous part.
  const DeviceSeries& put(const Series& part);
  // Call it when all work on the window is submitted to the computing stream: after that work its memory is used for the window after next.
  void done();
  // After OutOfDeviceMemory: frees the memory of the series; windows are no longer uploaded ahead.
  void give_up();

 private:
  struct Slot {
    std::optional<DeviceSeries> series;
    Event uploaded, computed;
    bool filled = false;
  };
  void fill(Slot& slot, const Series& series);

  Stream computing_;
  OwnStream uploading_;
  Transfer transfer_;
  Slot slots_[2];                    // windows in turn
  int uploaded_ = 0, computed_ = 0;  // windows; each number is of one thread
  Slot* current_ = nullptr;
  std::mutex mutex_;          // of the transfer, of what follows, and of a slot that is not the current one
  Slot* only_one_ = nullptr;  // of the slots, where there is not enough memory for two
};

}  // namespace millesime
