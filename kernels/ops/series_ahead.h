#pragma once
// SeriesAhead: uploads the series of the next window, one a source, while the current one is computed: two windows in device memory, and a
// second stream for uploads. Events keep the streams in order; the host waits only for the pinned chunks of series that are not page-locked
// themselves. On the CPU nothing is uploaded, and current() returns views.
//
//   uploading thread:    upload(series)                                              for each window, once the one before it was taken
//   computing thread:    current(series), work on the computing stream, done()       for each window

#include <mutex>
#include <vector>

#include "kernels/base/event.h"
#include "kernels/base/transfer.h"
#include "kernels/ops/series_view.h"

namespace millesime {

class SeriesAhead {
 public:
  using Sources = std::vector<const Series*>;  // of one window, always as many

  explicit SeriesAhead(const Stream& computing);

  bool uploads() const { return computing_.device.kind == Device::Kind::cuda; }
  // Additional windows whose series it needs in host memory, besides those being read, waiting, and being computed.
  int windows_on_host() const { return uploads() ? 1 : 0; }

  // If device memory is too small for two windows, it does nothing, for this and all following windows. Throws other DeviceErrors.
  void upload(const Sources& next);
  void upload(const Series& next) { upload(Sources{&next}); }

  // The window's series, for work on the computing stream; uploaded now if necessary. Valid until done(). Throws OutOfDeviceMemory.
  const std::vector<DeviceSeries>& current(const Sources& window);
  const DeviceSeries& current(const Series& series) { return current(Sources{&series}).front(); }
  // The same for a part of the window, replacing the whole window or the previous part.
  const std::vector<DeviceSeries>& put(const Sources& part);
  const DeviceSeries& put(const Series& part) { return put(Sources{&part}).front(); }
  // Call it when all work on the window is submitted to the computing stream: after that work its memory is used for the window after next.
  void done();
  // The event happens when all series that were given so far have been read: page-locked ones may change then.
  void record_uploads(Event& event) const { event.record(uploading_); }
  // After OutOfDeviceMemory: frees the memory of the series; windows are no longer uploaded ahead.
  void give_up();

 private:
  struct Slot {
    std::vector<DeviceSeries> series;
    Event uploaded, computed;
    bool filled = false;
  };
  void fill(Slot& slot, const Sources& sources);
  void finish_uploads() const;

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
