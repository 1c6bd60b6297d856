#pragma once
// What a model that is to be trained reads and tells apart, from its samples and options.

#include <vector>

#include "models/base/model_spec.h"
#include "pipeline/learning/request.h"
#include "pipeline/learning/sample_input.h"

namespace millesime {

// Architecture, series and target dates, nomenclature and provenance; classes, counts and normalisation are entered while it learns. The
// dates span all samples, also those of other regions. UserError where options and samples contradict each other.
ModelSpec begin_spec(const LearningRequest& request, const std::vector<NamedSamples>& all);

}  // namespace millesime
