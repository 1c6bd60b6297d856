#pragma once
// The series of each class over the year: mean NDVI, or mean of a band, of its samples; for reports.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/core/samples.h"

namespace millesime {

// Equal parts of the year, of about half a month: short enough for the phenology, long enough for observations in a cloudy region.
inline constexpr int kCurveSteps = 24;

struct CurveStep {
  double mean = 0, deviation = 0;  // of the NDVI or the band, over the observations
  std::int64_t observations = 0;   // 0: none, and no mean
};

struct ClassCurve {
  int code = 0;
  std::array<CurveStep, kCurveSteps> steps;
};

// Over all labelled samples of these files, and all their valid observations within the year of the samples; by code. Empty if
// no file has the bands of the NDVI. One file is in memory at a time.
std::vector<ClassCurve> ndvi_curves(const std::vector<std::string>& sample_files);
std::vector<ClassCurve> ndvi_curves(const std::vector<const Samples*>& samples);

// The same for a band, stored number x scale.
std::vector<ClassCurve> band_curves(const std::vector<const Samples*>& samples, const std::string& band);

}  // namespace millesime
