#pragma once
// Polygons whose label the other samples contradict (label_votes.h), before a model learns from them.

#include <cstdint>
#include <optional>
#include <vector>

#include "pipeline/core/context.h"
#include "pipeline/learning/request.h"
#include "pipeline/learning/sample_input.h"

namespace millesime {

struct WithoutDoubtful {
  std::vector<SampleSelection> samples;     // those that are kept
  std::int64_t polygons = 0, left_out = 0;  // what is not: polygons and their samples
};

// Random forests judge every polygon by the others (five folds). A polygon of at least five samples is doubtful where the mean probability
// of another class is larger than that of its own by request.recipe.doubtful or more. Of a class at most one polygon in five is left out,
// the most doubtful ones: what is contradicted more often is a class that forests cannot tell. Nothing where the option is 0, where there
// are too few polygons, or too many (told). UserError, which names the option, where the forests cannot learn.
std::optional<WithoutDoubtful> without_doubtful(const LearningRequest& request, const std::vector<NamedSamples>& all,
                                                const std::vector<SampleSelection>& found, const Context& context);

}  // namespace millesime
