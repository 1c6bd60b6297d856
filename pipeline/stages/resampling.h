#pragma once
// sensors.<name>.resampling, as the kernels name it.

#include <string>

#include "kernels/ops/resample.h"
#include "pipeline/core/error.h"

namespace millesime {

inline Resampling resampling_of(const std::string& name) {
  if (name == "nearest") return Resampling::nearest;
  if (name == "bilinear") return Resampling::bilinear;
  if (name == "cubic") return Resampling::cubic;
  throw UserError(join_text("resampling: expected nearest, bilinear or cubic, got \"", name, "\""));
}

}  // namespace millesime
