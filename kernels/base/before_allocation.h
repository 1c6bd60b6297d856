#pragma once
// A seam for tests of what happens when a device has too little memory.

#include <cstddef>

#include "kernels/base/device.h"

namespace millesime::detail {

// Called before every allocation of a Buffer; throws what the allocation shall throw (OutOfDeviceMemory). nullptr: nothing is called.
// Set it while no other thread allocates.
extern void (*before_allocation)(const Device& device, std::size_t bytes);

}  // namespace millesime::detail
