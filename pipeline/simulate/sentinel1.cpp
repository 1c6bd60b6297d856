#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "pipeline/core/error.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/simulate/noise.h"
#include "pipeline/simulate/other_sensors.h"

namespace millesime::simulated {
namespace {

constexpr int kRadarRevisitDays = 6;
constexpr double kSpeckle = 0.3;  // standard deviation / mean of the power, as after the filter of S1Tiling

struct Orbit {
  const char* direction;
  int number, phase;
  const char* time;
  int swath_side;
};
constexpr std::array<Orbit, 2> kOrbits = {{{"DES", 110, 2, "060012", 0}, {"ASC", 30, 4, "174512", 1}}};

// gamma0 in decibel of a class without green vegetation, and what a full canopy adds. Rounded from the range that is usual at C band;
// built-up land and forests differ from open land all year, crops by their seasons.
struct Backscatter {
  double vv, vh, green_vv, green_vh;
};
Backscatter backscatter(int land_class) {
  if (land_class >= 1 && land_class <= 3) return {-4.0 - land_class, -12.0 - land_class, 0, 0};
  switch (land_class) {
    case 4: return {-15, -23, 0, 0};          // roads
    case 14: return {-10.5, -17.5, 1, 2};     // orchards
    case 15: return {-10, -18.5, 0.5, 1};     // vineyards
    case 16: return {-9.5, -15.5, 0.3, 0.8};  // broad-leaved forest
    case 17: return {-10.5, -16.5, 0, 0};     // coniferous forest
    case 18:
    case 19: return {-13, -20.5, 1, 1.5};  // grassland, moors
    case 20:
    case 21: return {-11, -20, 0, 0};  // rock, sand
    case 22: return {-14, -21, 0, 0};  // ice and snow
    case 23: return {-20, -28, 0, 0};  // water
    case 9:
    case 10:
    case 11:
    case 12: return {-11, -19, 2.5, 5};   // crops with broad stems: more volume
    default: return {-11, -19, -2.5, 2};  // cereals and the like: upright stems weaken VV
  }
}

float power(double decibel) { return static_cast<float>(std::pow(10, decibel / 10)); }

}  // namespace

void write_sentinel1(const World& world, const Tile& tile, const Season& season, const std::string& folder, const Context& context) {
  const PositionLattice to_world(tile.grid.crs, kWorldCrs, tile.grid.extent());
  const std::string name = tile.name.substr(1);  // 31TCJ
  const int cycles = 365 / kRadarRevisitDays, days = std::min(season.dates, cycles);
  RasterOptions options;
  options.block = block_of(std::max(tile.grid.cols, tile.grid.rows), kStripRows);
  options.nodata = 0;
  context.progress->start("simulate Sentinel-1 of " + tile.name, static_cast<std::int64_t>(kOrbits.size()) * days, "dates");
  for (const Orbit& orbit : kOrbits)
    for (int k = 0; k < days; ++k) {
      Pass pass;
      pass.date = Date::from_ymd(season.year, 1, 1) + orbit.phase + k * cycles / days * kRadarRevisitDays;
      pass.orbit = orbit.number;
      pass.swath_side = orbit.swath_side;
      const Renderer renderer(world, tile, pass, 0, 1);  // no clouds
      char number[8];
      std::snprintf(number, sizeof number, "%03d", orbit.number);
      const auto file = [&](const char* polarisation) {
        return join_text(folder, "/", name, "/s1a_", name, "_", polarisation, "_", orbit.direction, "_", number, "_", pass.date.compact(),
                         "t", orbit.time, ".tif");
      };
      RasterWriter vv(file("vv"), tile.grid, PixelType::f32, 1, options), vh(file("vh"), tile.grid, PixelType::f32, 1, options);
      // Wet soil reflects more, on the whole scene.
      const double wet = 0.8 * normal(hash_of(world.seed(), 70, pass.date.days));
      for (const Window& window : strips_of(tile.grid)) {
        const Ground ground = survey(world, tile.grid, to_world, window, context.threads);
        const Spectra spectra = renderer.render_spectra(ground, context.threads);
        std::vector<float> of_vv(static_cast<std::size_t>(window.pixels())), of_vh(of_vv.size());
#pragma omp parallel for schedule(static) num_threads(context.threads)
        for (std::int64_t p = 0; p < window.pixels(); ++p) {
          const auto i = static_cast<std::size_t>(p);
          if (!spectra.seen[i]) continue;
          const Spectrum& seen = spectra.reflectance[i];
          const double green = std::clamp((seen[7] - seen[2]) / (seen[7] + seen[2] + 0.05), 0.0, 1.0);
          const Backscatter b = backscatter(ground.land_class[i]);
          const Parcel& parcel = ground.parcels[ground.at_pixel[i][0]];
          const double of_parcel = 0.7 * normal(mix(parcel.id ^ static_cast<std::uint64_t>(orbit.number)));  // structure, look direction
          const std::uint64_t key =
              renderer.noise_key(window.col + static_cast<int>(p) % window.width, window.row + static_cast<int>(p) / window.width);
          const auto speckle = [&](int band) { return static_cast<float>(std::max(0.05, 1 + kSpeckle * normal(hash_of(key, 70, band)))); };
          of_vv[i] = power(b.vv + b.green_vv * green + wet * (1 - green) + of_parcel) * speckle(0);
          of_vh[i] = power(b.vh + b.green_vh * green + 0.5 * wet * (1 - green) + of_parcel) * speckle(1);
        }
        vv.write(window, 0, of_vv.data());
        vh.write(window, 0, of_vh.data());
      }
      vv.commit();
      vh.commit();
      context.progress->advance(1);
    }
  context.progress->finish();
}

}  // namespace millesime::simulated
