#include "pipeline/imagery/labelled_pixels.h"

#include <algorithm>
#include <tuple>

#include "pipeline/io/geodesy.h"
#include "pipeline/io/raster_file.h"

namespace millesime {
namespace {

// Metres of a unit of a tile's coordinates.
struct UnitMetres {
  double x = 1, y = 1;
  Point of(const Point& point) const { return {x * point.x, y * point.y}; }
};

double squared_distance(const Point& p, const Point& a, const Point& b) {  // of a point and a segment
  const double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
  const double t = length > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0.0, 1.0) : 0.0;
  const double ex = p.x - (a.x + t * dx), ey = p.y - (a.y + t * dy);
  return ex * ex + ey * ey;
}

bool near_border(const Feature& feature, const Point& point, double distance_m, const UnitMetres& metres) {
  for (const Polygon& part : feature.parts)
    for (const Ring& ring : part.rings)
      for (std::size_t i = 0; i + 1 < ring.size(); ++i)
        if (squared_distance(metres.of(point), metres.of(ring[i]), metres.of(ring[i + 1])) < distance_m * distance_m) return true;
  return false;
}

// Each polygon separately on the tile's grid: no decision depends on another polygon or on windows.
std::vector<LabelledPixel> pixels_inside(const Feature& feature, std::size_t polygon, const Grid& grid, double erosion_m,
                                         const UnitMetres& metres) {
  std::vector<LabelledPixel> pixels;
  const Window window = grid.window_of(feature.extent());
  if (window.empty()) return pixels;
  const Raster<std::int32_t> mask = rasterise({feature}, grid.crop(window), [](std::size_t) { return 1; });
  const auto eroded = [&](int col, int row) {
    return erosion_m > 0 && near_border(feature, grid.centre(window.col + col, window.row + row), erosion_m, metres);
  };
  for (int row = 0; row < window.height; ++row)
    for (int col = 0; col < window.width; ++col)
      if (mask.at(col, row) && !eroded(col, row))
        pixels.push_back({static_cast<std::int64_t>(window.row + row) * grid.cols + window.col + col, polygon});
  return pixels;
}

}  // namespace

std::vector<LabelledPixel> labelled_pixels(const TileReference& reference, const Grid& grid, double erosion_m,
                                           std::int64_t& of_two_classes) {
  const std::size_t own = reference.polygons.size();
  const auto polygon = [&](std::size_t i) -> const ReferencePolygon& {
    return i < own ? reference.polygons[i] : reference.beside[i - own];
  };
  const PixelMetres pixel = pixel_metres(grid);
  const UnitMetres metres{pixel.across / grid.pixel_width, pixel.down / grid.pixel_height};
  std::vector<LabelledPixel> pixels;
  for (std::size_t i = 0; i < own + reference.beside.size(); ++i) {
    const auto inside = pixels_inside(polygon(i).feature, i, grid, erosion_m, metres);
    pixels.insert(pixels.end(), inside.begin(), inside.end());
  }
  // Of polygons of one class the first by id has a pixel, whichever tile it belongs to.
  std::ranges::sort(pixels, {}, [&](const LabelledPixel& p) { return std::tuple(p.pixel, polygon(p.polygon).feature.id, p.polygon); });
  std::vector<LabelledPixel> kept;
  for (std::size_t i = 0; i < pixels.size();) {
    std::size_t end = i + 1;
    bool one_class = true, has_own = pixels[i].polygon < own;
    for (; end < pixels.size() && pixels[end].pixel == pixels[i].pixel; ++end) {
      one_class = one_class && polygon(pixels[end].polygon).code == polygon(pixels[i].polygon).code;
      has_own = has_own || pixels[end].polygon < own;
    }
    if (one_class && pixels[i].polygon < own) kept.push_back(pixels[i]);
    if (!one_class && has_own) ++of_two_classes;
    i = end;
  }
  std::ranges::sort(kept, {}, [](const LabelledPixel& p) { return std::pair(p.polygon, p.pixel); });
  return kept;
}

}  // namespace millesime
