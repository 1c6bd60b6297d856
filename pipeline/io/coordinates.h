#pragma once
// Transformation of coordinates between reference systems (PROJ through GDAL).

#include <memory>
#include <string>
#include <vector>

#include "pipeline/core/grid.h"

namespace millesime {

// "EPSG:32631" if the system has a code, its WKT otherwise. Accepts anything GDAL understands; UserError otherwise.
std::string canonical_crs(const std::string& definition);

// The full definition of a reference system (WKT 2), for file formats without codes.
std::string crs_wkt(const std::string& definition);

class CoordinateTransform {  // x east or longitude first, always; not thread-safe
 public:
  CoordinateTransform(const std::string& from_crs, const std::string& to_crs);
  ~CoordinateTransform();
  CoordinateTransform(CoordinateTransform&&) noexcept;
  Point operator()(const Point& point) const;                        // UserError if the point cannot be transformed
  void apply(std::vector<double>& x, std::vector<double>& y) const;  // NaN if the point cannot be transformed
  Box operator()(const Box& box) const;                              // box that covers the transformed edges

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millesime
