#pragma once
// Gap filling of a time grid: from the options to the model, and from the model to the kernel.

#include "kernels/ops/gap_fill.h"
#include "models/base/model_spec.h"
#include "pipeline/learning/time_options.h"

namespace millesime {

inline FillSpec fill_spec(const TimeOptions& time) { return {time.gap_fill, time.window_days, time.smoothing}; }

// UserError for an unknown method.
inline GapFilling gap_filling(const FillSpec& spec) {
  return {fill_method(spec.method), static_cast<float>(spec.window_days), static_cast<float>(spec.smoothing), spec.rounded};
}

}  // namespace millesime
