#include "pipeline/simulate/render.h"

#include <algorithm>
#include <cmath>

#include "pipeline/core/side_by_side.h"
#include "pipeline/simulate/noise.h"

namespace millesime::simulated {

namespace {

constexpr std::array<float, kBands> kCloudSpectrum = {.72f, .72f, .73f, .74f, .75f, .76f, .76f, .76f, .52f, .40f};
constexpr std::array<float, kBands> kHazePerBand = {1.f,  .78f, .62f, .52f, .45f,
                                                    .40f, .34f, .32f, .12f, .07f};  // scattering decreases with the wavelength
constexpr std::array<float, kBands> kShadowPerBand = {.72f, .82f, .88f, .92f, .96f, .98f, 1.f, 1.f, 1.f, 1.f};  // skylight is blue

bool seen_by(const Pass& pass, const Grid& grid, int col, int row) {
  const double across = (col + 0.5) / grid.cols - 0.5, down = (row + 0.5) / grid.rows - 0.5;
  if (down + 0.5 < pass.first_row || down + 0.5 >= pass.last_row) return false;
  return pass.swath_side == 0 || pass.swath_side * (across + 0.2 * down) > 0;  // the satellite flies to the south-south-west
}

std::int16_t stored_value(double reflectance, std::uint64_t noise_key, int step) {
  const double noise = (0.0022 + 0.010 * reflectance) * normal(noise_key);  // of the sensor, and of the atmospheric correction
  const double value = std::clamp((reflectance + noise) * 10000, 1.0, 20000.0);
  return static_cast<std::int16_t>(std::max(1.0, std::round(value / step) * step));
}

}  // namespace

Grid coarse(const Grid& grid) {
  Grid half = grid;
  half.cols /= 2;
  half.rows /= 2;
  half.pixel_width *= 2;
  half.pixel_height *= 2;
  return half;
}

Window coarse(const Window& window) { return {window.col / 2, window.row / 2, window.width / 2, window.height / 2}; }

int block_of(int size, int largest) { return std::min(largest, (size + 15) / 16 * 16); }

std::vector<Window> strips_of(const Grid& grid) {
  std::vector<Window> strips;
  for (int row = 0; row < grid.rows; row += kStripRows) strips.push_back({0, row, grid.cols, std::min(kStripRows, grid.rows - row)});
  return strips;
}

Renderer::Renderer(const World& world, const Tile& tile, const Pass& pass, double cloud_share, int value_step)
    : world_(&world), tile_(&tile), pass_(&pass), step_(value_step), sky_(world, pass, cloud_share) {
  noise_ = hash_of(world.seed(), 90, pass.date.days, pass.orbit, static_cast<std::int64_t>(tile.grid.x0),
                   static_cast<std::int64_t>(tile.grid.y0));
  for (int band = 0; band < kBands; ++band)
    factor_[static_cast<std::size_t>(band)] = static_cast<float>(sky_.light() * sky_.tint(band) * (pass.faulty ? 0.9 + 0.02 * band : 1.0));
}

std::vector<Look> Renderer::looks(const Ground& ground, int threads) const {
  std::vector<Look> all(ground.parcels.size());
  side_by_side(static_cast<std::int64_t>(all.size()), threads, [&](std::int64_t k) {
    const auto i = static_cast<std::size_t>(k);
    all[i] = look_of(*world_, ground.parcels[i], pass_->date.day_of_year());
  });
  return all;
}

std::uint64_t Renderer::noise_key(int col, int row) const { return hash_of(noise_, col, row); }

Strip Renderer::render(const Ground& ground, int threads) const {
  const Window& window = ground.window;
  const Window half = coarse(window);
  Strip strip;
  for (int band = 0; band < kBands; ++band)
    strip.bands[static_cast<std::size_t>(band)].resize(static_cast<std::size_t>(is_20m(band) ? half.pixels() : window.pixels()));
  for (auto& plane : strip.masks[0]) plane.resize(static_cast<std::size_t>(window.pixels()));
  for (auto& plane : strip.masks[1]) plane.resize(static_cast<std::size_t>(half.pixels()));

  const std::vector<Look> looks = this->looks(ground, threads);
  std::int64_t seen = 0, cloudy = 0, masked = 0;
#pragma omp parallel for schedule(dynamic) num_threads(threads) reduction(+ : seen, cloudy, masked)
  for (int pair = 0; pair < (window.height + 1) / 2; ++pair) {
    for (int right = 0; right < (window.width + 1) / 2; ++right) {
      const Counts counts = render_square(ground, looks, right, pair, strip);
      seen += counts.seen;
      cloudy += counts.cloudy;
      masked += counts.masked;
    }
  }
  strip.seen = seen;
  strip.cloudy = cloudy;
  strip.masked = masked;
  return strip;
}

Spectra Renderer::render_spectra(const Ground& ground, int threads) const {
  const Window& window = ground.window;
  const std::vector<Look> looks = this->looks(ground, threads);
  Spectra spectra;
  const auto pixels = static_cast<std::size_t>(window.pixels());
  spectra.reflectance.resize(pixels), spectra.clouds.resize(pixels), spectra.seen.resize(pixels);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
  for (int r = 0; r < window.height; ++r)
    for (int c = 0; c < window.width; ++c) {
      if (!seen_by(*pass_, tile_->grid, window.col + c, window.row + r)) continue;
      const std::size_t pixel = static_cast<std::size_t>(r) * static_cast<std::size_t>(window.width) + static_cast<std::size_t>(c);
      const Sky::Air air = sky_.at(ground.position[pixel]);
      spectra.reflectance[pixel] = seen_from_above(ground, looks, pixel, air);
      spectra.clouds[pixel] = air.mask;
      spectra.seen[pixel] = 1;
    }
  return spectra;
}

// 2 x 2 pixels of 10 m and the one of 20 m that they make.
Renderer::Counts Renderer::render_square(const Ground& ground, const std::vector<Look>& looks, int square_col, int square_row,
                                         Strip& strip) const {
  const Window& window = ground.window;
  const Window half = coarse(window);
  std::array<double, kBands> mean{};
  std::array<std::uint8_t, kMaskPlanes> together{};
  Counts counts;
  for (int corner = 0; corner < 4; ++corner) {
    const int c = 2 * square_col + corner % 2, r = 2 * square_row + corner / 2;
    if (c >= window.width || r >= window.height) continue;
    const std::size_t pixel = static_cast<std::size_t>(r) * static_cast<std::size_t>(window.width) + static_cast<std::size_t>(c);
    if (!seen_by(*pass_, tile_->grid, window.col + c, window.row + r)) {
      strip.masks[0][2][pixel] = 1;
      together[2] = 1;
      for (int band = 0; band < kBands; ++band)
        if (!is_20m(band)) strip.bands[static_cast<std::size_t>(band)][pixel] = kNodata;
      continue;
    }
    const std::uint64_t key = hash_of(noise_, window.col + c, window.row + r);
    const Sky::Air air = sky_.at(ground.position[pixel]);
    Spectrum spectrum = seen_from_above(ground, looks, pixel, air);
    // Sun glint on large roofs sometimes saturates the sensor.
    const bool glint = ground.land_class[pixel] == 3 && uniform(mix(key)) < 0.002;
    if (glint) spectrum.fill(1.7f);
    const std::array<std::uint8_t, kMaskPlanes> mask = {air.mask, static_cast<std::uint8_t>(glint ? 255 : 0), 0};
    for (std::size_t plane = 0; plane < mask.size(); ++plane) {
      strip.masks[0][plane][pixel] = mask[plane];
      together[plane] |= mask[plane];
    }
    for (int band = 0; band < kBands; ++band) {
      const auto b = static_cast<std::size_t>(band);
      if (is_20m(band))
        mean[b] += 0.25 * spectrum[b];
      else
        strip.bands[b][pixel] = stored_value(spectrum[b], hash_of(key, band), step_);
    }
    ++counts.seen;
    counts.cloudy += air.cloud > 0.3f ? 1 : 0;
    counts.masked += air.mask != 0 ? 1 : 0;
  }
  if (square_col < half.width && square_row < half.height) {
    const std::size_t pixel =
        static_cast<std::size_t>(square_row) * static_cast<std::size_t>(half.width) + static_cast<std::size_t>(square_col);
    for (std::size_t plane = 0; plane < together.size(); ++plane) strip.masks[1][plane][pixel] = together[plane];
    const std::uint64_t key = hash_of(noise_, -1, half.col + square_col, half.row + square_row);
    for (int band = 0; band < kBands; ++band) {
      const auto b = static_cast<std::size_t>(band);
      if (is_20m(band)) strip.bands[b][pixel] = together[2] ? kNodata : stored_value(mean[b], hash_of(key, band), step_);
    }
  }
  return counts;
}

// Reflectance of a pixel: its ground, below shadow, haze and cloud.
Spectrum Renderer::seen_from_above(const Ground& ground, const std::vector<Look>& looks, std::size_t pixel, const Sky::Air& air) const {
  Spectrum spectrum{};
  for (const std::uint32_t parcel : ground.at_pixel[pixel])
    for (std::size_t band = 0; band < kBands; ++band)
      spectrum[band] += (looks[parcel].mean[band] + ground.growth[pixel] * looks[parcel].growth[band]) / kPointsPerPixel;
  for (std::size_t band = 0; band < kBands; ++band) {
    float value = std::max(0.001f, spectrum[band]) * factor_[band];
    value *= 1 - air.shadow * kShadowPerBand[band];
    value += air.haze * kHazePerBand[band] * (1 - value);
    spectrum[band] = value + air.cloud * (kCloudSpectrum[band] - value);
  }
  return spectrum;
}

}  // namespace millesime::simulated
