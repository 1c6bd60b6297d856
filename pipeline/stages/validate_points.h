#pragma once
// Validate a map with points, or with blocks of `millesime design`: what a probability sample says about the map and the ground. A sample
// that is none gives counts, but no areas and no intervals.
//
// The class of the map in a block is that of most of its pixels that have one, those whose centre lies in its square; the label is that of
// the block, which interpreters give by the same rule (map_units.h). Its confidence is the mean of the pixels that have that class.

#include <optional>
#include <string>
#include <vector>

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
  std::string unit = "point";  // or block
  // Of the points, unweighted; the calibration, where the map has a confidence, with the area that each point stands for.
  MapAccuracy counts;
  std::vector<PlacedConfusion> confusions;  // by the same areas; none with sampling = "none"
  std::optional<AreaAccuracy> areas;        // none with sampling = "none"
  std::optional<Agreement> agreement;       // where the points have the labels of two interpreters
  std::int64_t points = 0, unlabelled = 0;
  std::int64_t disagreed = 0;  // two interpreters, and no label that they agreed on: what command.disagreements says
  std::int64_t missing = 0;    // of the design, and not in the layer any more
};

bool holds_design(const std::string& file);  // of `millesime design`, of points or blocks

// command.sampling: "design": a file of `millesime design`; "random": drawn at random over the whole map; "stratified": drawn at random
// within the strata of command.strata (default: the classes of the map); "none": only counts. UserError where the points are not what it
// says: without a design, moved or added to it, outside of the map, or on classes as no random sample would be.
PointsAccuracy validate_points(const ValidateCommand& command, const LabelClasses& classes, const Context& context);

}  // namespace millesime
