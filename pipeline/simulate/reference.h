#pragma once
// The other inputs of a simulated world: labelled polygons, the regions, the climate.

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "pipeline/core/nomenclature.h"
#include "pipeline/simulate/products.h"
#include "pipeline/simulate/world.h"

namespace millesime::simulated {

struct SurveyOptions {
  int polygons = 40;           // at most, a class and region
  double wrong_labels = 0.04;  // share of polygons
};

// Polygons of parcels drawn by hand, with a metre or two of error, and the fields ID, CODE and NAME. Returns the numbers of polygons a
// region and class, and which are labelled wrongly.
nlohmann::ordered_json write_reference(const World& world, const std::vector<Tile>& tiles, const Nomenclature& nomenclature,
                                       const SurveyOptions& options, const std::string& path);

// Two polygons with the field `region`, 1 and 2.
void write_regions(const World& world, const std::string& path);

// Two bands: mean temperature in deg C, yearly rain in mm.
void write_climate(const World& world, const std::string& path);

}  // namespace millesime::simulated
