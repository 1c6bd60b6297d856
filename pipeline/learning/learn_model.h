#pragma once
// From samples to a trained model: one architecture, a mean of several, or a choice by the samples ("auto").

#include <string>
#include <vector>

#include "models/base/joint_calibration.h"
#include "pipeline/core/context.h"
#include "pipeline/learning/request.h"
#include "pipeline/learning/sample_input.h"

namespace millesime {

// The architectures in a model's name: one, or those of an ensemble, joined by +.
std::vector<std::string> members_of(const std::string& model);

// UserError for an architecture or parameters that do not exist.
void check_model(const ModelOptions& model);

// Several architectures joined by + become their mean. "auto" is ltae; if no series has a gap, temporal_cnn is trained, too, and kept if it
// is better on held-out polygons. With recipe.ensemble_samples or less it is the mean of that and a random_forest; of all three if they
// are in recipe.choice_polygons or less. Means are calibrated with the samples held out from their members (joint_calibration.h).
//
// Trains on the samples that request.selection selects of `selections`; the dates of `all` define the time grid of regular input.
LearnedModel learn_model(const LearningRequest& request, const std::vector<NamedSamples>& all,
                         const std::vector<SampleSelection>& selections, const Context& context);

// Samples of each class: found, selected, learned. A printed table, with the rules of selection.
std::string counts_text(const ModelSpec& spec);

}  // namespace millesime
