#pragma once
// The series at labelled pixels of a tile: only windows with samples are read.

#include "kernels/ops/resample.h"
#include "pipeline/core/context.h"
#include "pipeline/core/samples.h"
#include "pipeline/imagery/exogenous.h"
#include "pipeline/io/census.h"

namespace millesime {

// Fills values [sample][date][band] and validity [sample][date] of one of the samples' series, and with `exogenous` their statics, at the
// samples' col and row; kNodata if the pixel is not valid at a date. Where they need more than the memory budget they are on the disk of
// `folder`. UserError if a file changed since the census.
void read_series(const SourceCensus& census, const std::vector<ExogenousOptions>& exogenous, Resampling resampling, Samples& samples,
                 std::size_t source, const std::string& folder, const Context& context);

}  // namespace millesime
