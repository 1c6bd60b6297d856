#pragma once
// Resample: every band at the window's pixels, from its native resolution.
//
//   samples[date][band][pixel] = sum_ij wx_i wy_j v_ij / sum_ij wx_i wy_j over the group pixels v_ij that are not missing
//
// nearest: one group pixel, floor(position + 1/2); bilinear: 2 x 2; cubic: 4 x 4 with Keys' kernel, a = -1/2 (Keys 1981, "Cubic
// convolution interpolation for digital image processing", eq. 15). Positions beyond the group's edge take the edge pixel.
// The result is missing where the nearest group pixel is missing; other missing pixels are left out of the sum.
// Positions are rounded to 1/65536 of a group pixel first, so that every window of a tile sees the same ones.
// Arithmetic in float32, rows before columns; rounded half away from zero to int16, saturated. A band on the window's own
// grid is copied.

#include <cstdint>
#include <string>

#include "kernels/ops/series_view.h"

namespace millesime {

enum class Resampling : std::uint8_t { nearest, bilinear, cubic };

Resampling resampling_of(const std::string& name);  // "nearest", "bilinear", "cubic"; UserError for others

struct ResampleArgs {
  SeriesView series;
  Resampling method = Resampling::bilinear;
  std::int16_t* samples = nullptr;  // [date][band][pixel]
};

void resample(const Stream& stream, const ResampleArgs& args);

}  // namespace millesime
