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

// Several architectures joined by + become their weighted mean (joint_calibration.h). "auto" is the mean of those that recipe.effort names,
// without those that have little weight on held-out samples: quick is ltae (temporal_cnn if no series has a gap) and, with few samples, a
// random_forest; standard is two seeds of ltae, temporal_cnn and, if no series has a gap, a light inception_time (of these, too, two seeds
// up to 10 000 samples), and a random_forest; best is three seeds of ltae and temporal_cnn, two of inception_time, and a forest. Their
// forests read quantiles if no series has a gap. With few samples (standard: 1000, best: 10 000) members are judged in five folds, so that
// every polygon has its say, and in three where up to 10 000 samples are of at most 1000 polygons. A model that is fine-tuned, or reads
// several sources or an input that was asked for, is ltae alone.
//
// Trains on the samples that request.selection selects of `selections`, without doubtful polygons if recipe.doubtful says so (doubtful.h);
// the dates of `all` define the time grid of regular input.
LearnedModel learn_model(const LearningRequest& request, const std::vector<NamedSamples>& all,
                         const std::vector<SampleSelection>& selections, const Context& context);

// Samples of each class: found, selected, learned. A printed table, with the rules of selection.
std::string counts_text(const ModelSpec& spec);

}  // namespace millesime
