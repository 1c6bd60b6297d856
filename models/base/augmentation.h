#pragma once
// Augmentation of what a network learns from, another for every sample each time it is seen: dates hidden, noise, a shift in time, sources
// hidden. Includes torch.

#include <ATen/core/Generator.h>

#include "models/base/model_spec.h"
#include "models/base/network.h"
#include "models/base/recipe.h"

namespace millesime {

class Augmentation {
 public:
  // Dates are hidden in raw input only, and where the samples have gaps; shifts in time are for raw input, too.
  Augmentation(const Recipe& recipe, InputKind kind, bool gaps);
  void operator()(NetworkInput& input, const at::Generator& random) const;

 private:
  double dropout_, shift_, noise_;
};

}  // namespace millesime
