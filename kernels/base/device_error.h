#pragma once
// DeviceError: the device or its driver refused. The message says what was being done, sizes, device, and CUDA's own text.

#include <stdexcept>
#include <string>

namespace millesime {

class DeviceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// There was not enough memory on the device: a smaller window may do.
class OutOfDeviceMemory : public DeviceError {
 public:
  using DeviceError::DeviceError;
};

}  // namespace millesime
