#include <algorithm>
#include <array>
#include <cmath>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/side_by_side.h"
#include "pipeline/io/coordinates.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/simulate/noise.h"
#include "pipeline/simulate/other_sensors.h"

namespace millesime::simulated {
namespace {

constexpr double kLandsatPixelM = 30;
constexpr int kLandsatRevisitDays = 8;  // Landsat 8 and 9 together

struct Band {
  const char* name;
  int like;       // the band of Sentinel-2 that it resembles
  double factor;  // on its reflectance
};
// OLI's nir is as narrow as B8A.
constexpr std::array<Band, 7> kBandsOfOli = {
    {{"SR_B1", 0, 0.85}, {"SR_B2", 0, 1}, {"SR_B3", 1, 1}, {"SR_B4", 2, 1}, {"SR_B5", 7, 1}, {"SR_B6", 8, 1}, {"SR_B7", 9, 1}}};

// Collection 2: DN = (reflectance + 0.2) / 2.75e-5, DN = (kelvin - 149) / 0.00341802; 0 is fill.
std::uint16_t reflectance_number(double reflectance) {
  return static_cast<std::uint16_t>(std::clamp(std::round((reflectance + 0.2) / 2.75e-5), 1.0, 65535.0));
}
std::uint16_t temperature_number(double celsius) {
  return static_cast<std::uint16_t>(std::clamp(std::round((celsius + 273.15 - 149) / 0.00341802), 1.0, 65535.0));
}

// QA_PIXEL: bits 0 fill, 1 dilated cloud, 2 cirrus, 3 cloud, 4 shadow, 6 clear, confidences in bits 8 to 15 (1 low, 3 high).
std::uint16_t quality(std::uint8_t clouds, bool seen) {
  if (!seen) return 1;
  const bool cirrus = clouds & kHighClouds, cloud = (clouds & kClouds) && !cirrus, thin = cloud && (clouds & kThinClouds);
  const bool shadow = clouds && !(clouds & kClouds);
  unsigned bits = 0b0101'0101'0000'0000;
  if (cloud) bits |= thin ? 1u << 1 : 1u << 3 | 3u << 8;
  if (cirrus) bits |= 1u << 2 | 3u << 14;
  if (shadow) bits |= 1u << 4 | 3u << 10;
  if (!clouds) bits |= 1u << 6;
  return static_cast<std::uint16_t>(bits);
}

struct Scene {
  std::string crs;
  int path, row;
  double first, last;  // rows of the world that it covers, as shares from north to south
  int swath_side;
};

Grid grid_of(const Scene& scene, const std::vector<Tile>& tiles) {
  Box all;
  for (const Tile& tile : tiles) {
    const Box box = CoordinateTransform(tile.grid.crs, scene.crs)(tile.grid.extent());
    all = all.empty() ? box
                      : Box{std::min(all.min_x, box.min_x), std::min(all.min_y, box.min_y), std::max(all.max_x, box.max_x),
                            std::max(all.max_y, box.max_y)};
  }
  const double height = all.max_y - all.min_y, margin = 20 * kLandsatPixelM;
  Grid grid;
  grid.crs = scene.crs;
  grid.pixel_width = grid.pixel_height = kLandsatPixelM;
  // USGS puts pixel centres, not corners, at multiples of 30 m.
  grid.x0 = std::floor((all.min_x - margin) / kLandsatPixelM) * kLandsatPixelM - kLandsatPixelM / 2;
  grid.y0 = std::ceil((all.max_y - scene.first * height + margin) / kLandsatPixelM) * kLandsatPixelM + kLandsatPixelM / 2;
  grid.cols = static_cast<int>(std::ceil((all.max_x + margin - grid.x0) / kLandsatPixelM));
  grid.rows = static_cast<int>(std::ceil((grid.y0 - (all.max_y - scene.last * height) + margin) / kLandsatPixelM));
  return grid;
}

void write_scene(const World& world, const Tile& place, const Pass& pass, const std::string& name, const std::string& folder,
                 double cloud_share, const Context& context) {
  const PositionLattice to_world(place.grid.crs, kWorldCrs, place.grid.extent());
  const Renderer renderer(world, place, pass, cloud_share, 1);
  std::vector<std::string> layers;
  for (const Band& band : kBandsOfOli) layers.push_back(band.name);
  layers.insert(layers.end(), {"ST_B10", "QA_PIXEL", "QA_RADSAT"});
  std::vector<RasterWriter> writers;
  for (const std::string& layer : layers) {
    RasterOptions options;
    options.block = block_of(std::max(place.grid.cols, place.grid.rows), kStripRows);
    if (layer.starts_with("S")) options.nodata = 0;
    writers.emplace_back(join_text(folder, "/", name, "/", name, "_", layer, ".TIF"), place.grid, PixelType::u16, 1, options);
  }
  for (const Window& window : strips_of(place.grid)) {
    const Ground ground = survey(world, place.grid, to_world, window, context.threads);
    const Spectra spectra = renderer.render_spectra(ground, context.threads);
    side_by_side(static_cast<std::int64_t>(layers.size()), context.threads, [&](std::int64_t layer) {
      std::vector<std::uint16_t> numbers(static_cast<std::size_t>(window.pixels()));
      for (std::size_t i = 0; i < numbers.size(); ++i) {
        const int col = window.col + static_cast<int>(i) % window.width, row = window.row + static_cast<int>(i) / window.width;
        const bool seen = spectra.seen[i] != 0;
        const double noise = normal(hash_of(renderer.noise_key(col, row), layer));
        if (layer < static_cast<std::int64_t>(kBandsOfOli.size())) {
          const Band& band = kBandsOfOli[static_cast<std::size_t>(layer)];
          const double value = spectra.reflectance[i][static_cast<std::size_t>(band.like)] * band.factor;
          numbers[i] = seen ? reflectance_number(value + (0.0022 + 0.01 * value) * noise) : std::uint16_t{0};
        } else if (layers[static_cast<std::size_t>(layer)] == "ST_B10") {
          // In the sun bare ground is warmer than vegetation, clouds are cold.
          const double green = spectra.reflectance[i][7] - spectra.reflectance[i][2];
          const double celsius = daily_temperature(world, ground.position[i], pass.date) + 8 - 15 * green - (spectra.clouds[i] ? 20 : 0);
          numbers[i] = seen ? temperature_number(celsius + noise) : std::uint16_t{0};
        } else if (layers[static_cast<std::size_t>(layer)] == "QA_PIXEL") {
          numbers[i] = quality(spectra.clouds[i], seen);
        }
      }
      writers[static_cast<std::size_t>(layer)].write(window, 0, numbers.data());
    });
  }
  for (RasterWriter& writer : writers) writer.commit();
  write_text(join_text(folder, "/", name, "/", name, "_MTL.txt"),
             join_text("GROUP = LANDSAT_METADATA_FILE\n  GROUP = PRODUCT_CONTENTS\n    LANDSAT_PRODUCT_ID = \"", name,
                       "\"\n    PROCESSING_LEVEL = \"L2SP\"\n    COLLECTION_NUMBER = 02\n    COLLECTION_CATEGORY = \"T1\"\n"
                       "  END_GROUP = PRODUCT_CONTENTS\nEND_GROUP = LANDSAT_METADATA_FILE\nEND\n"));
}

}  // namespace

void write_landsat(const World& world, const std::vector<Tile>& tiles, const Season& season, const std::string& folder,
                   const Context& context) {
  const std::array<Scene, 4> scenes = {{{"EPSG:32631", 199, 29, 0, 0.6, 0},
                                        {"EPSG:32631", 199, 30, 0.4, 1, 0},
                                        {"EPSG:32630", 200, 29, 0, 0.6, -1},
                                        {"EPSG:32630", 200, 30, 0.4, 1, -1}}};
  const int cycles = 365 / kLandsatRevisitDays, days = std::min(season.dates, cycles);
  context.progress->start("simulate Landsat", static_cast<std::int64_t>(scenes.size()) * days, "scenes");
  for (const Scene& scene : scenes) {
    const Tile place{"", grid_of(scene, tiles), 0};
    for (int k = 0; k < days; ++k) {
      const int cycle = k * cycles / days;
      Pass pass;
      pass.date = Date::from_ymd(season.year, 1, 1) + (scene.path == 199 ? 3 : 7) + cycle * kLandsatRevisitDays;
      pass.orbit = scene.path;  // both rows of a day have the same clouds
      pass.swath_side = scene.swath_side;
      const std::string name = join_text("LC0", cycle % 2 == 0 ? 8 : 9, "_L2SP_", scene.path, "0", scene.row, "_", pass.date.compact(), "_",
                                         (pass.date + 9).compact(), "_02_T1");
      write_scene(world, place, pass, name, folder, season.cloud_share, context);
      context.progress->advance(1);
    }
  }
  context.progress->finish();
}

}  // namespace millesime::simulated
