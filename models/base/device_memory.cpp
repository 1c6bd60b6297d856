#include "models/base/device_memory.h"

#ifdef MILLESIME_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace millesime {

void release_cached_device_memory() {
#ifdef MILLESIME_CUDA
  c10::cuda::CUDACachingAllocator::emptyCache();
#endif
}

void finish_on([[maybe_unused]] const c10::Device& device) {
#ifdef MILLESIME_CUDA
  if (device.is_cuda()) c10::cuda::getCurrentCUDAStream(device.index()).synchronize();
#endif
}

Stream torch_stream([[maybe_unused]] const c10::Device& device) {
#ifdef MILLESIME_CUDA
  if (device.is_cuda()) {
    Stream stream(Device{Device::Kind::cuda, device.index()});
    stream.handle = c10::cuda::getCurrentCUDAStream(device.index()).stream();
    return stream;
  }
#endif
  return {Device{}, 1};
}

}  // namespace millesime
