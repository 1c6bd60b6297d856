#include "pipeline/learning/sample_statics.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "pipeline/core/coordinate_inputs.h"
#include "pipeline/core/error.h"

namespace millesime {
namespace {

constexpr const char* kWhatToDo =
    "; extract the samples of a production again (millesime run CONFIG --from sample --force), give a table columns longitude and latitude "
    "in degrees, or use a model without model.coordinates";

}  // namespace

SampleStatics::SampleStatics(const ModelSpec& spec, const Samples& samples, const std::string& file) : samples_(samples), file_(file) {
  coordinates_ = std::ranges::any_of(spec.statics, [](const StaticSpec& known) { return is_coordinate(known.name); });
  if (coordinates_ && samples.longitude.empty())
    throw UserError(join_text(file, ": the model reads coordinates, and the samples have no longitude and latitude", kWhatToDo));
  std::vector<std::string> names = samples.static_names;
  if (coordinates_) names.insert(names.end(), coordinate_inputs().begin(), coordinate_inputs().end());
  positions_ = spec.statics_in(names, file);
}

void SampleStatics::read(std::int64_t row, float* values) const {
  const auto i = static_cast<std::size_t>(row);
  const std::size_t given = samples_.static_names.size();
  std::array<float, 32> place{};
  if (coordinates_) {
    MILLESIME_CHECK(coordinate_inputs().size() <= place.size(), coordinate_inputs().size(), " coordinate inputs");
    if (std::isnan(samples_.longitude[i]) || std::isnan(samples_.latitude[i]))
      throw UserError(join_text(file_, ": the model reads coordinates, and sample ", row, " has no longitude and latitude", kWhatToDo));
    coordinates_at(samples_.longitude[i], samples_.latitude[i], place.data());
  }
  for (const int position : positions_) {
    const auto at = static_cast<std::size_t>(position);
    *values++ = at < given ? samples_.statics[i * given + at] : place[at - given];
  }
}

}  // namespace millesime
