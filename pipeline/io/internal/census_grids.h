#pragma once
// Inside pipeline/io only: the grid of a tile and those of its layers, by what the products have.

#include <string>
#include <vector>

#include "pipeline/io/census.h"

namespace millesime {

struct FoundProduct;

// Products of a layout whose products share a grid, of a source that gives the tile's grid: the grid of the finest layer. Of each layer
// the usual grid is right; products on another are damaged.
void check_grids(std::vector<FoundProduct>& candidates, SourceCensus& census, const std::vector<std::string>& names);

// Products on grids of their own: each layer is read on a grid that they have in common over the tile. A note names those whose pixels
// lie elsewhere than most.
void join_grids(std::vector<FoundProduct>& candidates, SourceCensus& census, const std::vector<std::string>& names);

// Whether none of a product's layers meets the tile.
bool lies_elsewhere(const FoundProduct& candidate, const Grid& tile);

}  // namespace millesime
