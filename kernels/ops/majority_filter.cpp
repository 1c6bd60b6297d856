#include "kernels/base/cpu_clones.h"
#include "kernels/ops/majority_filter.impl.h"

#include "pipeline/core/error.h"

namespace millesime {

MILLESIME_CPU_CLONES(MajorityFilterBlock<kCpuLanes>);

void majority_filter(const Stream& stream, const MajorityFilterArgs& args) {
  MILLESIME_CHECK(args.size >= 3 && args.size <= kMaxMajoritySize && args.size % 2 == 1, "majority over ", args.size, " px");
  MILLESIME_CHECK(args.col >= 0 && args.row >= 0 && args.col + args.width <= args.cols && args.row + args.height <= args.rows, "window of ",
                  args.width, " x ", args.height, " px at ", args.col, ", ", args.row, " in ", args.cols, " x ", args.rows);
  on_backend(stream, [&](const auto& backend) { majority_filter_on(backend, args); });
}

}  // namespace millesime
