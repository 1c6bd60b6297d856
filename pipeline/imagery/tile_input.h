#pragma once
// What is read for every window of a tile: the bands, dates and further sources of its models.

#include "pipeline/imagery/tile_classifier.h"
#include "pipeline/imagery/tile_model.h"

namespace millesime {

// As the first model asks for it; UserError where the tile lacks a band of it.
TileInput tile_input(const ClassifyRequest& request);

}  // namespace millesime
