#pragma once
// The probabilities of neighbouring regional models are blended by distance, so that no border is visible.
//
//   w_r(p) = max(0, 1 - d_r(p) / blend)      d_r: distance from pixel p to region r, 0 inside; w_r = 1 inside if blend is 0
//
// A pixel deep inside a region has one model; at a border, and where regions overlap, those concerned have equal weights. Pixels farther
// than `blend` from every region have no weight and get no data.

#include <string>
#include <vector>

#include "pipeline/core/grid.h"
#include "pipeline/imagery/regions.h"
#include "pipeline/io/vector_file.h"

namespace millesime {

// Exact distances (in widths of a pixel, which is `row_step` of them high) from every pixel to the nearest marked one: lower envelope of
// parabolas, rows then columns (Felzenszwalb & Huttenlocher 2012, "Distance transforms of sampled functions"). Infinite where nothing is
// marked. Not OpenCV's distanceTransform: it computes in float32 and is wrong by up to two pixels in images of more than 4096, as tiles
// are.
std::vector<float> distance_to(const std::vector<std::uint8_t>& marked, int width, int height, double row_step = 1);

class RegionWeights {
 public:
  // `names` in sorted order. UserError where a region cannot be used (regions.h).
  RegionWeights(const RegionOptions& options, const Grid& grid);

  const std::vector<std::string>& names() const { return names_; }
  // Names of the regions that have a weight somewhere in the window.
  std::vector<int> present(const Window& window) const;
  // Weights [region of `regions`][pixel] of a window of the grid. They do not depend on the windows.
  std::vector<float> weights(const Window& window, const std::vector<int>& regions) const;

 private:
  Grid grid_;
  double blend_px_ = 0, row_step_ = 1;  // in widths of a pixel: of the blend, and from row to row
  std::vector<std::string> names_;
  std::vector<std::vector<Feature>> features_;  // of each region
};

}  // namespace millesime
