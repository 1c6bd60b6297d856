#include "kernels/base/cpu_clones.h"
#include "kernels/ops/training_batch.impl.h"

#include "pipeline/core/error.h"

namespace millesime {

MILLESIME_CPU_CLONES(TrainingBatchDate);
MILLESIME_CPU_CLONES(TrainingBatchValues<false>);

void training_batch(const Stream& stream, const TrainingBatchArgs& args) {
  MILLESIME_CHECK(args.source >= 0 && args.source < kMostSources, "source ", args.source);
  if (args.samples == 0) return;
  on_backend(stream, [&](const auto& backend) { training_batch_on(backend, args); });
}

}  // namespace millesime
