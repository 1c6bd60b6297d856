#pragma once
// Permutation importance (Breiman 2001; of groups of features: Gregorutti et al. 2015): the accuracy that a model loses when the values
// of one band, or of one time of the year, are exchanged between the samples.

#include <cstdint>
#include <string>
#include <vector>

#include "models/base/model_file.h"
#include "pipeline/core/context.h"
#include "pipeline/learning/sample_input.h"

namespace millesime {

struct Importance {
  std::string name;      // "B8", "elevation"; "2021-05-03", or "2021-05-03 to 2021-05-18" if there are many dates
  std::string detail;    // description of the exchanged values
  double loss = 0;       // of overall accuracy, mean over the repeats; may be below 0 by chance
  double deviation = 0;  // over the repeats
};

struct Importances {
  double accuracy = 0;       // of the unchanged samples
  std::int64_t samples = 0;  // that were used
  int repeats = 0;
  std::vector<Importance> bands, statics, dates;  // in the order of the model, and in time
};

inline constexpr std::int64_t kImportanceSamples = 2000;
inline constexpr int kImportanceRepeats = 5, kDatesOfTheirOwn = 36, kTimeSteps = 24;

// For a band, its values at all dates are exchanged together, so that each sample gets the series of another; for a date, those of all
// bands. Masks stay: if the other sample has no value at a date, the next one in the drawn order that has one is used. More than
// kDatesOfTheirOwn dates are grouped into kTimeSteps equal parts of their span. At most kImportanceSamples samples, drawn by `seed`,
// are used. Samples of classes that the model does not know are left out.
Importances permutation_importance(const ModelFile& model, const std::vector<SampleSelection>& selections, std::int64_t seed,
                                   const Context& context);

}  // namespace millesime
