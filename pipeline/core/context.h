#pragma once
// Context: device, threads and memory of a piece of work. They must not change its result.

#include <cstdint>

#include "kernels/base/device.h"
#include "pipeline/core/progress.h"

namespace millesime {

struct Context {
  Device device;
  int devices = 1;  // GPUs from `device` on that units may be spread over; each unit works on one
  int threads = 1;
  std::int64_t memory_bytes = std::int64_t{4} << 30;
  Progress* progress = nullptr;  // never null while work runs
};

}  // namespace millesime
