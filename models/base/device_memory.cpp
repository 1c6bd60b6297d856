#include "models/base/device_memory.h"

#include <ATen/Context.h>

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

void use_exact_arithmetic(const c10::Device& device) {
  if (!device.is_cuda()) return;
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setBenchmarkCuDNN(false);
  at::globalContext().setDeterministicCuDNN(true);
}

OnStream::OnStream([[maybe_unused]] const Stream& stream) {
#ifdef MILLESIME_CUDA
  if (stream.device.kind != Device::Kind::cuda) return;
  const auto index = static_cast<c10::DeviceIndex>(stream.device.index);
  guard_.emplace(stream.handle ? c10::cuda::getStreamFromExternal(static_cast<cudaStream_t>(stream.handle), index)
                               : c10::cuda::getDefaultCUDAStream(index));
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
