// True areas of pixels, held against values that follow from the ellipsoid and from the projections' own formulas.
#include "pipeline/io/geodesy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "pipeline/io/coordinates.h"

namespace millesime {
namespace {

// A grid of this size whose middle is at a longitude and latitude (WGS 84, degrees).
Grid grid_at(const std::string& crs, double longitude, double latitude, double pixel, int side) {
  const Point centre = CoordinateTransform("EPSG:4326", crs)(Point{longitude, latitude});
  return {crs, centre.x - pixel * side / 2, centre.y + pixel * side / 2, pixel, pixel, side, side};
}

double sum_m2(const PixelAreas& areas, const Grid& grid) {
  std::vector<std::int64_t> cm2;
  std::int64_t sum = 0;
  for (int row = 0; row < grid.rows; ++row) {
    areas.row_cm2(0, row, grid.cols, cm2);
    for (const std::int64_t area : cm2) sum += area;
  }
  return static_cast<double>(sum) / 1e4;
}

// Radii of curvature of WGS 84 along the meridian and across it, times a step of one degree each: m² of a small square degree.
double square_degree_m2(double latitude_degrees) {
  constexpr double kA = 6378137, kE2 = 0.0066943799901413165;
  const double latitude = latitude_degrees * std::numbers::pi / 180, w = 1 - kE2 * std::pow(std::sin(latitude), 2);
  const double meridian = kA * (1 - kE2) / std::pow(w, 1.5), across = kA / std::sqrt(w) * std::cos(latitude);
  return meridian * across * std::pow(std::numbers::pi / 180, 2);
}

TEST(PixelAreas, WebMercatorAt46NorthIsTwiceTooLarge) {
  const Grid grid = grid_at("EPSG:3857", 3, 46, 10, 101);
  // A pixel of 10 m spans 10 / a radians of longitude and of the sphere's Mercator ordinate: dlat = cos(lat) / a dy.
  const double per_pixel =
      square_degree_m2(46) * std::cos(46 * std::numbers::pi / 180) * std::pow(10 / 6378137.0 * 180 / std::numbers::pi, 2);
  EXPECT_NEAR(pixel_areas(grid)->m2(50, 50), per_pixel, 1e-5);
  EXPECT_NEAR(per_pixel, 48.2, 0.1);  // of nominal 100 m²
}

TEST(PixelAreas, Lambert93InTheSouthOfCorsicaIsSixInAThousandTooLarge) {
  const Grid grid = grid_at("EPSG:2154", 9.16, 41.39, 10, 101);  // Bonifacio
  EXPECT_NEAR(pixel_areas(grid)->m2(50, 50), 99.4155, 2e-4);     // Snyder 1987, equation 15-4
  // On the standard parallels of Lambert-93 areas are true.
  EXPECT_NEAR(pixel_areas(grid_at("EPSG:2154", 3, 44, 10, 101))->m2(50, 50), 100, 2e-3);
  EXPECT_NEAR(pixel_areas(grid_at("EPSG:2154", 3, 49, 10, 101))->m2(50, 50), 100, 2e-3);
}

TEST(PixelAreas, UtmHasTheScaleOfItsCentralMeridian) {
  EXPECT_NEAR(pixel_areas(grid_at("EPSG:32631", 3, 45, 10, 101))->m2(50, 50), 100 / (0.9996 * 0.9996), 1e-4);
  // Three degrees beside it at the equator: scale 0.9996 (1 + (dλ cos φ)² (1 + η²) / 2 + ...), Snyder 1987, equation 8-11.
  const double lambda = 3 * std::numbers::pi / 180, scale = 0.9996 * (1 + lambda * lambda * 1.00673949674 / 2);
  EXPECT_NEAR(pixel_areas(grid_at("EPSG:32631", 6, 0, 10, 101))->m2(50, 50), 100 / (scale * scale), 1e-3);
}

TEST(PixelAreas, DegreesHaveAreasToo) {
  const Grid grid{"EPSG:4326", 2.9995, 46.0005, 1e-5, 1e-5, 100, 100};
  EXPECT_NEAR(pixel_areas(grid)->m2(50, 50), square_degree_m2(46) * 1e-10, 1e-6);
  // The whole earth: 510 065 621.7 km² (WGS 84).
  const Grid earth{"EPSG:4326", -180, 90, 0.5, 0.5, 720, 360};
  EXPECT_NEAR(sum_m2(*pixel_areas(earth), earth) / 510065621.7e6, 1, 1e-5);
}

TEST(PixelAreas, AcrossThe180thMeridian) {
  const Grid across{"EPSG:4326", 179, -17, 0.01, 0.01, 200, 50}, elsewhere{"EPSG:4326", 10, -17, 0.01, 0.01, 200, 50};
  EXPECT_NEAR(sum_m2(*pixel_areas(across), across), sum_m2(*pixel_areas(elsewhere), elsewhere), 1);
  const Grid fiji = grid_at("EPSG:32760", 179.999, -17, 10, 500);
  EXPECT_NEAR(sum_m2(*pixel_areas(fiji), fiji) / (500 * 500 * 100), 1, 2e-3);
}

TEST(PixelAreas, APartOfAGridHasThePixelsOfTheWhole) {
  const Grid whole = grid_at("EPSG:3857", 3, 46, 10, 3000);
  const Window window{1200, 40, 70, 90};
  const PixelAreas areas = *pixel_areas(whole), part = *pixel_areas(whole.crop(window));
  for (const auto& [col, row] : {std::pair{0, 0}, {69, 89}, {30, 45}})
    EXPECT_NEAR(part.m2(col, row), areas.m2(window.col + col, window.row + row), 1e-2) << col << "," << row;
}

TEST(PixelAreas, SumsDoNotDependOnTheWindows) {
  const Grid grid = grid_at("EPSG:2154", 9.16, 41.39, 10, 300);
  const PixelAreas areas = *pixel_areas(grid);
  std::vector<std::int64_t> row, part;
  areas.row_cm2(0, 7, 300, row);
  for (int col = 0; col < 300; col += 7) {
    areas.row_cm2(col, 7, 1, part);
    EXPECT_EQ(part.at(0), row.at(static_cast<std::size_t>(col)));
  }
}

TEST(PixelMetres, AreThoseOnTheGround) {
  const PixelMetres utm = pixel_metres({"EPSG:32631", 300000, 4900020, 10, 10, 100, 100});
  EXPECT_EQ(utm.across, 10);  // to the bit
  EXPECT_EQ(utm.down, 10);
  const PixelMetres feet = pixel_metres({"EPSG:2225", 6000000, 2000000, 100, 50, 100, 100});  // California, US survey feet
  EXPECT_NEAR(feet.across, 30.48006096, 1e-7);
  EXPECT_NEAR(feet.down, 15.24003048, 1e-7);
  const PixelMetres degrees = pixel_metres({"EPSG:4326", 3, 44.005, 1e-4, 1e-4, 100, 100});
  EXPECT_NEAR(degrees.across, 8.0206, 1e-3);  // a degree of longitude at 44° N is 80.2 km, of latitude 111.1 km
  EXPECT_NEAR(degrees.down, 11.1109, 1e-3);
  EXPECT_NEAR(degrees.across * degrees.down, square_degree_m2(44) * 1e-8, 1e-6);
  EXPECT_GT(pixel_metres({"EPSG:4326", -180, 90, 1, 1e-9, 360, 1}).across, 0);  // at the pole
  EXPECT_EQ(pixel_metres({R"(LOCAL_CS["building site",UNIT["metre",1]])", 0, 0, 2, 3, 10, 10}).down, 3);
}

TEST(PixelAreas, NoneInALocalSystem) { EXPECT_FALSE(pixel_areas({R"(LOCAL_CS["building site",UNIT["metre",1]])", 0, 0, 1, 1, 10, 10})); }

}  // namespace
}  // namespace millesime
