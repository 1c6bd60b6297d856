#pragma once
// Applies any trained model, network or random forest, to samples.

#include <vector>

#include "models/base/input_table.h"
#include "models/base/model_file.h"
#include "pipeline/core/context.h"
#include "pipeline/core/quantile_plan.h"
#include "pipeline/learning/sample_input.h"

namespace millesime {

// Calibrated probabilities [sample][class of the spec], by the same kernels as on images. Of an ensemble: the mean of its members'.
std::vector<float> predict_probabilities(const ModelFile& model, const std::vector<SampleSelection>& selections, const Context& context);

// The same of one model (no ensemble) and its prepared input.
std::vector<float> predict_probabilities(const ModelFile& model, const InputTable& input, const Context& context);

// The quantiles of a forest instead of the series of each source, as one date, by the same kernel as on images.
ModelInput with_quantiles(const ModelInput& input, const std::vector<QuantilePlan>& plans, const Context& context);

// Time of predict_probabilities, measured on these samples, repeated.
double seconds_per_pixel(const ModelFile& model, const ModelInput& input, const Context& context);

}  // namespace millesime
