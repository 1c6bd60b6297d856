#pragma once
// Series: the time series of one Window of a tile, as read. A whole tile-year is never in memory.
//
// Readers convert the numbers of all sensors to one form: int16, kNodata where the product has no value, masks as uint8.
// Bands keep their native resolution (a BandGroup each); kernels resample them to the window's pixels.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/host_numbers.h"
#include "pipeline/core/dates.h"
#include "pipeline/core/grid.h"

namespace millesime {

inline constexpr std::int16_t kNodata = -10000;  // the number of THEIA's products

// Bands of one native resolution over a window, with a margin where the file has one.
// The centre of window pixel (c, r) lies at group position (c * col_scale + col_offset, r * row_scale + row_offset),
// counted in group pixels whose centres are at integers. Positions beyond the group's edge take the edge pixel.
struct BandGroup {
  std::vector<int> bands;  // index of each band in Series::bands
  int cols = 0, rows = 0;
  double col_scale = 1, col_offset = 0, row_scale = 1, row_offset = 0;
  HostNumbers<std::int16_t> samples;  // [date][band of the group][row][col]
};

// For each value of a mask plane: 1 = the pixel of that date is invalid.
using MaskRule = std::array<std::uint8_t, 256>;

struct Series {
  Window window;
  std::vector<Date> dates;           // acquisitions in time order, one a day
  std::vector<std::string> bands;    // in the order of the model
  std::vector<BandGroup> groups;     // every band is in exactly one group
  std::vector<MaskRule> mask_rules;  // one a mask plane
  HostNumbers<std::uint8_t> masks;   // [date][mask plane][pixel]

  int n_dates() const { return static_cast<int>(dates.size()); }
  int n_bands() const { return static_cast<int>(bands.size()); }
  int n_masks() const { return static_cast<int>(mask_rules.size()); }
};

}  // namespace millesime
