#pragma once
// A part of a Series for itself, where the whole does not fit into a device's memory.

#include "pipeline/core/series.h"

namespace millesime {

// Rows [first, first + n) of the window, copied, with as much of each group around them as any resampling reads: kernels come to the same
// numbers for its pixels.
Series rows_of(const Series& series, int first, int n);

}  // namespace millesime
