#pragma once
// The reference polygons of one tile: the polygons of a vector file that belong to it, their classes and regions.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/core/nomenclature.h"
#include "pipeline/imagery/regions.h"
#include "pipeline/io/vector_file.h"

namespace millesime {

struct ReferenceOptions {  // [reference]
  std::string path, layer, class_field;
  double learn_ratio = 0.7;
  double final_ratio = -1;  // -1: with several seeds 1 - learn_ratio; with one seed its test polygons judge the final map, too
  int seeds = 1;
  std::int64_t random_seed = 1;  // of the split; seed i of the run uses random_seed + i
  double erosion_m = 0;          // border of each polygon left out of the samples
  std::string split = "auto";    // polygon, block, both: what is never divided between learning and testing (stages/sample.h)
  double block_km = 5;

  // Whether polygons are held out from every seed; otherwise the test polygons of the only seed judge the final map.
  bool draws_final_set() const { return seeds > 1 || final_ratio >= 0; }
};

struct ReferencePolygon {
  Feature feature;               // in the tile's reference system
  int code = 0;                  // of the nomenclature
  std::string region;            // "" without regions
  bool is_contradicted = false;  // another polygon of the same corners has another class: its pixels count for none
};

struct TileReference {
  std::vector<ReferencePolygon> polygons;  // that belong to this tile, by feature id; of a multipolygon the parts that do
  std::vector<ReferencePolygon> beside;    // near them, of other tiles or in no region: what they share with these is theirs, too
  std::vector<std::string> regions;        // that cover a pixel of this tile, sorted
  std::vector<RegionOverlap> overlaps;     // of regions, in this tile
  std::vector<std::pair<std::int64_t, std::int64_t>> copies;          // ids: left out, since the other has the same corners and class
  std::vector<std::pair<std::int64_t, std::int64_t>> contradictions;  // ids: the same corners, another class; both are in `polygons`
  std::int64_t of_other_tiles = 0;                                    // near this tile, but nearer to the centre of another
  std::int64_t outside_tiles = 0;                                     // near this tile, in the footprint of no tile
  std::int64_t without_class = 0;                                     // in this tile, of class 0 (no data) or with an empty class field
  std::int64_t outside_regions = 0;                                   // in this tile, in no region
  std::vector<std::string> repaired, dropped;                         // geometries, one line each
  std::string note;                                                   // why there are none
};

// A tile of the production and the raster that is 1 where it has images.
struct TileFootprint {
  std::string tile, file;
};

// The tile's polygons. `tiles`: all of the production. UserError if the file, layer or field is missing; if a class is not in the
// nomenclature (each with its number of polygons); if no polygon of the file is in any tile (with the extents of both).
TileReference read_reference(const ReferenceOptions& reference, const RegionOptions& regions, const Nomenclature& nomenclature,
                             const std::vector<TileFootprint>& tiles, const std::string& tile);

bool contains(const Feature& feature, const Point& point);  // holes are outside

}  // namespace millesime
