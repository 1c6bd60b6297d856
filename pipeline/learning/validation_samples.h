#pragma once
// Samples that are given to choose the epoch and to calibrate (--validation), instead of a part of those that learn.

#include <string>
#include <vector>

#include "models/base/model_file.h"
#include "pipeline/core/context.h"
#include "pipeline/learning/request.h"
#include "pipeline/learning/sample_input.h"

namespace millesime {

struct ValidationSamples {
  std::vector<NamedSamples> all;
  std::vector<SampleSelection> known, unknown;  // of classes that samples learn, and of others; empty: none are given
};

// Those of request.validation that are not among the samples that learn: these are left out and counted in a note. UserError where all are,
// or none has a class that learns.
ValidationSamples validation_samples(const LearningRequest& request, const std::vector<NamedSamples>& all,
                                     const std::vector<SampleSelection>& learning, const Context& context);

// Samples of unknown classes can neither choose nor calibrate, but a model is wrong about them: held-out accuracy and F-score of the model
// and of its members count them as `evaluate` does (metrics.held_out.unknown_to_model). Calibration errors are those of the others.
void count_unknown(ModelFile& model, const ValidationSamples& validation, const Context& context);

}  // namespace millesime
