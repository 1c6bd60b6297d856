#include "kernels/base/cpu_clones.h"
#include "kernels/base/transfer.h"
#include "kernels/ops/quantile_features.impl.h"

#include "pipeline/core/error.h"

namespace millesime {

MILLESIME_CPU_CLONES(QuantileChannel<kCpuLanes>);

void quantile_features(const Stream& stream, const QuantileFeaturesArgs& args) {
  MILLESIME_CHECK(args.dates > 0 && args.channels > 0, args.dates, " dates, ", args.channels, " channels");
  on_backend(stream, [&](const auto& backend) { quantile_features_on(backend, args); });
}

DeviceQuantilePlan::DeviceQuantilePlan(const QuantilePlan& plan, int channels, const Stream& stream)
    : plan_(plan), channels_(channels), intervals_(to_device(stream, plan.intervals)), waves_(to_device(stream, plan.waves)) {}

QuantileFeaturesArgs DeviceQuantilePlan::args() const {
  QuantileFeaturesArgs args;
  args.dates = plan_.dates, args.channels = channels_, args.features = plan_.features;
  args.intervals = intervals_.data(), args.n_intervals = static_cast<int>(plan_.intervals.size());
  args.waves = waves_.data();
  return args;
}

}  // namespace millesime
