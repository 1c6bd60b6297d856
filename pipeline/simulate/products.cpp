#include "pipeline/simulate/products.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <exception>
#include <filesystem>
#include <map>
#include <optional>

#include "pipeline/core/error.h"
#include "pipeline/core/series.h"
#include "pipeline/core/side_by_side.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/io/zip_file.h"
#include "pipeline/simulate/ground.h"
#include "pipeline/simulate/noise.h"
#include "pipeline/simulate/spectra.h"

namespace millesime::simulated {

namespace {

namespace fs = std::filesystem;

constexpr int kStripRows = 256;    // a row of blocks of the files at 10 m
constexpr int kOpenProducts = 24;  // of 16 files each, well below the usual limit of 1024 open files
constexpr int kMaskPlanes = 3;
constexpr std::array<const char*, kMaskPlanes> kMaskNames = {"CLM", "SAT", "EDG"};
constexpr std::array<float, kBands> kCloudSpectrum = {.72f, .72f, .73f, .74f, .75f, .76f, .76f, .76f, .52f, .40f};
constexpr std::array<float, kBands> kHazePerBand = {1.f,  .78f, .62f, .52f, .45f,
                                                    .40f, .34f, .32f, .12f, .07f};  // scattering decreases with the wavelength
constexpr std::array<float, kBands> kShadowPerBand = {.72f, .82f, .88f, .92f, .96f, .98f, 1.f, 1.f, 1.f, 1.f};  // skylight is blue

Grid coarse(const Grid& grid) {  // the 20 m bands: whole pixels only, so an odd size loses its last row and column
  Grid half = grid;
  half.cols /= 2;
  half.rows /= 2;
  half.pixel_width *= 2;
  half.pixel_height *= 2;
  return half;
}

Window coarse(const Window& window) { return {window.col / 2, window.row / 2, window.width / 2, window.height / 2}; }

// GeoTIFF blocks are multiples of 16 pixels.
int block_of(int size, int largest) { return std::min(largest, (size + 15) / 16 * 16); }

// The pixels of one product in one strip.
struct Strip {
  std::array<std::vector<std::int16_t>, kBands> bands;
  std::array<std::array<std::vector<std::uint8_t>, kMaskPlanes>, 2> masks;  // [10 m, 20 m][CLM, SAT, EDG]
  std::int64_t seen = 0, cloudy = 0, masked = 0;
};

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

// Renders one pass over the ground of a strip.
class Renderer {
 public:
  Renderer(const World& world, const Tile& tile, const Pass& pass, const ProductOptions& options)
      : world_(&world), tile_(&tile), pass_(&pass), step_(options.value_step), sky_(world, pass, options.cloud_share) {
    noise_ = hash_of(world.seed(), 90, pass.date.days, pass.orbit, static_cast<std::int64_t>(tile.grid.x0),
                     static_cast<std::int64_t>(tile.grid.y0));
    for (int band = 0; band < kBands; ++band)
      factor_[static_cast<std::size_t>(band)] =
          static_cast<float>(sky_.light() * sky_.tint(band) * (pass.faulty ? 0.9 + 0.02 * band : 1.0));
  }

  const Sky& sky() const { return sky_; }

  Strip render(const Ground& ground, int threads) const {
    const Window& window = ground.window;
    const Window half = coarse(window);
    Strip strip;
    for (int band = 0; band < kBands; ++band)
      strip.bands[static_cast<std::size_t>(band)].resize(static_cast<std::size_t>(is_20m(band) ? half.pixels() : window.pixels()));
    for (auto& plane : strip.masks[0]) plane.resize(static_cast<std::size_t>(window.pixels()));
    for (auto& plane : strip.masks[1]) plane.resize(static_cast<std::size_t>(half.pixels()));

    std::vector<Look> looks(ground.parcels.size());
    const auto parcels = static_cast<std::int64_t>(looks.size());
    std::int64_t seen = 0, cloudy = 0, masked = 0;
#pragma omp parallel num_threads(threads) reduction(+ : seen, cloudy, masked)
    {
#pragma omp for schedule(static)
      for (std::int64_t k = 0; k < parcels; ++k)
        looks[static_cast<std::size_t>(k)] = look_of(*world_, ground.parcels[static_cast<std::size_t>(k)], pass_->date.day_of_year());
#pragma omp for schedule(dynamic)
      for (int pair = 0; pair < (window.height + 1) / 2; ++pair) {
        for (int right = 0; right < (window.width + 1) / 2; ++right) {
          const Counts counts = render_square(ground, looks, right, pair, strip);
          seen += counts.seen;
          cloudy += counts.cloudy;
          masked += counts.masked;
        }
      }
    }
    strip.seen = seen;
    strip.cloudy = cloudy;
    strip.masked = masked;
    return strip;
  }

 private:
  struct Counts {
    int seen = 0, cloudy = 0, masked = 0;
  };

  // 2 x 2 pixels of 10 m and the one of 20 m that they make.
  Counts render_square(const Ground& ground, const std::vector<Look>& looks, int square_col, int square_row, Strip& strip) const {
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
  Spectrum seen_from_above(const Ground& ground, const std::vector<Look>& looks, std::size_t pixel, const Sky::Air& air) const {
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

  const World* world_;
  const Tile* tile_;
  const Pass* pass_;
  int step_;
  Sky sky_;
  std::uint64_t noise_;
  std::array<float, kBands> factor_{};
};

// The files of one product, open for writing.
class ProductFiles {
 public:
  ProductFiles(const std::string& folder, const std::string& name, const Grid& grid) {
    const std::string stem = folder + "/" + name;
    const Grid half = coarse(grid);
    RasterOptions options;
    for (int band = 0; band < kBands; ++band) {
      options.nodata = kNodata;
      options.block =
          is_20m(band) ? block_of(std::max(half.cols, half.rows), kStripRows / 2) : block_of(std::max(grid.cols, grid.rows), kStripRows);
      const std::string file = stem + "/" + name + "_FRE_" + band_names()[static_cast<std::size_t>(band)] + ".tif";
      writers_.emplace_back(file, is_20m(band) ? half : grid, PixelType::i16, 1, options);
    }
    for (int resolution = 0; resolution < 2; ++resolution)
      for (const char* plane : kMaskNames) {
        options.nodata.reset();
        options.block = resolution == 1 ? block_of(std::max(half.cols, half.rows), kStripRows / 2)
                                        : block_of(std::max(grid.cols, grid.rows), kStripRows);
        const std::string file = join_text(stem, "/MASKS/", name, "_", plane, "_R", resolution + 1, ".tif");
        writers_.emplace_back(file, resolution == 1 ? half : grid, PixelType::u8, 1, options);
      }
  }

  void write(const Window& window, const Strip& strip, int threads) {
    side_by_side(static_cast<std::int64_t>(writers_.size()), threads, [&](std::int64_t i) {
      const int file = static_cast<int>(i);
      RasterWriter& writer = writers_[static_cast<std::size_t>(file)];
      if (file < kBands) {
        writer.write(is_20m(file) ? coarse(window) : window, 0, strip.bands[static_cast<std::size_t>(file)].data());
      } else {
        const int resolution = (file - kBands) / kMaskPlanes, plane = (file - kBands) % kMaskPlanes;
        writer.write(resolution == 1 ? coarse(window) : window, 0,
                     strip.masks[static_cast<std::size_t>(resolution)][static_cast<std::size_t>(plane)].data());
      }
    });
  }

  void commit(int threads) {
    side_by_side(static_cast<std::int64_t>(writers_.size()), threads,
                 [&](std::int64_t file) { writers_[static_cast<std::size_t>(file)].commit(); });
  }

 private:
  std::vector<RasterWriter> writers_;
};

// <folder>/<name>/ becomes <folder>/<name>.zip.
void zip_product(const std::string& folder, const std::string& name) {
  std::vector<ZipMember> members;
  for (const auto& entry : fs::recursive_directory_iterator(folder + "/" + name))
    if (entry.is_regular_file()) members.push_back({fs::relative(entry.path(), folder).generic_string(), entry.path().string()});
  std::sort(members.begin(), members.end(), [](const ZipMember& a, const ZipMember& b) { return a.name < b.name; });
  write_zip(folder + "/" + name + ".zip", members);
  fs::remove_all(folder + "/" + name);
}

std::vector<Window> strips_of(const Grid& grid) {
  std::vector<Window> strips;
  for (int row = 0; row < grid.rows; row += kStripRows) strips.push_back({0, row, grid.cols, std::min(kStripRows, grid.rows - row)});
  return strips;
}

double share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : std::round(1000.0 * static_cast<double>(part) / static_cast<double>(whole)) / 1000;
}

}  // namespace

nlohmann::ordered_json write_tile(const World& world, const Tile& tile, const std::vector<Pass>& passes, const ProductOptions& options,
                                  const std::string& products, const std::string& truth, const Context& context) {
  const PositionLattice to_world(tile.grid.crs, kWorldCrs, tile.grid.extent());
  const std::vector<Window> strips = strips_of(tile.grid);
  std::map<int, std::int64_t> class_pixels;
  nlohmann::ordered_json found = nlohmann::ordered_json::array();
  RasterOptions truth_options;
  truth_options.nodata = 0;
  truth_options.block = block_of(std::max(tile.grid.cols, tile.grid.rows), kStripRows);
  RasterWriter truth_file(truth, tile.grid, PixelType::u8, 1, truth_options);

  context.progress->start("simulate " + tile.name, static_cast<std::int64_t>(passes.size() * strips.size()), "strips");
  for (std::size_t first = 0; first < passes.size(); first += kOpenProducts) {
    const std::size_t last = std::min(passes.size(), first + kOpenProducts);
    std::vector<Renderer> renderers;
    std::vector<ProductFiles> files;
    std::vector<Strip> totals(last - first);  // counts only
    for (std::size_t k = first; k < last; ++k) {
      renderers.emplace_back(world, tile, passes[k], options);
      files.emplace_back(products, passes[k].product_name(tile.name), tile.grid);
    }
    for (const Window& window : strips) {
      const Ground ground = survey(world, tile.grid, to_world, window, context.threads);
      if (first == 0) {
        truth_file.write(window, 0, ground.land_class.data());
        for (const std::uint8_t code : ground.land_class) ++class_pixels[code];
      }
      for (std::size_t k = 0; k < renderers.size(); ++k) {
        const Strip strip = renderers[k].render(ground, context.threads);
        files[k].write(window, strip, context.threads);
        totals[k].seen += strip.seen;
        totals[k].cloudy += strip.cloudy;
        totals[k].masked += strip.masked;
        context.progress->advance(1);
      }
    }
    for (std::size_t k = 0; k < files.size(); ++k) {
      files[k].commit(context.threads);
      const Pass& pass = passes[first + k];
      const std::string name = pass.product_name(tile.name);
      if (pass.zipped) zip_product(products, name);
      nlohmann::ordered_json entry;
      entry["product"] = name;
      entry["date"] = pass.date.iso();
      entry["orbit"] = pass.orbit;
      entry["seen"] = share(totals[k].seen, tile.grid.pixels());
      entry["cloudy"] = share(totals[k].cloudy, totals[k].seen);
      entry["masked"] = share(totals[k].masked, totals[k].seen);
      entry["haze"] = std::round(renderers[k].sky().haze_strength() * 1e4) / 1e4;
      if (pass.zipped) entry["zipped"] = true;
      if (pass.faulty) entry["faulty"] = true;
      found.push_back(entry);
    }
  }
  truth_file.commit();
  context.progress->finish();

  nlohmann::ordered_json report;
  report["name"] = tile.name;
  report["crs"] = tile.grid.crs;
  report["origin"] = {tile.grid.x0, tile.grid.y0};
  report["size"] = {tile.grid.cols, tile.grid.rows};
  nlohmann::ordered_json classes;
  for (const auto& [code, pixels] : class_pixels) classes[std::to_string(code)] = pixels;
  report["class_pixels"] = classes;
  report["products"] = found;
  return report;
}

void write_union_truth(const World& world, const std::vector<Tile>& tiles, const Grid& grid, const std::string& path,
                       const Context& context) {
  std::map<std::string, PositionLattice> to_tile;  // one a CRS
  for (const Tile& tile : tiles) to_tile.try_emplace(tile.grid.crs, kWorldCrs, tile.grid.crs, grid.extent());
  RasterOptions options;
  options.nodata = 0;
  options.block = block_of(std::max(grid.cols, grid.rows), kStripRows);
  RasterWriter file(path, grid, PixelType::u8, 1, options);
  const std::vector<Window> strips = strips_of(grid);
  context.progress->start("simulate the truth of all tiles", static_cast<std::int64_t>(strips.size()), "strips");
  for (const Window& window : strips) {
    std::vector<std::uint8_t> classes(static_cast<std::size_t>(window.pixels()));
#pragma omp parallel for schedule(dynamic) num_threads(context.threads)
    for (int r = 0; r < window.height; ++r)
      for (int c = 0; c < window.width; ++c) {
        const Point centre = grid.centre(window.col + c, window.row + r);
        const bool covered = std::any_of(tiles.begin(), tiles.end(), [&](const Tile& tile) {
          const Point p = to_tile.at(tile.grid.crs)(centre);
          return tile.grid.whole().contains(static_cast<int>(std::floor(tile.grid.col(p.x))),
                                            static_cast<int>(std::floor(tile.grid.row(p.y))));
        });
        if (covered)
          classes[static_cast<std::size_t>(r) * static_cast<std::size_t>(window.width) + static_cast<std::size_t>(c)] =
              static_cast<std::uint8_t>(world.parcel_at(centre).land_class);
      }
    file.write(window, 0, classes.data());
    context.progress->advance(1);
  }
  file.commit();
  context.progress->finish();
}

}  // namespace millesime::simulated
