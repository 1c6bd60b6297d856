#pragma once
// The reference polygons of one tile: which of a vector file's polygons belong to it, their classes and regions.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pipeline/core/nomenclature.h"
#include "pipeline/io/vector_file.h"
#include "pipeline/stages/config.h"

namespace millesime {

struct ReferencePolygon {
  Feature feature;     // in the tile's reference system
  int code = 0;        // of the nomenclature
  std::string region;  // "" without regions
};

struct TileReference {
  std::vector<ReferencePolygon> polygons;      // that belong to this tile, by feature id
  std::int64_t of_other_tiles = 0;             // near this tile, but nearer to the centre of another
  std::int64_t outside_tiles = 0;              // near this tile, in no tile's footprint
  std::int64_t without_class = 0;              // in this tile, of class 0 (no data) or with an empty class field
  std::int64_t outside_regions = 0;            // in this tile, in no region
  std::vector<std::string> repaired, dropped;  // geometries, one line each
  std::string note;                            // why there is none
};

// The tile's polygons. UserError: the file, layer or field is missing; a class is not in the nomenclature (each with its number of
// polygons); no polygon of the file lies in any tile (with the extents of both).
TileReference read_reference(const Config& config, const Nomenclature& nomenclature, const std::vector<std::string>& tiles,
                             const std::string& tile);

bool contains(const Feature& feature, const Point& point);  // holes are outside

// The file and, for a shapefile, the files beside it that exist.
std::vector<std::string> files_of_vector(const std::string& path);

}  // namespace millesime
