#pragma once
// Inside pipeline/stages only: what became of the polygons of a tile, for the manifest and for the reader.

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/samples.h"
#include "pipeline/imagery/exogenous.h"
#include "pipeline/imagery/reference.h"
#include "pipeline/stages/config.h"

namespace millesime {

struct Dropped {
  std::int64_t polygons_without_pixel = 0, pixels_of_two_classes = 0, pixels_without_observation = 0, pixels_not_selected = 0;
  std::string untested;  // untested_text()
};

MissingStatics missing_of(const Samples& samples);
nlohmann::json counts_of(const Samples& samples, const TileReference& reference, const Dropped& dropped);
// Why there are no polygons; polygons that are drawn several times; regions that overlap.
std::vector<std::string> notes_of_reference(const TileReference& reference, const Config& config, const Grid& grid);

}  // namespace millesime
