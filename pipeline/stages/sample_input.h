#pragma once
// From Samples (what was observed) to ModelInput (what a model reads): gap filling and indices for regular input by the same kernels
// as classification, padding of irregular dates, normalisation.

#include <optional>
#include <string>
#include <vector>

#include "models/base/model_input.h"
#include "models/base/model_spec.h"
#include "pipeline/core/samples.h"
#include "pipeline/stages/config.h"
#include "pipeline/stages/stage.h"

namespace millesime {

// Samples chosen from one file.
struct SampleSelection {
  const Samples* samples = nullptr;
  std::string file;                     // for messages
  std::vector<std::int64_t> rows;
};

// All samples, or those of one region (its name) that learn or test in the run of one seed.
enum class SampleUse { all, learn, test };
SampleSelection select_samples(const Samples& samples, const std::string& file, SampleUse use, int seed, const std::optional<std::string>& region);

// Completes a spec whose architecture, parameters, input kind, indices and nomenclature are set: bands, classes, statics and the
// normalisation, from the samples that will train. For regular input spec.days must be set. UserError where files do not agree.
void fit_spec(ModelSpec& spec, const std::vector<SampleSelection>& selections, const Context& context);

// What a model of `spec` reads of these samples. Bands and statics are found by name (UserError when one is missing); groups of
// different files stay apart. Labels that the model does not know get target -1.
ModelInput make_input(const ModelSpec& spec, const std::vector<SampleSelection>& selections, const Context& context);

}  // namespace millesime
