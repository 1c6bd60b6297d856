#include "kernels/ops/series_ahead.h"

#include "kernels/base/device_error.h"

namespace millesime {

SeriesAhead::SeriesAhead(const Stream& computing)
    : computing_(computing), uploading_(computing.device, computing.threads), transfer_(uploading_) {
  for (Slot& slot : slots_) slot.uploaded = Event(computing.device), slot.computed = Event(computing.device);
}

void SeriesAhead::fill(Slot& slot, const Sources& sources) {
  slot.filled = false;
  slot.computed.hold(uploading_);
  slot.series.resize(sources.size());
  try {
    for (std::size_t s = 0; s < sources.size(); ++s) slot.series[s].assign(transfer_, *sources[s]);
  } catch (...) {
    finish_uploads();  // page-locked series may go now
    throw;
  }
  slot.uploaded.record(uploading_);
  slot.filled = true;
}

void SeriesAhead::finish_uploads() const {
  try {
    uploading_.get().synchronize();
  } catch (const DeviceError&) {  // the error that brought us here says it
  }
}

void SeriesAhead::upload(const Sources& next) {
  const std::lock_guard lock(mutex_);
  const int turn = uploaded_++ % 2;
  Slot& slot = slots_[turn];
  if (only_one_) return;
  try {
    fill(slot, next);
  } catch (const OutOfDeviceMemory&) {
    only_one_ = &slots_[1 - turn];
    slot.computed.wait();
    uploading_.get().synchronize();
    slot.series.clear();
  }
}

const std::vector<DeviceSeries>& SeriesAhead::current(const Sources& window) {
  current_ = &slots_[computed_ % 2];
  if (!current_->filled) return put(window);
  current_->uploaded.hold(computing_);
  return current_->series;
}

const std::vector<DeviceSeries>& SeriesAhead::put(const Sources& part) {
  const std::lock_guard lock(mutex_);
  current_ = only_one_ ? only_one_ : &slots_[computed_ % 2];
  current_->computed.record(computing_);
  fill(*current_, part);
  current_->uploaded.hold(computing_);
  return current_->series;
}

void SeriesAhead::done() {
  current_->filled = false;
  current_->computed.record(computing_);
  ++computed_;
}

void SeriesAhead::give_up() {
  const std::lock_guard lock(mutex_);
  only_one_ = &slots_[0];
  computing_.synchronize();
  uploading_.get().synchronize();
  for (Slot& slot : slots_) slot.series.clear(), slot.filled = false;
  detail::release_cached(computing_.device);
}

}  // namespace millesime
