#include "kernels/base/cpu_clones.h"
#include "kernels/ops/smooth.impl.h"

#include "pipeline/core/error.h"

namespace millesime {

MILLESIME_CPU_CLONES(SmoothLanes);

void smooth(const Stream& stream, const SmoothArgs& args) {
  MILLESIME_CHECK(args.reach >= 0 && args.tolerance > 0, "reach ", args.reach, ", tolerance ", args.tolerance);
  MILLESIME_CHECK(args.n_classes <= kMostSmoothedClasses, args.n_classes, " classes");
  on_backend(stream, [&](const auto& backend) { smooth_on(backend, args); });
}

}  // namespace millesime
