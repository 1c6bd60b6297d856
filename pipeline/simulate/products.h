#pragma once
// Writes the year of one simulated tile: its Sentinel-2 products in one layout, and the truth.

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/context.h"
#include "pipeline/core/grid.h"
#include "pipeline/simulate/product_files.h"
#include "pipeline/simulate/sky.h"
#include "pipeline/simulate/world.h"

namespace millesime::simulated {

struct ProductOptions {
  double cloud_share = 0.4;
  int value_step = 1;  // of int16 reflectances
};

// Writes <products>/<product>/... for every pass and, unless `truth` is "", the truth map of the tile; returns its entry for
// truth.json (with the truth map).
// Works strip by strip, so that memory grows only with the tile's width.
nlohmann::ordered_json write_tile(const World& world, const Tile& tile, const std::vector<Pass>& passes, const OpticalLayout& layout,
                                  const ProductOptions& options, const std::string& products, const std::string& truth,
                                  const Context& context);

// The truth map of a tile alone.
nlohmann::ordered_json write_truth(const World& world, const Tile& tile, const std::string& path, const Context& context);

// Class of every pixel centre of `grid` (EPSG:2154) that is in one of the tiles, 0 elsewhere.
void write_union_truth(const World& world, const std::vector<Tile>& tiles, const Grid& grid, const std::string& path,
                       const Context& context);
// The same of crops alone: what farmers declare.
void write_register(const World& world, const std::vector<Tile>& tiles, const Grid& grid, const std::string& path, const Context& context);

}  // namespace millesime::simulated
