#pragma once
// Gap filling of a time grid: from the options to the model, and from the model to the kernel.

#include <algorithm>

#include "kernels/ops/gap_fill.h"
#include "models/base/model_spec.h"
#include "pipeline/learning/time_options.h"

namespace millesime {

inline FillSpec fill_spec(const TimeOptions& time) { return {time.gap_fill, time.window_days, time.smoothing}; }

// UserError for an unknown method.
inline GapFilling gap_filling(const FillSpec& spec) {
  return {fill_method(spec.method), static_cast<float>(spec.window_days), static_cast<float>(spec.smoothing), spec.rounded};
}

// The ratio of cross- to co-polarised radar, in decibel a difference. Soil and its moisture change both alike, so that it tells more of the
// canopy than either does (Vreugdenhil et al. 2018, doi:10.3390/rs10091396). A source that has it as an index is radar.
inline constexpr const char* kRadarRatio = "VH_VV = VH - VV";

// That of one source of a model. Single dates of radar are noisy (speckle): where others have a line between two dates, it has a mean over
// three or four passes of an orbit.
inline GapFilling gap_filling(const ModelSpec& spec, std::size_t source) {
  constexpr double kRadarDays = 40;
  const auto& indices = spec.sources[source].indices;
  if (spec.gap_fill.method != "linear" || std::find(indices.begin(), indices.end(), kRadarRatio) == indices.end())
    return gap_filling(spec.gap_fill);
  return gap_filling({"moving-average", kRadarDays, spec.gap_fill.smoothing, spec.gap_fill.rounded});
}

}  // namespace millesime
