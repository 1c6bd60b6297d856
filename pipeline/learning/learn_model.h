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

// Several architectures joined by + become their weighted mean (joint_calibration.h). "auto" is the mean of the architectures that
// recipe.effort names (effort_of() in learn_model.cpp; the table of models/README.md), without those of little weight on held-out samples.
// With few samples or polygons every polygon is held out once, in folds. A model that reads several sources, or an input that was asked
// for, is ltae alone; one that is fine-tuned has the architecture of the model that it starts from.
//
// Trains on the samples that request.selection selects of `selections`. Doubtful polygons (recipe.doubtful, doubtful.h) do not learn, but
// judge where they are held out. The dates of `all` define the time grid of regular input.
LearnedModel learn_model(const LearningRequest& request, const std::vector<NamedSamples>& all,
                         const std::vector<SampleSelection>& selections, const Context& context);

// Samples of each class: found, selected, learned. A printed table, with the rules of selection.
std::string counts_text(const ModelSpec& spec);

}  // namespace millesime
