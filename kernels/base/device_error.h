#pragma once
// DeviceError: the device or its driver refused. The message says what was being done, sizes, device, and CUDA's own text.

#include <stdexcept>
#include <string>

namespace millesime {

class DeviceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// There was not enough memory on the device: a smaller window may do (in_strips.h).
class OutOfDeviceMemory : public DeviceError {
 public:
  using DeviceError::DeviceError;
};

// The device, or this process' hold on it, is gone: every later call would fail, too. What is finished stays; the run can be resumed.
class DeviceLost : public DeviceError {
 public:
  using DeviceError::DeviceError;
};

}  // namespace millesime
