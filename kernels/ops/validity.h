#pragma once
// Validity: which observations can be used, and how many each pixel has.
//
//   valid[date][pixel] = 1 if every mask plane says valid and no band is missing (kMissing), else 0
//   count[pixel]       = number of valid dates, at most 255
//
// A band of coarser resolution is missing at a pixel where the coarse pixel nearest to its centre is missing; this is the
// same for every resampling method (see resample.h). What a value of a mask plane means is a table of 256 values
// (SeriesView::mask_rules), one a plane; those of products come from their sensor files (configs/sensors).

#include <cstdint>

#include "kernels/ops/series_view.h"

namespace millesime {

struct ValidityArgs {
  SeriesView series;
  std::uint8_t* valid = nullptr;  // [date][pixel], may be null
  std::uint8_t* count = nullptr;  // [pixel], may be null
};

void validity(const Stream& stream, const ValidityArgs& args);

}  // namespace millesime
