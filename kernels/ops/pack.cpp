#include "kernels/base/cpu_clones.h"
#include "kernels/ops/pack.impl.h"

#include "pipeline/core/error.h"

namespace millesime {

using Floats = PackBlock<kCpuLanes, float>;
using Bfloats = PackBlock<kCpuLanes, Bfloat16>;
MILLESIME_CPU_CLONES(Floats);
MILLESIME_CPU_CLONES(Bfloats);

void pack(const Stream& stream, const PackArgs& args) {
  if (args.pixels == 0 || args.n_dates == 0) return;
  MILLESIME_CHECK((args.features != nullptr) + (args.bfloat16 != nullptr) == 1, "pack writes float32 or bfloat16");
  on_backend(stream, [&](const auto& backend) { pack_on(backend, args); });
}

}  // namespace millesime
