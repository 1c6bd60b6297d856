#include "kernels/base/cpu_clones.h"
#include "kernels/ops/reconcile.impl.h"

#include "pipeline/core/error.h"

namespace millesime {

MILLESIME_CPU_CLONES(ReconcileBlock<kCpuLanes>);

void reconcile(const Stream& stream, const ReconcileArgs& args) {
  MILLESIME_CHECK(args.n_years >= 2 && args.n_years <= 255, args.n_years, " years");
  MILLESIME_CHECK(args.n_classes >= 1 && args.n_classes <= kMostStates, args.n_classes, " classes, 1 to ", kMostStates, " are possible");
  MILLESIME_CHECK(args.threshold >= 1 && args.threshold <= 100, args.threshold, " %");
  on_backend(stream, [&](const auto& backend) { reconcile_on(backend, args); });
}

}  // namespace millesime
