#include "kernels/base/cpu_clones.h"
#include "kernels/ops/mosaic_rule.impl.h"

namespace millesime {

MILLESIME_CPU_CLONES(MosaicRulePixel);

void mosaic_rule(const Stream& stream, const MosaicRuleArgs& args) {
  on_backend(stream, [&](const auto& backend) { mosaic_rule_on(backend, args); });
}

}  // namespace millesime
