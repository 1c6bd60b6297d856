#pragma once
// Permutation importance (Breiman 2001; of groups of features: Gregorutti et al. 2015): how much accuracy a model loses when what it reads
// of one band, or of one time of the year, is exchanged between the samples.

#include <cstdint>
#include <string>
#include <vector>

#include "models/base/model_file.h"
#include "pipeline/core/context.h"
#include "pipeline/learning/sample_input.h"

namespace millesime {

struct Importance {
  std::string name;      // "B8", "elevation"; "2021-05-03", or "2021-05-03 to 2021-05-18" where there are many dates
  std::string detail;    // what was exchanged, in words
  double loss = 0;       // of overall accuracy, mean over the repeats; below 0 where chance helped
  double deviation = 0;  // over the repeats
};

struct Importances {
  double accuracy = 0;       // of the samples as they are
  std::int64_t samples = 0;  // that were used
  int repeats = 0;
  std::vector<Importance> bands, statics, dates;  // in the order of the model, and in time
};

inline constexpr std::int64_t kImportanceSamples = 2000;
inline constexpr int kImportanceRepeats = 5, kDatesOfTheirOwn = 36, kTimeSteps = 24;

// Exchanged are the values of a band at all dates together, so that each sample gets the course of another; of a date, those of all bands.
// Masks stay: at a date where the other sample has no value, the next one in the drawn order that has one gives it. More than
// kDatesOfTheirOwn dates are put together in kTimeSteps equal parts of their span. At most kImportanceSamples samples, drawn by `seed`,
// are used. Samples of classes that the model does not know are left out.
Importances permutation_importance(const ModelFile& model, const std::vector<SampleSelection>& selections, std::int64_t seed,
                                   const Context& context);

}  // namespace millesime
