// Sensor: what the first image of a tile that opens says, without a census.

#include "pipeline/core/error.h"
#include "pipeline/io/internal/gdal_call.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/sample_unit.h"
#include "pipeline/io/sensor.h"
#include "pipeline/io/sensors/layout.h"

namespace millesime {
namespace {

// The first answer of `ask(name, layer, file)`, of the bands and masks of all products.
template <class Answer, class Ask>
std::optional<Answer> of_first_image(const ProductLayout& layout, const Search& search, const Ask& ask) {
  SpecialFiles special;
  for (Entry& entry : layout.entries(search)) {
    if (!entry.candidate || entry.outside_period) continue;
    FoundProduct& candidate = *entry.candidate;
    layout.find_layers(search, candidate);
    special.take_out(candidate);
    for (const auto& [name, layer] : candidate.product.layers) {
      if (layer.file.empty()) continue;
      try {
        const RasterReader file(candidate.product.file_of(layer), image_drivers(layer.variable));
        if (const std::optional<Answer> answer = ask(name, layer, file)) return answer;
      } catch (const UserError&) {  // the census tells
      }
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<Grid> Sensor::grid_of(const CensusRequest& request) const {
  const Search search = search_of(file_, request);
  const ProductLayout& layout = layout_of(request.root);
  if (const auto grid = layout.grid_of_tile(search)) return grid;
  return of_first_image<Grid>(layout, search,
                              [](const std::string&, const Layer&, const RasterReader& file) { return std::optional(file.grid()); });
}

std::string Sensor::problem_of_numbers(const CensusRequest& request) const {
  const auto problem = [&](const std::string& name, const Layer& layer, const RasterReader& file) -> std::optional<std::string> {
    const SensorBand* band = file_.find_band(name);
    return band ? std::optional(problem_of_band(file, layer, band->unit, false)) : std::nullopt;
  };
  return of_first_image<std::string>(layout_of(request.root), search_of(file_, request), problem).value_or("");
}

std::vector<std::string> Sensor::problems_of_metadata(const CensusRequest& request) const {
  const Search search = search_of(file_, request);
  const ProductLayout& layout = layout_of(request.root);
  std::vector<std::string> problems;
  for (Entry& entry : layout.entries(search)) {
    if (!entry.damage.empty()) problems.push_back(entry.damage);
    if (!entry.candidate || entry.outside_period) continue;
    layout.find_layers(search, *entry.candidate);
    if (!entry.candidate->problems.empty()) problems.push_back(entry.candidate->problems.front());
  }
  return problems;
}

}  // namespace millesime
