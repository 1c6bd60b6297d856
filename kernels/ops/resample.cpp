#include "kernels/base/cpu_clones.h"
#include "kernels/ops/resample.impl.h"
#include "pipeline/core/error.h"

namespace millesime {

using Nearest = ResampleBlock<kCpuLanes, 1>;
using Bilinear = ResampleBlock<kCpuLanes, 2>;
using Cubic = ResampleBlock<kCpuLanes, 4>;
MILLESIME_CPU_CLONES(Nearest);
MILLESIME_CPU_CLONES(Bilinear);
MILLESIME_CPU_CLONES(Cubic);

Resampling resampling_of(const std::string& name) {
  if (name == "nearest") return Resampling::nearest;
  if (name == "bilinear") return Resampling::bilinear;
  if (name == "cubic") return Resampling::cubic;
  throw UserError(join_text("resampling: expected nearest, bilinear or cubic, got \"", name, "\""));
}

void resample(const Stream& stream, const ResampleArgs& args) {
  on_backend(stream, [&](const auto& backend) { resample_on(backend, args); });
}

}  // namespace millesime
