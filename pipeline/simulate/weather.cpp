#include <algorithm>
#include <cmath>

#include "pipeline/core/error.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/simulate/other_sensors.h"

namespace millesime::simulated {
namespace {

constexpr double kPixelDegrees = 0.02, kMarginDegrees = 0.1;

}  // namespace

double daily_temperature(const World& world, Point p, Date day) {
  MILLESIME_CHECK(day.year() == world.year().year, day.iso(), " in a world of ", world.year().year);
  return world.degrees(p, day.day_of_year());
}

void write_temperature(const World& world, int year, const std::string& folder, const Context& context) {
  const CoordinateTransform to_degrees(kWorldCrs, "EPSG:4326"), to_world("EPSG:4326", kWorldCrs);
  const Box box = to_degrees(world.extent());
  Grid grid;
  grid.crs = "EPSG:4326";
  grid.pixel_width = grid.pixel_height = kPixelDegrees;
  grid.x0 = std::floor((box.min_x - kMarginDegrees) / kPixelDegrees) * kPixelDegrees;
  grid.y0 = std::ceil((box.max_y + kMarginDegrees) / kPixelDegrees) * kPixelDegrees;
  grid.cols = static_cast<int>(std::ceil((box.max_x + kMarginDegrees - grid.x0) / kPixelDegrees));
  grid.rows = static_cast<int>(std::ceil((grid.y0 - box.min_y + kMarginDegrees) / kPixelDegrees));
  std::vector<Point> places;
  for (int row = 0; row < grid.rows; ++row)
    for (int col = 0; col < grid.cols; ++col) places.push_back(to_world(grid.centre(col, row)));

  RasterOptions options;
  options.nodata = -9999;
  options.block = block_of(std::max(grid.cols, grid.rows), kStripRows);
  const Date first = Date::from_ymd(year, 1, 1);
  const int days = Date::from_ymd(year + 1, 1, 1) - first;
  context.progress->start("simulate the weather", days, "days");
  for (int day = 0; day < days; ++day) {
    const Date date = first + day;
    Raster<float> raster(grid, 0);
    for (std::size_t i = 0; i < places.size(); ++i) raster.samples[i] = static_cast<float>(daily_temperature(world, places[i], date));
    write_raster(join_text(folder, "/temperature_", date.compact(), ".tif"), raster, options);
    context.progress->advance(1);
  }
  context.progress->finish();
}

}  // namespace millesime::simulated
