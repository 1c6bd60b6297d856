#pragma once
// The polygons of the regions, each of which has a model of its own.

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/core/grid.h"
#include "pipeline/io/vector_file.h"

namespace millesime {

// What a region is called where its name is missing or blank. It has no model of its own.
inline constexpr const char* kUnnamedRegion = "(without a name)";
std::string region_name(const std::string& attribute);  // without blanks around it

struct RegionOptions {  // [regions]
  std::string path, layer, field;
  double blend_m = 2000;                // distance from the border within which neighbouring models are blended
  std::string without_samples = "all";  // whose model maps a region without samples
};

struct RegionPolygon {
  std::string name;
  Feature feature;  // in the reference system of the grid
};

// Sorted by name, whatever the order of the file. `only_near`: those whose extent meets the grid. UserError for a feature that is no
// polygon that can be used, or that cannot be projected although it lies near the grid: its pixels would lack a region.
std::vector<RegionPolygon> read_regions(const RegionOptions& options, const Grid& grid, bool only_near);
void require_regions(const RegionOptions& options);  // UserError, as above, without a grid

struct RegionOverlap {
  std::string first, second;  // regions
  std::int64_t pixels = 0;    // of the grid, whose centre lies in both
};
std::vector<RegionOverlap> overlaps_of(const std::vector<RegionPolygon>& regions, const Grid& grid);

// Takes the features out of `dropped` that lie so far from the grid that its reference system is not defined there.
std::vector<Feature> take_elsewhere(VectorLayer& layer, const Grid& grid);

}  // namespace millesime
