#include "kernels/base/cpu_clones.h"
#include "kernels/ops/blend.impl.h"

#include "pipeline/core/error.h"

namespace millesime {

MILLESIME_CPU_CLONES(BlendBlock<kCpuLanes>);

void blend(const Stream& stream, const BlendArgs& args) {
  MILLESIME_CHECK(args.column || args.model_classes == args.n_classes, "blend: a model of ", args.model_classes, " classes, a mean of ",
                  args.n_classes);
  MILLESIME_CHECK(!args.weights || args.weight_sums, "blend: weights without sums");
  MILLESIME_CHECK(!args.decidable || (args.weights && args.count), "blend: decidable without weights or counts");
  on_backend(stream, [&](const auto& backend) { blend_on(backend, args); });
}

}  // namespace millesime
