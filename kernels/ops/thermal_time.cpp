#include "kernels/base/cpu_clones.h"
#include "kernels/ops/thermal_time.impl.h"

#include "pipeline/core/error.h"

namespace millesime {

MILLESIME_CPU_CLONES(ThermalTimeBlock<kCpuLanes>);

void thermal_time(const Stream& stream, const ThermalTimeArgs& args) {
  MILLESIME_CHECK(args.lacking && args.per_day != 0, "thermal time of ", args.n_days, " days, divided by ", args.per_day);
  on_backend(stream, [&](const auto& backend) { thermal_time_on(backend, args); });
}

}  // namespace millesime
