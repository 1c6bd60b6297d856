#pragma once
// Vector files through OGR: polygons with attributes in, polygons with attributes out.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "pipeline/core/grid.h"
#include "pipeline/core/raster.h"

namespace millesime {

using Ring = std::vector<Point>;  // closed: first point equals last

struct Polygon {  // one part: an outer ring and its holes
  std::vector<Ring> rings;
};

struct Feature {
  std::int64_t id = 0;                            // the file's feature id
  std::vector<Polygon> parts;                     // in the requested CRS
  std::map<std::string, std::string> attributes;  // as text; numbers without trailing zeros
  Box extent() const;
  Point centroid() const;
  double area() const;  // in the square of the CRS's unit
};

struct VectorLayer {
  std::string path, layer, crs;  // crs: of the file
  std::vector<std::string> fields;
  std::vector<Feature> features;      // valid polygons only
  std::vector<std::string> repaired;  // repaired geometries and their faults, one line a feature
  std::vector<std::string> dropped;   // unusable features and the reasons, one line a feature (no geometry, a point, empty after repair)
  std::vector<std::pair<std::size_t, Feature>> undefined;  // those in `dropped`, by place, that lie where the requested CRS is not defined,
                                                           // in the CRS of the file
};

// All polygons of a layer ("" takes the only one), in `crs` ("" keeps the file's); with `within`, a box in `crs`, those whose extent
// meets it. UserError if the file, the layer or a required field is missing (in any letter case); the message lists the existing fields
// (layers). Curves become lines, heights are left out, invalid polygons are repaired (and reported). Attributes without a value are "".
VectorLayer read_polygons(const std::string& path, const std::string& layer, const std::vector<std::string>& required_fields,
                          const std::string& crs, const std::optional<Box>& within = std::nullopt);

bool meets(const Feature& feature, const Box& box);  // in one reference system; a common border is enough

// Burns `value(feature index)` into the pixels of `grid` whose centre lies inside the feature (GDAL's rule); later features win.
Raster<std::int32_t> rasterise(const std::vector<Feature>& features, const Grid& grid,
                               const std::function<std::int32_t(std::size_t)>& value);
// The same for some features of a list, in this order.
Raster<std::int32_t> rasterise(const std::vector<const Feature*>& features, const Grid& grid,
                               const std::function<std::int32_t(std::size_t)>& value);

using Attribute = std::variant<std::int64_t, double, std::string>;
struct OutputFeature {
  std::vector<Polygon> parts;
  std::vector<Attribute> attributes;  // in the order of the fields
};
// Format by extension (.gpkg, .shp, .geojson, .fgb, .parquet where GDAL has it). NaN is no value. Atomic (each of a shapefile's parts, the
// .shp last). Every feature has one attribute a field, of one type a field. The same content gives the same bytes.
void write_polygons(const std::string& path, const std::string& layer, const std::string& crs, const std::vector<std::string>& fields,
                    const std::vector<OutputFeature>& features);

}  // namespace millesime
