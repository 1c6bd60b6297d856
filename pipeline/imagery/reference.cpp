#include "pipeline/imagery/reference.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <optional>

#include "pipeline/core/counted.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/layer_choice.h"
#include "pipeline/io/raster_file.h"

namespace millesime {
namespace {

std::string box_text(const Box& box, const std::string& crs) {
  char text[160];
  std::snprintf(text, sizeof text, "x %.6g to %.6g, y %.6g to %.6g (", box.min_x, box.max_x, box.min_y, box.max_y);
  return text + crs + ")";
}

// Position of a polygon in the reference system of the file, rounded to a lattice much finer than a pixel: every tile that reads the
// polygon, each in its own system, gets the same numbers and so the same owner.
struct FilePlace {
  Point centroid;
  Box box;
};

// Finds the tile that a polygon belongs to.
class Footprints {
 public:
  // Polygons are in `crs`.
  Footprints(std::vector<TileFootprint> tiles, const std::string& crs) : boxes_(crs) {
    std::ranges::sort(tiles, {}, &TileFootprint::tile);
    for (const auto& [name, file] : tiles) {
      RasterReader raster(file);
      const Grid& grid = raster.grid();
      std::optional<CoordinateTransform> transform;
      if (crs != grid.crs) transform.emplace(crs, grid.crs);
      const Box cover = crs == grid.crs ? grid.extent() : CoordinateTransform(grid.crs, crs)(grid.extent());
      tiles_.push_back({name, std::move(raster), std::move(transform), cover});
    }
  }

  // Name of the tile that a polygon belongs to: the nearest one whose images contain its centroid; if there is none (a polygon at the edge
  // of the images), the nearest one that it overlaps; "" if it overlaps none.
  std::string owner(const FilePlace& place) const {
    const std::string showing = nearest(place, [](const Tile& tile, const Point& point) {
      const Grid& grid = tile.footprint.grid();
      const double col = std::floor(grid.col(point.x)), row = std::floor(grid.row(point.y));
      if (!(col >= 0 && row >= 0 && col < grid.cols && row < grid.rows)) return false;
      std::uint8_t inside = 0;
      tile.footprint.read({static_cast<int>(col), static_cast<int>(row), 1, 1}, 0, &inside);
      return inside != 0;
    });
    if (!showing.empty()) return showing;
    return nearest(place, [&](const Tile& tile, const Point&) {
      return (tile.transform ? (*tile.transform)(place.box) : place.box).intersects(tile.footprint.grid().extent());
    });
  }

 private:
  struct Tile {
    std::string name;
    RasterReader footprint;
    std::optional<CoordinateTransform> transform;
    Box cover;  // of its extent, in the reference system of the polygons
  };

  // Of the tiles that `wanted` accepts, the one with the grid centre nearest to the centroid; on a tie the first by name.
  template <class Wanted>
  std::string nearest(const FilePlace& place, const Wanted& wanted) const {
    std::string name;
    double least = std::numeric_limits<double>::infinity();
    for (const Tile& tile : tiles_) {
      if (!boxes_.meet(place.box, tile.cover)) continue;
      std::vector<double> x{place.centroid.x}, y{place.centroid.y};
      if (tile.transform) tile.transform->apply(x, y);
      const Grid& grid = tile.footprint.grid();
      const double dx = x[0] - grid.x(grid.cols / 2.0), dy = y[0] - grid.y(grid.rows / 2.0);
      const double distance = dx * dx + dy * dy;
      if (distance < least && wanted(tile, Point{x[0], y[0]})) least = distance, name = tile.name;
    }
    return name;
  }

  BoxesOf boxes_;
  std::vector<Tile> tiles_;
};

FilePlace file_place(const Feature& feature, const std::optional<CoordinateTransform>& to_file, const BoxesOf& boxes) {
  Feature in_file = feature;
  const double near = [&] {  // in degrees a feature across the 180th meridian is held together at its first corner
    Point corner = feature.parts.at(0).rings.at(0).at(0);
    if (to_file) corner = (*to_file)(corner);
    return boxes.near(corner.x, 0);
  }();
  for (auto& part : in_file.parts)
    for (auto& ring : part.rings) {
      std::vector<double> x, y;
      for (const Point& point : ring) x.push_back(point.x), y.push_back(point.y);
      if (to_file) to_file->apply(x, y);
      for (std::size_t i = 0; i < ring.size(); ++i) ring[i] = {boxes.near(x[i], near), y[i]};
    }
  Point centroid = in_file.centroid();
  Box box = in_file.extent();
  const double turn = boxes.near(centroid.x, 0) - centroid.x;  // the same numbers whichever corner is the first to be reached
  centroid.x += turn, box.min_x += turn, box.max_x += turn;
  const double lattice = boxes.in_degrees() ? 1e-8 : 1e-3;  // a millimetre, about
  const auto on_lattice = [&](double value) { return std::round(value / lattice) * lattice; };
  return {{on_lattice(centroid.x), on_lattice(centroid.y)},
          {on_lattice(box.min_x), on_lattice(box.min_y), on_lattice(box.max_x), on_lattice(box.max_y)}};
}

// Takes the parts that belong to the tile out of a feature: those of a multipolygon lie anywhere. `anywhere`: whether any tile has
// some.
std::vector<Polygon> take_parts(Feature& feature, const std::string& tile, bool& anywhere,
                                const std::function<std::string(const Feature&)>& owner) {
  std::vector<Polygon> own, others;
  for (Polygon& part : feature.parts) {
    const std::string of = owner({feature.id, {part}, {}});
    anywhere = anywhere || !of.empty();
    (of == tile ? own : others).push_back(std::move(part));
  }
  feature.parts = std::move(others);
  return own;
}

bool covers_a_pixel(const Feature& feature, const Grid& grid) {
  constexpr std::int64_t kAtOnce = std::int64_t{1} << 22;
  const Window window = grid.window_of(feature.extent());
  if (window.empty()) return false;
  for (const Window& part : split(window, window.width, 1, kAtOnce)) {
    const auto mask = rasterise({feature}, grid.crop(part), [](std::size_t) { return 1; });
    if (std::ranges::any_of(mask.samples, [](std::int32_t value) { return value != 0; })) return true;
  }
  return false;
}

// Called if the tile has no polygon: an error if no tile can have one.
std::string why_none(const ReferenceOptions& options, const std::vector<TileFootprint>& tiles) {
  const VectorLayer all = read_polygons(options.path, LayerChoice{options.layer, "reference.layer"}, {}, "");
  if (all.features.empty())
    throw UserError(join_text(options.path, ": no polygon in layer \"", all.layer, "\"",
                              all.dropped.empty() ? "" : "; the first feature: " + all.dropped.front()));
  const BoxesOf boxes(all.crs);
  std::vector<Box> of_each;
  for (const Feature& feature : all.features) of_each.push_back(feature.extent());
  std::vector<std::string> extents;
  for (const auto& [tile, file] : tiles) {
    const Grid grid = RasterReader(file).grid();
    const Box box = grid.crs == all.crs ? grid.extent() : CoordinateTransform(grid.crs, all.crs)(grid.extent());
    for (const Feature& feature : all.features)
      if (boxes.meet(feature.extent(), box)) return "no reference polygon in this tile";
    if (extents.size() < 3) extents.push_back(tile + ": " + box_text(box, all.crs));
  }
  throw UserError(join_text(options.path, ": of its ", counted(all.features.size(), "polygon"), ", none lies in a tile (",
                            counted(tiles.size(), "tile"), "); the polygons cover ", box_text(boxes.around(of_each), all.crs),
                            ", the tiles ", join_list(extents, "; "), tiles.size() > extents.size() ? "..." : "",
                            "; is the file's reference system right?"));
}

void require_known(const std::map<std::string, std::int64_t>& unknown, const ReferenceOptions& options, const Nomenclature& nomenclature) {
  if (unknown.empty()) return;
  std::vector<std::string> list;
  for (const auto& [text, polygons] : unknown)
    if (list.size() < 20) list.push_back(join_text("\"", text, "\" (", counted(polygons, "polygon"), ")"));
  throw UserError(join_text(options.path, ": field ", options.class_field, ": ", counted(unknown.size(), "value"),
                            " that the nomenclature ", nomenclature.name, " does not have: ", join_list(list, ", "),
                            unknown.size() > list.size() ? "..." : "",
                            "; correct them, leave those polygons out, or use a nomenclature that has them"));
}

// The same for polygons of the same corners, whichever is the first.
std::vector<std::pair<double, double>> corners_of(const Feature& feature) {
  std::vector<std::pair<double, double>> corners;
  for (const Polygon& part : feature.parts)
    for (const Ring& ring : part.rings)
      for (std::size_t i = 0; i + 1 < ring.size(); ++i) corners.emplace_back(ring[i].x, ring[i].y);
  std::ranges::sort(corners);
  return corners;
}

// Of polygons that are drawn several times, one of each class is left.
void take_copies(TileReference& reference) {
  std::map<std::vector<std::pair<double, double>>, std::vector<std::size_t>> drawn;  // the first of each class
  std::vector<ReferencePolygon> kept;
  for (ReferencePolygon& polygon : reference.polygons) {  // by id
    std::vector<std::size_t>& same = drawn[corners_of(polygon.feature)];
    const auto of_class = std::ranges::find(same, polygon.code, [&](std::size_t i) { return kept[i].code; });
    if (of_class != same.end()) {
      reference.copies.emplace_back(polygon.feature.id, kept[*of_class].feature.id);
      continue;
    }
    for (const std::size_t i : same) {
      reference.contradictions.emplace_back(polygon.feature.id, kept[i].feature.id);
      kept[i].is_contradicted = polygon.is_contradicted = true;
    }
    same.push_back(kept.size());
    kept.push_back(std::move(polygon));
  }
  reference.polygons = std::move(kept);
}

}  // namespace

bool contains(const Feature& feature, const Point& point) {
  bool inside = false;  // even-odd over all rings: holes are outside
  for (const Polygon& part : feature.parts)
    for (const Ring& ring : part.rings)
      for (std::size_t i = 0; i + 1 < ring.size(); ++i) {
        const Point &a = ring[i], &b = ring[i + 1];
        if ((a.y > point.y) != (b.y > point.y) && point.x < a.x + (point.y - a.y) / (b.y - a.y) * (b.x - a.x)) inside = !inside;
      }
  return inside;
}

TileReference read_reference(const ReferenceOptions& options, const RegionOptions& regions, const Nomenclature& nomenclature,
                             const std::vector<TileFootprint>& tiles, const std::string& tile) {
  const auto own = std::ranges::find(tiles, tile, &TileFootprint::tile);
  MILLESIME_CHECK(own != tiles.end(), tile, " is not a tile of the production");
  const Grid grid = RasterReader(own->file).grid();
  VectorLayer layer =
      read_polygons(options.path, LayerChoice{options.layer, "reference.layer"}, {options.class_field}, grid.crs, grid.extent());
  const std::vector<RegionPolygon> areas = regions.path.empty() ? std::vector<RegionPolygon>{} : read_regions(regions, grid, true);

  TileReference reference;
  reference.overlaps = overlaps_of(areas, grid);
  for (const RegionPolygon& region : areas)
    if ((reference.regions.empty() || reference.regions.back() != region.name) && covers_a_pixel(region.feature, grid))
      reference.regions.push_back(region.name);
  reference.repaired = std::move(layer.repaired);
  reference.dropped = std::move(layer.dropped);
  const Footprints footprints(tiles, layer.crs);
  const BoxesOf boxes(layer.crs);
  std::optional<CoordinateTransform> to_file;
  if (layer.crs != grid.crs) to_file.emplace(grid.crs, layer.crs);
  std::map<std::string, std::int64_t> unknown;
  std::map<std::string, std::optional<int>> codes;  // of each text
  for (Feature& feature : layer.features) {
    bool anywhere = false;
    Feature here{feature.id, {}, feature.attributes};
    here.parts =
        take_parts(feature, tile, anywhere, [&](const Feature& part) { return footprints.owner(file_place(part, to_file, boxes)); });
    const std::string& text = here.attributes.at(options.class_field);
    auto of_text = codes.find(text);
    if (of_text == codes.end()) of_text = codes.emplace(text, code_of_class(text, &nomenclature)).first;
    const std::optional<int> code = of_text->second;
    if (!feature.parts.empty() && anywhere && code.value_or(0) != 0) reference.beside.push_back({std::move(feature), *code, ""});
    if (here.parts.empty()) {
      ++(anywhere ? reference.of_other_tiles : reference.outside_tiles);
      continue;
    }
    if (!code) {
      ++unknown[text];
      continue;
    }
    if (*code == 0) {
      ++reference.without_class;
      continue;
    }
    ReferencePolygon polygon{std::move(here), *code, ""};
    if (!regions.path.empty()) {
      const Point centroid = polygon.feature.centroid();
      const auto region =
          std::ranges::find_if(areas, [&](const RegionPolygon& candidate) { return contains(candidate.feature, centroid); });
      if (region == areas.end()) {
        ++reference.outside_regions;
        reference.beside.push_back(std::move(polygon));
        continue;
      }
      polygon.region = region->name;
    }
    reference.polygons.push_back(std::move(polygon));
  }
  require_known(unknown, options, nomenclature);
  std::ranges::sort(reference.polygons, {}, [](const ReferencePolygon& p) { return p.feature.id; });
  take_copies(reference);
  if (reference.polygons.empty())
    reference.note = reference.outside_regions + reference.without_class > 0
                         ? "no reference polygon of this tile has a class and is in a region"
                         : why_none(options, tiles);
  return reference;
}

}  // namespace millesime
