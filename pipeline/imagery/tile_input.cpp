#include "pipeline/imagery/tile_input.h"

#include <algorithm>

#include "pipeline/core/error.h"
#include "pipeline/learning/thermal_time.h"

namespace millesime {
namespace {

// The temperatures of models that place acquisitions by thermal time.
void add_temperatures(const ModelFile& model, const ClassifyRequest& request, TileInput& input) {
  for (const ModelFile& member : model.members) add_temperatures(member, request, input);
  if (!model.spec.thermal) return;
  const std::string& name = model.spec.thermal->source;
  if (std::ranges::find(input.others, name, &TileInput::Source::name) != input.others.end()) return;
  for (std::size_t o = 0; o < request.others.size(); ++o) {
    const SourceCensus& census = request.others[o];
    if (census.source != name) continue;
    if (census.acquisitions.empty()) {
      input.absent.push_back(name);
      return;
    }
    TileInput::Source source{name, {temperature_band(census.bands, name)}, {}, resampling_of(request.other_resampling[o])};
    for (const Acquisition& acquisition : census.acquisitions) source.dates.push_back(acquisition.date);
    input.others.push_back(std::move(source));
  }
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
                  .others = {},
                  .absent = {},
                  .may_lack_sources = request.options.missing_sources};
  for (const Acquisition& acquisition : request.census.acquisitions) input.dates.push_back(acquisition.date);
  for (std::size_t s = 1; s < first.sources.size(); ++s)
    for (std::size_t o = 0; o < request.others.size(); ++o) {
      const SourceCensus& other = request.others[o];
      if (other.source != first.sources[s].name) continue;
      if (other.acquisitions.empty()) {
        input.absent.push_back(other.source);
        continue;
      }
      TileInput::Source source{other.source, first.sources[s].bands, {}, resampling_of(request.other_resampling[o])};
      for (const Acquisition& acquisition : other.acquisitions) source.dates.push_back(acquisition.date);
      input.others.push_back(std::move(source));
    }
  add_temperatures(model, request, input);
  return input;
}

}  // namespace millesime
