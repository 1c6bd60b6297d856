#include "kernels/base/cpu_clones.h"
#include "kernels/ops/uncertainty.impl.h"

#include "pipeline/core/error.h"

namespace millesime {

MILLESIME_CPU_CLONES(UncertaintyPixel);

void uncertainty(const Stream& stream, const UncertaintyArgs& args) {
  MILLESIME_CHECK(args.n_classes >= 1 && args.probabilities && args.uncertainty, "uncertainty of ", args.n_classes, " classes");
  on_backend(stream, [&](const auto& backend) { uncertainty_on(backend, args); });
}

}  // namespace millesime
