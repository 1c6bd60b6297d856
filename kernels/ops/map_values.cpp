#include "kernels/base/cpu_clones.h"
#include "kernels/ops/map_values.impl.h"

#include "pipeline/core/error.h"

namespace millesime {

using ValuesOfMap = MapValuesBlock<kCpuLanes, false>;
using ValuesOfSmoothedMap = MapValuesBlock<kCpuLanes, true>;
MILLESIME_CPU_CLONES(ValuesOfMap);
MILLESIME_CPU_CLONES(ValuesOfSmoothedMap);

void map_values(const Stream& stream, const MapValuesArgs& args) {
  MILLESIME_CHECK(args.n_classes >= 1 && args.n_classes <= 255, "a map of ", args.n_classes, " classes");
  MILLESIME_CHECK(args.first_col >= 0 && args.first_row >= 0 && args.first_col + args.inner_cols <= args.cols &&
                      args.first_row + args.inner_rows <= args.rows,
                  "a window of ", args.inner_cols, " x ", args.inner_rows, " from ", args.first_col, ",", args.first_row, " in ", args.cols,
                  " x ", args.rows);
  MILLESIME_CHECK(!args.level1 || (args.exact && args.codes && args.groups && args.deepest), "levels need classes and probabilities");
  on_backend(stream, [&](const auto& backend) { map_values_on(backend, args); });
}

}  // namespace millesime
