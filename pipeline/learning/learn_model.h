#pragma once
// From samples to a trained model: one architecture, a mean of several, or what suits the samples ("auto").

#include <string>
#include <vector>

#include "models/base/joint_calibration.h"
#include "pipeline/core/context.h"
#include "pipeline/learning/request.h"
#include "pipeline/learning/sample_input.h"

namespace millesime {

// The names in a model's name: one, or those of an ensemble, joined by +.
std::vector<std::string> members_of(const std::string& model);

// UserError for an architecture or parameters that do not exist.
void check_model(const ModelOptions& model);

// Several architectures joined by + become their mean. "auto" is ltae; where no series has a gap temporal_cnn is tried, too, and kept if it
// does better on held-out polygons. Of recipe.ensemble_samples or less it is the mean of that and a random_forest, of all three
// where these lie in recipe.choice_polygons or less. Means are calibrated by what their members were (models/base/joint_calibration.h).
//
// Learns from what request.selection takes of `selections` of `all`, whose dates span the time grid of regular input.
LearnedModel learn_model(const LearningRequest& request, const std::vector<NamedSamples>& all,
                         const std::vector<SampleSelection>& selections, const Context& context);

// Samples of each class: found, selected, learned. For people, with the rules behind them.
std::string counts_text(const ModelSpec& spec);

}  // namespace millesime
