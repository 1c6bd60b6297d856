#pragma once
// Points with attributes, and tables, in the layers of a vector file; beside them also polygons.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/io/vector_file.h"

namespace millesime {

struct PointLayer {
  std::string name;
  std::vector<std::string> fields;
  std::vector<Point> points;  // one a row; neither points nor polygons: a table without geometry
  std::vector<std::vector<Attribute>> rows;
  std::vector<Polygon> polygons = {};  // instead of points, one a row
};

// UserError unless write_point_layers() can write a file of this name.
void require_geopackage(const std::string& path);

// A GeoPackage (.gpkg) of these layers; atomic, the same content gives the same bytes. NaN is no value.
void write_point_layers(const std::string& path, const std::string& crs, const std::vector<PointLayer>& layers);

struct PointRow {
  std::int64_t id = 0;                            // the file's feature id
  std::optional<Point> point;                     // in the requested CRS; none in a table
  std::map<std::string, std::string> attributes;  // as text, "" without a value
};

bool has_layer(const std::string& path, const std::string& layer);
bool holds_points(const std::string& path, const std::string& layer);  // "": the first layer; UserError if it does not exist

// The rows of a layer ("": the first) in `crs`; a multipoint of one point is that point. UserError for a missing file, layer or field, and
// for features of other geometry.
std::vector<PointRow> read_points(const std::string& path, const std::string& layer, const std::vector<std::string>& required_fields,
                                  const std::string& crs);

}  // namespace millesime
