#include "kernels/base/cpu_clones.h"
#include "kernels/ops/gap_fill.impl.h"

namespace millesime {

CPU_CLONES(GapFillBlock<kCpuLanes>);

void gap_fill(const Stream& stream, const GapFillArgs& args) {
  on_backend(stream, [&](const auto& backend) { gap_fill_on(backend, args); });
}

}  // namespace millesime
