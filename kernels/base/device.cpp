#include "kernels/base/device.h"

#include <optional>
#include <stdexcept>

#include "kernels/base/device_request.h"

namespace millesime {

std::string Device::text() const { return kind == Kind::cpu ? "cpu" : "cuda:" + std::to_string(index); }

DeviceChoice choose_device(const std::string& request) {
  const int available = cuda_devices();
  const std::string why = cuda_built() ? "no CUDA device can be used on this machine" : "this program was built without CUDA (preset cpu)";
  if (request == "cpu") return {{}, ""};
  if (request == "auto") {
    if (available > 0) return {{Device::Kind::cuda, 0}, ""};
    return {{}, "running on the CPU: " + why};
  }
  const std::optional<int> index = requested_cuda_device(request);
  if (!index) throw std::invalid_argument("--device: expected auto, cpu, cuda or cuda:N, got \"" + request + "\"");
  if (available == 0) throw std::invalid_argument("--device " + request + ": " + why + "; use --device cpu or auto");
  if (*index >= available)
    throw std::invalid_argument("--device " + request + ": this machine has " + std::to_string(available) +
                                " CUDA device(s), numbered from 0");
  return {{Device::Kind::cuda, *index}, ""};
}

}  // namespace millesime
