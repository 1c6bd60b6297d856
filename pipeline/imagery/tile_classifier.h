#pragma once
// The maps of a tile, window by window, without intermediate images. A window is read once for the models of all regions and seeds.

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "models/base/model_file.h"
#include "pipeline/core/context.h"
#include "pipeline/imagery/area.h"
#include "pipeline/imagery/exogenous.h"
#include "pipeline/imagery/region_weights.h"
#include "pipeline/imagery/seed_map.h"
#include "pipeline/io/census.h"

namespace millesime {

struct ClassifyRequest {
  SourceCensus census;
  std::vector<SourceCensus> others;           // further sources, which models may read; one without acquisitions is absent
  std::vector<std::string> other_resampling;  // of each
  AreaOptions mapped = {};                    // pixels outside get no class
  int year = 0;
  std::string resampling;
  RegionOptions regions;                           // without a path: the only model of each map counts at every pixel
  std::map<std::string, std::string> substitutes;  // regions without a model, and the region whose model is used there ("": all samples)
  std::string footprint;                           // where there is an image, to count pixels without a class by reason; "" for none
  std::vector<ExogenousOptions> exogenous;
  ClassifyOptions options;
  std::vector<SeedMap::Files> maps;  // one a seed
  Trust trust = Trust::data_only;
};

// Writes the maps of every seed (atomic). Returns counts: pixels, pixels without a class by reason, pixels a class. UserError where nothing
// of what was seen is mapped.
nlohmann::json classify_tile(const ClassifyRequest& request, const Context& context);

}  // namespace millesime
