#pragma once
// Writes millions of polygons one after the other: none of them is kept in memory.
//
//   .gpkg .fgb .parquet   GeoPackage, FlatGeobuf, GeoParquet
//   .zip                  a zipped ESRI shapefile with .cpg, .prj and a QGIS style, in parts below 2 GB (NAME.shp, NAME_2.shp, ...)
//   .mbtiles .pmtiles     Mapbox vector tiles, in EPSG:3857
//
// A format that this GDAL cannot write is refused before any work. Atomic: until commit() the old file is unchanged, and a full disk leaves
// it as it is.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "pipeline/core/grid.h"

namespace millesime {

struct PolygonField {
  enum class Type { integer, number, text };
  std::string name;
  Type type = Type::number;
  int width = 0, decimals = 0;  // in a shapefile
};

using PolygonValue = std::variant<std::int64_t, double, std::string_view>;  // NaN: no value

struct PolygonLimits {
  std::int64_t shapefile_bytes = (std::int64_t{1} << 31) - 1;  // of each file of a part
};

// The extensions of above, without the dot.
const std::vector<std::string>& polygon_formats();
// UserError if the extension is none of them, or if this GDAL has no such driver.
void require_polygon_format(const std::string& path);
bool holds_short_names(const std::string& path);  // at most 10 characters: a shapefile

class PolygonWriter {
 public:
  // `style`: a QGIS style (.qml) for the archive of a shapefile, whose polygons have codes and no names; "": none.
  PolygonWriter(const std::string& path, const std::string& layer, const std::string& crs, const std::vector<PolygonField>& fields,
                const std::string& style = "", const PolygonLimits& limits = {});
  ~PolygonWriter();
  PolygonWriter(PolygonWriter&&) noexcept;

  // Rings are closed, the first is the outer one; `ring_ends`: one beyond the last point of each. One value a field, of its type.
  void write(std::span<const Point> points, std::span<const std::uint32_t> ring_ends, std::span<const PolygonValue> values);
  std::int64_t written() const;
  void commit();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millesime
