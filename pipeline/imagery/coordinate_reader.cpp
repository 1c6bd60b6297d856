#include "pipeline/imagery/coordinate_reader.h"

#include <algorithm>
#include <cmath>

#include "pipeline/core/coordinate_inputs.h"
#include "pipeline/core/error.h"
#include "pipeline/core/position_lattice.h"

namespace millesime {
namespace {

constexpr const char* kLongitudeLatitude = "EPSG:4326";
constexpr int kStep = 16;  // pixels between points that are transformed exactly

}  // namespace

CoordinateReader::CoordinateReader(const Grid& tile) : tile_(tile), to_degrees_(tile.crs, kLongitudeLatitude) {}

void CoordinateReader::read(const Window& window, float* values, std::size_t stride, std::size_t first) const {
  PositionLattice places(window.col, window.row, window.width, window.height, kStep,
                         [this](std::int64_t col, std::int64_t row) { return tile_.centre(static_cast<int>(col), static_cast<int>(row)); });
  to_degrees_.apply(places.x(), places.y());
  const BoxesOf degrees(kLongitudeLatitude);
  const auto known = std::ranges::find_if(places.x(), [](double x) { return !std::isnan(x); });
  if (known != places.x().end())
    for (double& x : places.x()) x = degrees.near(x, *known);  // points across the 180th meridian go on beyond it
  float* inputs = values + first;
  for (int row = 0; row < window.height; ++row)
    for (int col = 0; col < window.width; ++col, inputs += stride) {
      const Point at = places.at(col, row);
      coordinates_at(static_cast<float>(degrees.near(at.x, 0)), static_cast<float>(at.y), inputs);
    }
}

void locate(Samples& samples, const Grid& tile) {
  std::vector<double> x(samples.x.begin(), samples.x.end()), y(samples.y.begin(), samples.y.end());
  try {
    CoordinateTransform(tile.crs, kLongitudeLatitude).apply(x, y);
  } catch (const UserError&) {  // a local system, another planet: models that read coordinates refuse the samples
    return;
  }
  samples.longitude = std::vector<float>(x.begin(), x.end());
  samples.latitude = std::vector<float>(y.begin(), y.end());
}

}  // namespace millesime
