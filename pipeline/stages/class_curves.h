#pragma once
// How each class behaves over the year: mean NDVI of its samples, for the report.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace millesime {

// Equal parts of the year, of about half a month: short enough for a season's turn, long enough that a cloudy region has observations.
inline constexpr int kCurveSteps = 24;

struct CurveStep {
  double mean = 0, deviation = 0;  // NDVI, and its standard deviation over the observations
  std::int64_t observations = 0;   // 0: none, and no mean
};

struct ClassCurve {
  int code = 0;
  std::array<CurveStep, kCurveSteps> steps;
};

// Over all samples of these files with a label, and all their valid observations within the year of the samples; by code. Nothing when
// no file holds the bands of the NDVI. One file is in memory at a time.
std::vector<ClassCurve> ndvi_curves(const std::vector<std::string>& sample_files);

}  // namespace millesime
