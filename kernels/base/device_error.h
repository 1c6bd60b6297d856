#pragma once
// DeviceError: the device or its driver reported an error. The message has the operation, sizes, device, and CUDA's own text.

#include <stdexcept>
#include <string>

namespace millesime {

class DeviceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// There was not enough memory on the device: a smaller window may fit (in_strips.h).
class OutOfDeviceMemory : public DeviceError {
 public:
  using DeviceError::DeviceError;
};

// The process cannot use the device any more: every later call would fail, too. Finished work is kept; the run can be resumed.
class DeviceLost : public DeviceError {
 public:
  using DeviceError::DeviceError;
};

}  // namespace millesime
