#include "models/base/device_memory.h"

#ifdef MILLESIME_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#endif

namespace millesime {

void release_cached_device_memory() {
#ifdef MILLESIME_CUDA
  c10::cuda::CUDACachingAllocator::emptyCache();
#endif
}

}  // namespace millesime
