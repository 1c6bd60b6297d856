#include "pipeline/io/geodesy.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include <ogr_srs_api.h>

#include "pipeline/core/error.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/internal/gdal_call.h"

namespace millesime {
namespace {

// Parts of the grid for which an area is computed: small enough that the area of a pixel changes evenly between them.
constexpr double kPartM = 2500;
constexpr int kMostParts = 1024;    // along a side
constexpr double kNearPole = 1.57;  // radians of latitude: up to which a degree of longitude has a length

struct Ellipsoid {
  double a = 0;   // semi-major axis, m
  double e2 = 0;  // first eccentricity squared
};

// q of Snyder 1987 (Map Projections, equation 3-12): a² q / 2 is the area between the equator and a latitude, a radian of longitude wide.
double authalic_q(double latitude, const Ellipsoid& ellipsoid) {
  const double sine = std::sin(std::clamp(latitude, -std::numbers::pi / 2, std::numbers::pi / 2));
  const double e = std::sqrt(ellipsoid.e2);
  if (e < 1e-6) return 2 * sine;  // a sphere
  return (1 - ellipsoid.e2) * (sine / (1 - ellipsoid.e2 * sine * sine) + std::atanh(e * sine) / e);
}

// Twice the area of the quadrilateral in longitude and q, whose areas are true. Longitudes may pass the 180th meridian.
double quadrilateral(const double (&longitude)[4], const double (&q)[4]) {
  double twice = 0;
  for (int i = 0; i < 4; ++i) {
    const int j = (i + 1) % 4;
    const double x0 = std::remainder(longitude[i] - longitude[0], 2 * std::numbers::pi),
                 x1 = std::remainder(longitude[j] - longitude[0], 2 * std::numbers::pi);
    twice += x0 * (q[j] - q[0]) - x1 * (q[i] - q[0]);
  }
  return std::abs(twice);
}

Ellipsoid ellipsoid_of(OGRSpatialReferenceH system) {
  Ellipsoid ellipsoid;
  ellipsoid.a = OSRGetSemiMajor(system, nullptr);
  if (const double inverse = OSRGetInvFlattening(system, nullptr); inverse > 0) ellipsoid.e2 = (2 - 1 / inverse) / inverse;
  return ellipsoid;
}

}  // namespace

PixelMetres pixel_metres(const Grid& grid) {
  const SystemHandle system = make_system(grid.crs);
  if (!OSRIsGeographic(system.get())) {
    const double metres = OSRIsProjected(system.get()) ? OSRGetLinearUnits(system.get(), nullptr) : 1;
    return {grid.pixel_width * metres, grid.pixel_height * metres};
  }
  const double radians = OSRGetAngularUnits(system.get(), nullptr);
  const double latitude = std::clamp(grid.y(grid.rows / 2.0) * radians, -kNearPole, kNearPole);
  const Ellipsoid ellipsoid = ellipsoid_of(system.get());
  // Radii of curvature along the meridian and across it (Snyder 1987, equations 4-19 and 4-20).
  const double sine = std::sin(latitude), flattened = 1 - ellipsoid.e2 * sine * sine;
  const double meridian = ellipsoid.a * (1 - ellipsoid.e2) / (flattened * std::sqrt(flattened));
  const double across = ellipsoid.a / std::sqrt(flattened) * std::cos(latitude);
  return {grid.pixel_width * radians * across, grid.pixel_height * radians * meridian};
}

std::optional<PixelAreas> pixel_areas(const Grid& grid) {
  MILLESIME_CHECK(grid.pixels() > 0, "areas of an empty grid");
  const SystemHandle system = make_system(grid.crs);
  const SystemHandle geographic(OSRCloneGeogCS(system.get()));
  if (!geographic || (!OSRIsProjected(system.get()) && !OSRIsGeographic(system.get()))) return std::nullopt;
  OSRSetAxisMappingStrategy(geographic.get(), OAMS_TRADITIONAL_GIS_ORDER);
  const Ellipsoid ellipsoid = ellipsoid_of(geographic.get());
  const double radians = OSRGetAngularUnits(geographic.get(), nullptr);
  const double metres = OSRIsGeographic(system.get()) ? radians * ellipsoid.a : OSRGetLinearUnits(system.get(), nullptr);

  const auto parts_of = [&](int pixels, double pixel_size) {
    const double wanted = std::ceil(pixels * pixel_size * metres / kPartM);
    return static_cast<int>(std::clamp(wanted, 1.0, static_cast<double>(std::min(pixels, kMostParts))));
  };
  const int part_cols = parts_of(grid.cols, grid.pixel_width), part_rows = parts_of(grid.rows, grid.pixel_height);
  const double part_width = static_cast<double>(grid.cols) / part_cols, part_height = static_cast<double>(grid.rows) / part_rows;

  // Corners of the parts, two rows at a time.
  const CoordinateTransform to_geographic(grid.crs, wkt_of(geographic.get()));
  struct Corners {
    std::vector<double> longitude, q;
  };
  const auto corners_of = [&](int part_row) {
    std::vector<double> x, y;
    for (int part = 0; part <= part_cols; ++part) x.push_back(grid.x(part * part_width)), y.push_back(grid.y(part_row * part_height));
    to_geographic.apply(x, y);
    for (double& longitude : x) longitude *= radians;
    for (double& latitude : y) latitude = authalic_q(latitude * radians, ellipsoid);
    return Corners{std::move(x), std::move(y)};
  };
  std::vector<double> m2;
  m2.reserve(static_cast<std::size_t>(part_cols) * static_cast<std::size_t>(part_rows));
  Corners above = corners_of(0);
  for (int row = 1; row <= part_rows; ++row) {
    Corners below = corners_of(row);
    for (std::size_t i = 0; i < static_cast<std::size_t>(part_cols); ++i) {
      const double longitude[4] = {above.longitude[i], above.longitude[i + 1], below.longitude[i + 1], below.longitude[i]};
      const double q[4] = {above.q[i], above.q[i + 1], below.q[i + 1], below.q[i]};
      const double part = ellipsoid.a * ellipsoid.a / 4 * quadrilateral(longitude, q);  // a²/2 of q, and half of twice the area
      m2.push_back(std::isfinite(part) ? part / (part_width * part_height) : 0);
    }
    above = std::move(below);
  }
  return PixelAreas(grid.cols, grid.rows, part_cols, part_rows, std::move(m2));
}

}  // namespace millesime
