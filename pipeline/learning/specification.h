#pragma once
// The input and classes of a model to be trained, from its samples and options.

#include <string>
#include <vector>

#include "models/base/model_spec.h"
#include "pipeline/learning/request.h"
#include "pipeline/learning/sample_input.h"

namespace millesime {

// Architecture, series and target dates, nomenclature and provenance; training adds classes, counts and normalisation. The dates
// cover all samples, also those of other regions. UserError if options and samples contradict each other.
ModelSpec begin_spec(const LearningRequest& request, const std::vector<NamedSamples>& all);

// Whether what it trains makes maps of any day (train.season_cut; models/base/season.h): networks of raw input do.
bool serves_any_day(const LearningRequest& request);

// The index that radar has without being asked (gap_filling.h): of a series with VV and VH, {} for others.
std::vector<std::string> radar_indices(const std::vector<std::string>& bands);

}  // namespace millesime
