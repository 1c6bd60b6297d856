#include "pipeline/imagery/regions.h"

#include <algorithm>
#include <map>
#include <set>

#include "pipeline/core/error.h"
#include "pipeline/core/first_of.h"
#include "pipeline/core/text.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/layer_choice.h"

namespace millesime {
namespace {

LayerChoice layer_of_regions(const RegionOptions& options) { return {options.layer, "regions.layer"}; }

void refuse_dropped_regions(const VectorLayer& layer, const RegionOptions& options) {
  if (layer.dropped.empty()) return;
  constexpr std::size_t kListed = 10;
  throw UserError(join_text(options.path, ": not every region is a polygon that can be used, so that pixels would lie in none: ",
                            join_list(first_of(layer.dropped, kListed), "; "), layer.dropped.size() > kListed ? "..." : "",
                            "; mend, cut or remove these features (regions.path)"));
}

using OfName = std::map<std::string, std::vector<const Feature*>>;

Box extent_of(const std::vector<const Feature*>& features) {
  Box all = features.front()->extent();
  for (const Feature* feature : features) {
    const Box box = feature->extent();
    all = {std::min(all.min_x, box.min_x), std::min(all.min_y, box.min_y), std::max(all.max_x, box.max_x), std::max(all.max_y, box.max_y)};
  }
  return all;
}

std::int64_t pixels_in_both(const std::vector<const Feature*>& a, const std::vector<const Feature*>& b, const Grid& grid) {
  constexpr std::int64_t kAtOnce = std::int64_t{1} << 22;
  std::int64_t pixels = 0;
  const Window window = grid.window_of(extent_of(a)).intersect(grid.window_of(extent_of(b)));
  if (window.empty()) return 0;
  for (const Window& part : split(window, window.width, 1, kAtOnce)) {
    const Grid of_part = grid.crop(part);
    const auto in_a = rasterise(a, of_part, [](std::size_t) { return 1; }), in_b = rasterise(b, of_part, [](std::size_t) { return 1; });
    for (std::size_t i = 0; i < in_a.samples.size(); ++i) pixels += in_a.samples[i] & in_b.samples[i];
  }
  return pixels;
}

}  // namespace

std::string region_name(const std::string& attribute) {
  const auto name = trim(attribute);
  return name.empty() ? kUnnamedRegion : std::string(name);
}

std::vector<Feature> take_elsewhere(VectorLayer& layer, const Grid& grid) {
  std::vector<Feature> elsewhere;
  if (layer.undefined.empty()) return elsewhere;
  const Box around = CoordinateTransform(grid.crs, layer.crs)(grid.extent());
  const BoxesOf boxes(layer.crs);
  std::set<std::size_t> taken;
  for (const auto& [place, feature] : layer.undefined) {
    if (boxes.meet(feature.extent(), around)) continue;
    elsewhere.push_back(feature);
    taken.insert(place);
  }
  std::vector<std::string> dropped;
  for (std::size_t i = 0; i < layer.dropped.size(); ++i)
    if (!taken.contains(i)) dropped.push_back(layer.dropped[i]);
  layer.dropped = std::move(dropped);
  return elsewhere;
}

std::vector<RegionPolygon> read_regions(const RegionOptions& options, const Grid& grid, bool only_near) {
  const auto near = only_near ? std::optional(grid.extent()) : std::nullopt;
  VectorLayer layer = read_polygons(options.path, layer_of_regions(options), {options.field}, grid.crs, near);
  take_elsewhere(layer, grid);
  refuse_dropped_regions(layer, options);
  std::vector<RegionPolygon> regions;
  for (Feature& feature : layer.features) {
    std::string name = region_name(feature.attributes.at(options.field));
    regions.push_back({std::move(name), std::move(feature)});
  }
  std::ranges::stable_sort(regions, {}, &RegionPolygon::name);
  return regions;
}

void require_regions(const RegionOptions& options) {
  require_polygons(options.path, layer_of_regions(options), {options.field});
  refuse_dropped_regions(read_polygons(options.path, layer_of_regions(options), {options.field}, ""), options);
}

std::vector<RegionOverlap> overlaps_of(const std::vector<RegionPolygon>& regions, const Grid& grid) {
  OfName of_name;
  for (const RegionPolygon& region : regions) of_name[region.name].push_back(&region.feature);
  std::vector<RegionOverlap> overlaps;
  for (auto first = of_name.begin(); first != of_name.end(); ++first)
    for (auto second = std::next(first); second != of_name.end(); ++second)
      if (const std::int64_t pixels = pixels_in_both(first->second, second->second, grid); pixels > 0)
        overlaps.push_back({first->first, second->first, pixels});
  return overlaps;
}

}  // namespace millesime
