#pragma once
// A model that learned from numbers in other steps than those of a tile's images (a table of degrees in tenths, an older model of
// reflectance in thousandths) is converted when it is loaded, so that windows are read as they are.

#include <cstddef>

#include "models/base/model_file.h"

namespace millesime {

// Means, deviations, thresholds and steps of one source become those of numbers in steps of `step`; 0: nothing is known of the images.
// Nothing changes where the steps agree.
void convert_to_steps(ModelFile& model, std::size_t source, float step);

}  // namespace millesime
