#pragma once
// SeriesAhead: the series of one window after the other on a device, the next one on its way there while one is worked on: two windows in
// device memory, and a stream for uploads beside the one that computes. Events keep these in order; the host waits for neither, but for the
// page-locked chunks. On the CPU nothing is uploaded, and current() only views.
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
  // Windows of which it needs the series in host memory, beside those that are read, that wait, and that are worked on.
  int windows_on_host() const { return uploads() ? 1 : 0; }

  // Where device memory is too small for two windows, it does nothing, then and for all windows that follow. Throws other DeviceErrors.
  void upload(const Series& next);

  // The window's series, for work on the computing stream; uploaded now if it is not there. Valid until done(). Throws OutOfDeviceMemory.
  const DeviceSeries& current(const Series& series);
  // The same of a part of the window, in place of the whole or of the part before.
  const DeviceSeries& put(const Series& part);
  // All work on the window is on the computing stream: after it, its memory takes the next but one.
  void done();
  // After OutOfDeviceMemory: gives back what the series hold, and uploads no more ahead.
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
