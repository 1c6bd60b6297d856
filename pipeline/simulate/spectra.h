#pragma once
// The spectrum of a parcel on a day: a mixture of spectra (vegetation, straw, soil, water, snow, built) that follows the phenology of
// its class. Reflectance is 0..1.

#include <array>
#include <string>
#include <vector>

#include "pipeline/simulate/world.h"

namespace millesime::simulated {

inline constexpr int kBands = 10;
using Spectrum = std::array<float, kBands>;

// Band names in the order of a Spectrum, as in product files.
const std::array<std::string, kBands>& band_names();
bool is_20m(int band);

// A parcel's mean spectrum, and what one standard deviation of growth inside the parcel adds to it.
struct Look {
  Spectrum mean{}, growth{};
};

// Spectrum of a parcel on a day of the year. Timing varies with the climate (warmer is earlier) or, where the world's seasons follow the
// temperature, with the growing degree days of its year; and from parcel to parcel.
Look look_of(const World& world, const Parcel& parcel, int day_of_year);

}  // namespace millesime::simulated
