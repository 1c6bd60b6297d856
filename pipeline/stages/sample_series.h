#pragma once
// The series at labelled pixels of a tile: only windows that hold samples are read.

#include "pipeline/core/samples.h"
#include "pipeline/io/sensor.h"
#include "pipeline/stages/stage.h"

namespace millesime {

// Fills values [sample][date][band] and validity [sample][date] of the samples' first series, and their statics, at the samples' col and
// row; kNodata where a date does not see the pixel. UserError where they need more than the memory budget, or a file changed since the
// census.
void read_series(const Config& config, const Census& census, Samples& samples, const Context& context);

}  // namespace millesime
