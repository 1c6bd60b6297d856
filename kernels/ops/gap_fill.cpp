#include "kernels/base/cpu_clones.h"
#include "kernels/ops/gap_fill.impl.h"

#include "pipeline/core/error.h"

namespace millesime {

using Linear = GapFillBlock<kCpuLanes, FillMethod::linear, std::int16_t>;
using Average = GapFillBlock<kCpuLanes, FillMethod::moving_average, std::int16_t>;
using Smooth = GapFillBlock<kCpuLanes, FillMethod::whittaker, std::int16_t>;
using ExactLinear = GapFillBlock<kCpuLanes, FillMethod::linear, float>;
using ExactAverage = GapFillBlock<kCpuLanes, FillMethod::moving_average, float>;
using ExactSmooth = GapFillBlock<kCpuLanes, FillMethod::whittaker, float>;
MILLESIME_CPU_CLONES(Linear);
MILLESIME_CPU_CLONES(Average);
MILLESIME_CPU_CLONES(Smooth);
MILLESIME_CPU_CLONES(ExactLinear);
MILLESIME_CPU_CLONES(ExactAverage);
MILLESIME_CPU_CLONES(ExactSmooth);

FillMethod fill_method(const std::string& name) {
  if (name == "linear") return FillMethod::linear;
  if (name == "moving-average") return FillMethod::moving_average;
  if (name == "whittaker") return FillMethod::whittaker;
  throw UserError(join_text("gap filling: expected linear, moving-average or whittaker, got \"", name, "\""));
}

void gap_fill(const Stream& stream, const GapFillArgs& args) {
  MILLESIME_CHECK(args.filling.window_days > 0 && args.filling.smoothing > 0, "window of ", args.filling.window_days, " days, smoothing ",
                  args.filling.smoothing);
  MILLESIME_CHECK(args.filled || args.exact || args.pixels == 0 || args.n_targets == 0, "gap_fill without a result");
  on_backend(stream, [&](const auto& backend) { gap_fill_on(backend, args); });
}

}  // namespace millesime
