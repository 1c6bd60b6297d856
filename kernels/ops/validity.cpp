#include "kernels/base/cpu_clones.h"
#include "kernels/ops/validity.impl.h"

namespace millesime {

MILLESIME_CPU_CLONES(ValidityBlock<kCpuLanes>);

void validity(const Stream& stream, const ValidityArgs& args) {
  on_backend(stream, [&](const auto& backend) { validity_on(backend, args); });
}

}  // namespace millesime
