#include "pipeline/imagery/area.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <optional>

#include "pipeline/core/error.h"
#include "pipeline/core/source_name.h"
#include "pipeline/core/text.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/layer_choice.h"
#include "pipeline/io/source_files.h"

namespace millesime {
namespace {

constexpr const char* kDegrees = "EPSG:4326";

// Four numbers between commas; nothing for the name of a file.
std::optional<Box> box_of(const std::string& text, const std::string& key) {
  const std::vector<std::string> parts = split_text(text, ',');
  std::array<double, 4> number{};
  if (parts.size() != number.size()) return std::nullopt;
  for (std::size_t i = 0; i < number.size(); ++i) {
    const std::string part(trim(parts[i]));
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number[i]);
    if (part.empty() || error != std::errc() || end != part.data() + part.size()) return std::nullopt;
  }
  const auto [west, south, east, north] = number;
  if (west >= east || south >= north || south < -90 || north > 90 || east - west > 360)
    throw UserError(join_text(key, ": expected a box \"west, south, east, north\" in degrees, got \"", text, "\""));
  return Box{west, south, east, north};
}

// The outline in a reference system. Its edges are parallels and meridians, so points between the corners follow them.
Feature feature_of(const Box& box, const std::string& crs) {
  constexpr int kSteps = 64;
  std::vector<double> x, y;
  const auto edge = [&](Point from, Point to) {
    for (int i = 0; i < kSteps; ++i) {
      x.push_back(from.x + (to.x - from.x) * i / kSteps);
      y.push_back(from.y + (to.y - from.y) * i / kSteps);
    }
  };
  edge({box.min_x, box.min_y}, {box.max_x, box.min_y}), edge({box.max_x, box.min_y}, {box.max_x, box.max_y});
  edge({box.max_x, box.max_y}, {box.min_x, box.max_y}), edge({box.min_x, box.max_y}, {box.min_x, box.min_y});
  CoordinateTransform(kDegrees, crs).apply(x, y);
  Ring ring;
  for (std::size_t i = 0; i < x.size(); ++i) ring.push_back({x[i], y[i]});
  ring.push_back(ring.front());
  Feature feature;
  feature.parts = {{{ring}}};
  return feature;
}

}  // namespace

void AreaOptions::declare(Options& options) {
  options.add("area", &area,
              "only what lies inside is mapped, and only tiles that it touches: polygons of a vector file, or a box \"west, south, east, "
              "north\" in degrees; default: everything");
  options.add("exclude", &exclude, "what lies inside is not mapped: polygons of a vector file, or a box in degrees; default: nothing");
}

void AreaOptions::resolve(const std::string& folder) {
  for (std::string* text : {&area, &exclude})
    if (!text->empty() && !box_of(*text, "tiles.area")) *text = source_in(folder, *text);
}

void AreaOptions::require_files() const {
  for (const auto& [text, option] : {std::pair{area, "tiles.area"}, {exclude, "tiles.exclude"}})
    if (!text.empty() && !box_of(text, option)) require_polygons(text, {"", ""}, {});
}

std::vector<std::string> AreaOptions::files() const {
  std::vector<std::string> files;
  for (const std::string* text : {&area, &exclude})
    if (!text->empty() && !box_of(*text, "tiles.area"))
      for (const std::string& file : files_of_source(*text)) files.push_back(file);
  return files;
}

std::vector<std::string> AreaOptions::boxes() const {
  std::vector<std::string> boxes;
  for (const auto& [key, text] : {std::pair{"area", area}, {"exclude", exclude}})
    if (!text.empty())
      boxes.push_back(join_text(key, " = ", box_of(text, key) ? text : "polygons" + part_of_source(text)));  // its files are inputs
  return boxes;
}

std::vector<MappedArea::Part> MappedArea::parts_of(const std::string& text, const std::string& key, const Grid& tile) {
  std::vector<Part> parts;
  if (text.empty()) return parts;
  std::vector<Feature> features;
  if (const auto box = box_of(text, key)) {
    const Box there = CoordinateTransform(tile.crs, kDegrees)(tile.extent());
    if (BoxesOf(kDegrees).meet(*box, there)) features.push_back(feature_of(BoxesOf(kDegrees).near(*box, there), tile.crs));
  } else {
    VectorLayer layer = read_polygons(text, LayerChoice{"", ""}, {}, tile.crs, tile.extent());
    if (!layer.dropped.empty())
      throw UserError(join_text(key, ": ", text, ": expected polygons, got also what is none: ", join_list(layer.dropped, "; ")));
    features = std::move(layer.features);
  }
  for (Feature& feature : features)
    if (millesime::meets(feature, tile.extent())) {
      const Window window = tile.window_of(feature.extent());
      parts.push_back({std::move(feature), window});
    }
  return parts;
}

MappedArea::MappedArea(const AreaOptions& options, const Grid& tile)
    : tile_(tile),
      limited_(!options.area.empty()),
      area_(parts_of(options.area, "tiles.area", tile)),
      excluded_(parts_of(options.exclude, "tiles.exclude", tile)) {}

std::vector<const Feature*> MappedArea::near(const std::vector<Part>& parts, const Window& window) {
  std::vector<const Feature*> found;
  for (const Part& part : parts)
    if (!part.window.intersect(window).empty()) found.push_back(&part.feature);
  return found;
}

bool MappedArea::meets(const Window& window) const { return !limited_ || !near(area_, window).empty(); }

Window MappedArea::around() const {
  if (!limited_) return tile_.whole();
  Window all;
  for (const Part& part : area_) {
    const Window own = part.window.intersect(tile_.whole());
    if (own.empty()) continue;
    if (all.empty()) all = own;
    const int col = std::min(all.col, own.col), row = std::min(all.row, own.row);
    all = {col, row, std::max(all.col + all.width, own.col + own.width) - col, std::max(all.row + all.height, own.row + own.height) - row};
  }
  return all;
}

std::vector<std::uint8_t> MappedArea::inside(const Window& window) const {
  const Grid grid = tile_.crop(window);
  std::vector<std::uint8_t> inside(static_cast<std::size_t>(window.pixels()), limited_ ? 0 : 1);
  const auto burn = [&](const std::vector<Part>& parts, std::uint8_t value) {
    const std::vector<const Feature*> features = near(parts, window);
    if (features.empty()) return;
    const Raster<std::int32_t> burnt = rasterise(features, grid, [](std::size_t) { return 1; });
    for (std::size_t i = 0; i < inside.size(); ++i)
      if (burnt.samples[i] != 0) inside[i] = value;
  };
  burn(area_, 1);
  burn(excluded_, 0);
  return inside;
}

bool touches(const AreaOptions& options, const Grid& tile) { return MappedArea({options.area, ""}, tile).meets(tile.whole()); }

}  // namespace millesime
