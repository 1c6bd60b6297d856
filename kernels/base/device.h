#pragma once
// Device: where work runs, as a value. "cpu" or "cuda:N".

#include <string>

namespace millesime {

struct Device {
  enum class Kind { cpu, cuda };
  Kind kind = Kind::cpu;
  int index = 0;  // of the CUDA device

  std::string text() const;  // "cpu", "cuda:0"
  friend bool operator==(const Device& a, const Device& b) { return a.kind == b.kind && a.index == b.index; }
  friend bool operator!=(const Device& a, const Device& b) { return !(a == b); }
};

bool cuda_built();   // this binary holds CUDA instances
int cuda_devices();  // that can be used now; 0 without driver

// A request "auto", "cpu", "cuda" or "cuda:N" and the chosen device. `auto` takes cuda:0 if there is one; otherwise `note` says why not.
// Throws std::invalid_argument with a message for the user if the request cannot be met.
struct DeviceChoice {
  Device device;
  std::string note;
};
DeviceChoice choose_device(const std::string& request);

}  // namespace millesime
