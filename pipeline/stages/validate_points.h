#pragma once
// Validate a map with points: what a probability sample says about the map and the ground. A sample that is none gives counts, but no areas
// and no intervals.

#include <optional>
#include <string>

#include "pipeline/core/accuracy.h"
#include "pipeline/core/results.h"
#include "pipeline/stages/validate.h"

namespace millesime {

// Of two interpreters, on the points that both labelled.
struct Agreement {
  std::int64_t points = 0;
  double share = 0, kappa = 0;  // Cohen 1960
};

struct PointsAccuracy {
  MapAccuracy counts;                  // of the points, unweighted
  std::optional<AreaAccuracy> areas;   // none with sampling = "none"
  std::optional<Agreement> agreement;  // where the points have the labels of two interpreters
  std::int64_t points = 0, unlabelled = 0;
  std::int64_t disagreed = 0;  // two interpreters, and no label that they agreed on: what command.disagreements says
  std::int64_t missing = 0;    // of the design, and not in the layer any more
};

// command.sampling: "design": a file of `millesime design`; "random": drawn at random over the whole map; "stratified": drawn at random
// within the strata of command.strata (default: the classes of the map); "none": only counts. UserError where the points are not what it
// says: without a design, moved or added to it, outside of the map, or on classes as no random sample would be.
PointsAccuracy validate_points(const ValidateCommand& command, const LabelClasses& classes, const Context& context);

}  // namespace millesime
