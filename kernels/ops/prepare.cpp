#include "kernels/base/cpu_clones.h"
#include "kernels/ops/prepare.impl.h"

namespace millesime {

using RegularNearest = PrepareRegularBlock<kCpuLanes, 1>;
using RegularBilinear = PrepareRegularBlock<kCpuLanes, 2>;
using RegularCubic = PrepareRegularBlock<kCpuLanes, 4>;
using RawNearest = PrepareRawBlock<kCpuLanes, 1>;
using RawBilinear = PrepareRawBlock<kCpuLanes, 2>;
using RawCubic = PrepareRawBlock<kCpuLanes, 4>;
CPU_CLONES(RegularNearest);
CPU_CLONES(RegularBilinear);
CPU_CLONES(RegularCubic);
CPU_CLONES(RawNearest);
CPU_CLONES(RawBilinear);
CPU_CLONES(RawCubic);

void prepare_regular(const Stream& stream, const PrepareRegularArgs& args) {
  on_backend(stream, [&](const auto& backend) { prepare_regular_on(backend, args); });
}

void prepare_raw(const Stream& stream, const PrepareRawArgs& args) {
  on_backend(stream, [&](const auto& backend) { prepare_raw_on(backend, args); });
}

}  // namespace millesime
