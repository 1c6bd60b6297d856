#pragma once
// CoordinateReader: longitude and latitude of a tile's pixels, as the static inputs of core/coordinate_inputs.h.

#include <vector>

#include "pipeline/core/grid.h"
#include "pipeline/core/samples.h"
#include "pipeline/io/coordinates.h"

namespace millesime {

class CoordinateReader {  // not thread-safe
 public:
  explicit CoordinateReader(const Grid& tile);  // UserError where its reference system is none of the Earth
  // Of the pixels' centres: to values[pixel * stride + first...]. Independent of the window.
  void read(const Window& window, float* values, std::size_t stride, std::size_t first) const;

 private:
  Grid tile_;
  CoordinateTransform to_degrees_;
};

// Fills longitude and latitude of the samples of a tile, from x and y; nothing where its reference system is none of the Earth.
void locate(Samples& samples, const Grid& tile);

}  // namespace millesime
