#pragma once
// Coordinates between reference systems, and the grids that follow from them (PROJ through GDAL).

#include <memory>
#include <string>
#include <vector>

#include "pipeline/core/grid.h"

namespace millesime {

// "EPSG:32631" where the system has a code, its WKT otherwise. Accepts anything GDAL understands; UserError otherwise.
std::string canonical_crs(const std::string& definition);

// The definition of a reference system in full, for files that do not know codes (WKT 2).
std::string crs_wkt(const std::string& definition);

class CoordinateTransform {  // x east or longitude first, always; not thread-safe
 public:
  CoordinateTransform(const std::string& from_crs, const std::string& to_crs);
  ~CoordinateTransform();
  CoordinateTransform(CoordinateTransform&&) noexcept;
  Point operator()(const Point& point) const;                        // UserError where the point has no image
  void apply(std::vector<double>& x, std::vector<double>& y) const;  // NaN where the point has no image
  Box operator()(const Box& box) const;                              // box that covers the transformed edges

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millesime
