#include "pipeline/imagery/statics_seen.h"

#include <cmath>

#include "pipeline/core/coordinate_inputs.h"
#include "pipeline/core/static_groups.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

std::string magnitude(double value) { return fixed(value, value < 10 ? 2 : 0); }

}  // namespace

void StaticsSeen::add(std::size_t input, float value) {
  if (std::isnan(value)) return;
  sum_[input] += std::abs(static_cast<double>(value)), ++n_[input];
}

std::vector<std::string> StaticsSeen::notes() const {
  // Mountains may be ten times as high as the land of the samples, but a raster of many bands does not change as a whole from one landscape
  // to another.
  constexpr double kGross = 50, kGrossOfMany = 10;
  std::vector<std::string> names, notes;
  for (const StaticSpec& known : statics_) names.push_back(known.name);
  for (const StaticGroup& group : static_groups(names)) {
    std::size_t apart = 0;
    double here = 0, learned = 0;
    for (std::size_t s = group.first; s < group.first + group.count; ++s) {
      const StaticSpec& known = statics_[s];
      const bool unknown = known.mean == 0 && known.deviation == 1;  // missing in all samples
      if (known.is_category() || is_coordinate(known.name) || unknown || n_[s] == 0) continue;
      const double own = std::abs(static_cast<double>(known.mean)) + static_cast<double>(known.deviation),
                   seen = sum_[s] / static_cast<double>(n_[s]);
      apart += group.count > 1 ? seen > kGrossOfMany * own || seen < own / kGrossOfMany : seen > kGross * own;
      here += seen / static_cast<double>(group.count), learned += own / static_cast<double>(group.count);
    }
    if (2 * apart <= group.count) continue;
    notes.push_back(join_text("the exogenous input ", group.name, " has a magnitude of ", magnitude(here),
                              " on average, the samples of the model had about ", magnitude(learned),
                              ": it is probably in another unit, and the map is then wrong; expected the raster that the samples were "
                              "extracted with, or one with "
                              "the same unit, scale, offset and no-data value"));
  }
  return notes;
}

}  // namespace millesime
