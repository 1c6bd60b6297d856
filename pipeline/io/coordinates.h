#pragma once
// Transformation of coordinates between reference systems (PROJ through GDAL).

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/core/grid.h"

namespace millesime {

// "EPSG:32631" if the system has a code, its WKT otherwise. Accepts anything GDAL understands; UserError otherwise.
std::string canonical_crs(const std::string& definition);

// The full definition of a reference system (WKT 2), for file formats without codes.
std::string crs_wkt(const std::string& definition);

// Metres a unit of a projected system; nothing for a geographic one.
std::optional<double> metres_per_unit(const std::string& crs);
bool in_degrees(const std::string& crs);  // longitude and latitude

class CoordinateTransform {  // x east or longitude first, always; not thread-safe
 public:
  CoordinateTransform(const std::string& from_crs, const std::string& to_crs);
  ~CoordinateTransform();
  CoordinateTransform(CoordinateTransform&&) noexcept;
  Point operator()(const Point& point) const;                        // UserError if the point cannot be transformed
  void apply(std::vector<double>& x, std::vector<double>& y) const;  // NaN if the point cannot be transformed
  // Box that covers the transformed edges. In degrees, a box across the 180th meridian has max_x > 180.
  Box operator()(const Box& box) const;

 private:
  Box around_edges(const Box& box) const;

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Boxes in one reference system. In degrees, longitudes that differ by 360 are the same; in other systems nothing is added.
class BoxesOf {
 public:
  explicit BoxesOf(const std::string& crs) : degrees_(millesime::in_degrees(crs)) {}

  bool in_degrees() const { return degrees_; }
  bool meet(const Box& a, const Box& b) const;
  Box near(const Box& box, const Box& other) const;  // the box shifted by multiples of 360 degrees, nearest to the other
  double near(double x, double other) const;         // the same for a longitude
  Box around(const std::vector<Box>& boxes) const;   // the smallest box that covers all
  std::vector<Box> turns(const Box& box) const;      // the box and, in degrees, the same 360 degrees further west and east

 private:
  bool degrees_;
};

}  // namespace millesime
