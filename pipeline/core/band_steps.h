#pragma once
// The step of a band: the physical value of one stored number. Images have that of their unit (reflectance x 10000, decibel x 100); a table
// has that of its digits and its unit, which the names of the bands and the size of the numbers tell. By their steps numbers that were
// stored differently are brought to each other.

#include <string>
#include <vector>

#include "pipeline/core/samples.h"

namespace millesime {

inline constexpr float kReflectanceStep = 1e-4F, kDecibelStep = 1e-2F;

// That of images of a band with this name: reflectance of B1 to B12 and B8A, decibel of VV, VH, HH and HV; 0 where the name does not say
// it.
float image_step(const std::string& band);

// Of each band of a series: its scale times its unit; 0: not known, as of images in files of older programs whose bands do not say it.
std::vector<float> band_steps(const Samples& samples, const SampleSeries& series);

// Sets the unit of series that lack it. Samples from images: that of the band's name, else 0. Of bands of reflectance in a table integers
// are reflectance x 10000, and numbers with decimals are reflectance, percent or reflectance x 10000, by their mean; integers of decibel
// are decibel x 100 where they are more than 150 on average. All other numbers of a table are physical values.
void tell_units(Samples& samples);

}  // namespace millesime
