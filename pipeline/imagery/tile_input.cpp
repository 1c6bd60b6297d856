#include "pipeline/imagery/tile_input.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/core/coordinate_inputs.h"
#include "pipeline/core/error.h"
#include "pipeline/learning/thermal_time.h"

namespace millesime {
namespace {

float step_of(const SourceCensus& census) { return static_cast<float>(1 / per_unit(census.unit)); }

// What is read of the tile's source of this name, if there is one; `bands_of`: its bands, of its census.
void add_source(const std::string& name, const std::function<std::vector<std::string>(const SourceCensus&)>& bands_of,
                const ClassifyRequest& request, TileInput& input) {
  const auto census = std::ranges::find(request.others, name, &SourceCensus::source);
  if (census == request.others.end()) return;
  if (census->acquisitions.empty()) {
    input.absent.push_back(name);
    return;
  }
  const std::string& resampling = request.other_resampling[static_cast<std::size_t>(census - request.others.begin())];
  TileInput::Source source{name, bands_of(*census), {}, resampling_of(resampling), step_of(*census)};
  for (const Acquisition& acquisition : census->acquisitions) source.dates.push_back(acquisition.date);
  input.others.push_back(std::move(source));
}

// The temperatures of models that place acquisitions by thermal time.
void add_temperatures(const ModelFile& model, const ClassifyRequest& request, TileInput& input) {
  for (const ModelFile& member : model.members) add_temperatures(member, request, input);
  if (!model.spec.thermal) return;
  const std::string& name = model.spec.thermal->source;
  if (std::ranges::find(input.others, name, &TileInput::Source::name) != input.others.end()) return;
  add_source(
      name, [&](const SourceCensus& census) { return std::vector{temperature_band(census.bands, name)}; }, request, input);
}

bool reads_coordinates(const ModelFile& model) {
  return std::ranges::any_of(model.spec.statics, [](const StaticSpec& known) { return is_coordinate(known.name); }) ||
         std::ranges::any_of(model.members, reads_coordinates);
}

}  // namespace

TileInput tile_input(const ClassifyRequest& request) {
  const std::string& file = request.maps.front().models.front().file;
  const ModelFile model = ModelFile::read(file, request.trust);
  const ModelSpec& first = model.spec;
  try {
    first.bands_in(request.census.bands, "tile " + request.census.tile);
  } catch (const UserError& error) {
    throw with_context(file, error);
  }
  TileInput input{.bands = first.sources.front().bands,
                  .static_names = exogenous_names(request.exogenous),
                  .year = request.year,
                  .dates = {},
                  .resampling = resampling_of(request.resampling),
                  .step = step_of(request.census),
                  .others = {},
                  .absent = {},
                  .refuses_parts = request.options.early == "refuse",
                  .may_lack_sources = request.options.missing_sources};
  input.coordinates = reads_coordinates(model);
  if (input.coordinates)
    for (const std::string& name : coordinate_inputs()) input.static_names.push_back(name);
  for (const Acquisition& acquisition : request.census.acquisitions) input.dates.push_back(acquisition.date);
  for (std::size_t s = 1; s < first.sources.size(); ++s)
    add_source(
        first.sources[s].name, [&](const SourceCensus&) { return first.sources[s].bands; }, request, input);
  add_temperatures(model, request, input);
  return input;
}

}  // namespace millesime
