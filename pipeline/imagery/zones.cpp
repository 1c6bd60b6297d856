#include "pipeline/imagery/zones.h"

#include <algorithm>
#include <map>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/imagery/regions.h"
#include "pipeline/io/layer_choice.h"

namespace millesime {

void ZoneOptions::declare(Options& options) {
  options.add("zones", &path, "polygons with a name, e.g. departments, in any vector format and CRS; none: the whole map").path();
  options.add("zones_layer", &layer, "layer in that file; needed if several of them hold polygons");
  options.add("zones_field", &field, "field that names the zone");
  options.add("zones_overlap", &overlap, "where zones overlap: an error, or the first or the last zone of the file wins")
      .choices({"error", "first", "last"});
  options.add("zones_invalid", &invalid, "zones with an invalid outline are repaired, with a message, or refused")
      .choices({"repair", "refuse"});
}

Zones read_zones(const ZoneOptions& options, const Grid& map) {
  if (options.field.empty()) {
    const VectorLayer layer = read_polygons(options.path, LayerChoice{options.layer, "zones_layer"}, {}, map.crs, map.extent());
    throw UserError(join_text(options.path, ": zones_field is not set: expected the field that names the zones; the file has ",
                              layer.fields.empty() ? "none" : join_list(layer.fields, ", ")));
  }
  VectorLayer layer = read_polygons(options.path, LayerChoice{options.layer, "zones_layer"}, {options.field}, map.crs);
  std::vector<std::string> elsewhere;
  for (const Feature& feature : take_elsewhere(layer, map)) elsewhere.emplace_back(trim(feature.attributes.at(options.field)));
  if (!layer.dropped.empty())
    throw UserError(join_text(options.path, ": not every zone is a polygon that can be used: ", join_list(layer.dropped, "; ")));
  if (options.invalid == "refuse" && !layer.repaired.empty())
    throw UserError(join_text(options.path, ": zones with an invalid outline: ", join_list(layer.repaired, "; "),
                              "; mend them, or set zones_invalid = \"repair\""));
  if (layer.features.empty() && elsewhere.empty()) throw UserError(options.path + ": holds no zones");
  Zones zones;
  zones.outside = std::move(elsewhere);
  zones.path = options.path;
  zones.last_wins = options.overlap == "last";
  zones.may_overlap = options.overlap != "error";
  zones.fields = layer.fields;
  for (const std::string& repaired : layer.repaired) zones.notes.push_back(options.path + ": repaired " + repaired);
  std::map<std::string, std::int64_t> seen;  // name, feature
  for (Feature& feature : layer.features) {
    const std::string name(trim(feature.attributes[options.field]));
    if (name.empty())
      throw UserError(join_text(options.path, ": feature ", feature.id, " has no name in the field ", options.field,
                                "; expected one for every zone: fill it, or use another field"));
    const auto [other, is_new] = seen.emplace(name, feature.id);
    if (!is_new)
      throw UserError(join_text(options.path, ": features ", other->second, " and ", feature.id, " have the same name \"", name,
                                "\" in the field ", options.field,
                                "; expected one feature a zone: join its parts into one multipolygon, or use another field"));
    Zone zone{name, std::move(feature), {}};
    const Box extent = zone.feature.extent();
    if (extent.intersects(map.extent())) zone.window = map.window_of(extent);
    if (zone.window.empty())
      zones.outside.push_back(name);
    else
      zones.zones.push_back(std::move(zone));
  }
  if (zones.zones.empty())
    throw UserError(join_text(options.path, ": none of its ", zones.outside.size(), " zones meets the map, ", to_text(map)));
  constexpr std::size_t kMostZones = 65535;
  if (zones.zones.size() > kMostZones)
    throw UserError(join_text(options.path, ": ", zones.zones.size(), " zones; expected at most ", kMostZones));
  return zones;
}

Raster<std::int32_t> Zones::numbers(const Grid& map, const Window& window) const {
  const Grid grid = map.crop(window);
  std::vector<const Feature*> near;
  std::vector<std::int32_t> number;
  for (std::size_t i = 0; i < zones.size(); ++i)
    if (!zones[i].window.intersect(window).empty()) near.push_back(&zones[i].feature), number.push_back(static_cast<std::int32_t>(i) + 1);
  const auto burn = [&](bool last) {
    if (!last) std::ranges::reverse(near), std::ranges::reverse(number);
    Raster<std::int32_t> raster = rasterise(near, grid, [&](std::size_t i) { return number[i]; });
    if (!last) std::ranges::reverse(near), std::ranges::reverse(number);
    return raster;
  };
  if (may_overlap || near.size() < 2) return burn(last_wins);
  const Raster<std::int32_t> one = burn(true), other = burn(false);
  for (std::size_t i = 0; i < one.samples.size(); ++i)
    if (one.samples[i] != other.samples[i]) {
      const int col = static_cast<int>(i % static_cast<std::size_t>(grid.cols)),
                row = static_cast<int>(i / static_cast<std::size_t>(grid.cols));
      const Point place = grid.centre(col, row);
      throw UserError(join_text(path, ": the zones \"", zones[static_cast<std::size_t>(other.samples[i] - 1)].name, "\" and \"",
                                zones[static_cast<std::size_t>(one.samples[i] - 1)].name, "\" overlap, e.g. at ", fixed(place.x, 1), ", ",
                                fixed(place.y, 1), " (", map.crs,
                                "); expected zones side by side: mend them, or set zones_overlap to \"first\" or \"last\""));
    }
  return one;
}

}  // namespace millesime
