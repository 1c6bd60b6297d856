#pragma once
// Colour ramps of maps of numbers, the same in QGIS styles and in the report.

#include <vector>

#include "pipeline/core/nomenclature.h"

namespace millesime {

struct ColorRamp {
  std::vector<Color> stops;         // at equal distances
  Color at(double position) const;  // 0..1, linear between the stops
};

const ColorRamp& confidence_ramp();   // viridis (matplotlib, CC0): dark is low, light is high
const ColorRamp& uncertainty_ramp();  // YlOrRd (ColorBrewer): pale is known, dark is not
const ColorRamp& validity_ramp();     // Blues (ColorBrewer): pale is few dates, dark is many

}  // namespace millesime
