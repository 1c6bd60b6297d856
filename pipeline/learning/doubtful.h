#pragma once
// Polygons whose label the other samples contradict (label_votes.h), before a model learns from them. They do not learn, but where they are
// held out they judge, as they are labelled: without them accuracy and confidence would be too high.

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "pipeline/core/context.h"
#include "pipeline/learning/label_votes.h"
#include "pipeline/learning/request.h"
#include "pipeline/learning/sample_input.h"

namespace millesime {

struct DoubtfulPolygons {
  std::set<LabelledPolygon> polygons;
  std::int64_t samples = 0;  // of them

  bool contains(std::int64_t group, int label) const { return polygons.contains({group, label}); }
};

// Random forests judge every polygon by the others (five folds). A polygon of at least five samples is doubtful where the mean probability
// of another class is larger than that of its own by request.recipe.doubtful or more. Of a class at most one polygon in five is doubtful,
// the most doubtful ones: what is contradicted more often is a class that forests cannot tell. Nothing where the option is 0, where there
// are too few polygons, or too many (told). UserError, which names the option, where the forests cannot learn.
std::optional<DoubtfulPolygons> doubtful_polygons(const LearningRequest& request, const std::vector<NamedSamples>& all,
                                                  const std::vector<SampleSelection>& found, const Context& context);

}  // namespace millesime
