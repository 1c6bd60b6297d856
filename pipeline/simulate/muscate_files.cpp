#include <algorithm>
#include <string_view>

#include "pipeline/core/error.h"
#include "pipeline/core/side_by_side.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/simulate/product_files.h"

namespace millesime::simulated {
namespace {

constexpr std::array<const char*, kMaskPlanes> kMaskNames = {"CLM", "SAT", "EDG"};

RasterOptions options_of(const Grid& grid, int rows) {
  RasterOptions options;
  options.block = block_of(std::max(grid.cols, grid.rows), rows);
  return options;
}

// Images of both resolutions, and masks of both.
class MuscateFiles : public ProductFiles {
 public:
  MuscateFiles(const std::string& folder, const std::string& name, const Grid& grid, const std::string& variant,
               const std::vector<std::string>& masks) {
    const std::string stem = folder + "/" + name;
    const Grid half = coarse(grid);
    for (int band = 0; band < kBands; ++band) {
      RasterOptions options = is_20m(band) ? options_of(half, kStripRows / 2) : options_of(grid, kStripRows);
      options.nodata = kNodata;
      const std::string file = join_text(stem, "/", name, "_", variant, "_", band_names()[static_cast<std::size_t>(band)], ".tif");
      writers_.emplace_back(file, is_20m(band) ? half : grid, PixelType::i16, 1, options);
    }
    n_masks_ = masks.size();
    for (int resolution = 0; resolution < 2; ++resolution)
      for (const std::string& plane : masks) {
        const std::string file = join_text(stem, "/MASKS/", name, "_", plane, "_R", resolution + 1, ".tif");
        writers_.emplace_back(file, resolution == 1 ? half : grid, PixelType::u8, 1,
                              resolution == 1 ? options_of(half, kStripRows / 2) : options_of(grid, kStripRows));
      }
  }

  void write(const Window& window, const Strip& strip, int threads) override {
    side_by_side(static_cast<std::int64_t>(writers_.size()), threads, [&](std::int64_t file) {
      RasterWriter& writer = writers_[static_cast<std::size_t>(file)];
      if (file < kBands) {
        writer.write(is_20m(static_cast<int>(file)) ? coarse(window) : window, 0, strip.bands[static_cast<std::size_t>(file)].data());
      } else {
        const std::size_t mask = static_cast<std::size_t>(file) - kBands, resolution = mask / n_masks_;
        writer.write(resolution == 1 ? coarse(window) : window, 0, mask_of(strip, resolution, mask % n_masks_).data());
      }
    });
  }

  void commit(int threads) override {
    side_by_side(static_cast<std::int64_t>(writers_.size()), threads,
                 [&](std::int64_t file) { writers_[static_cast<std::size_t>(file)].commit(); });
  }

 protected:
  virtual std::vector<std::uint8_t> mask_of(const Strip& strip, std::size_t resolution, std::size_t plane) const {
    return strip.masks[resolution][plane];
  }

 private:
  std::vector<RasterWriter> writers_;
  std::size_t n_masks_ = 0;
};

// FLG of WASP: 0 no data, 1 cloud or its shadow, 4 land.
class SynthesisFiles : public MuscateFiles {
 public:
  SynthesisFiles(const std::string& folder, const std::string& name, const Grid& grid) : MuscateFiles(folder, name, grid, "FRC", {"FLG"}) {}

 protected:
  std::vector<std::uint8_t> mask_of(const Strip& strip, std::size_t resolution, std::size_t) const override {
    const auto& [clouds, saturated, outside] = strip.masks[resolution];
    std::vector<std::uint8_t> flags(clouds.size());
    for (std::size_t i = 0; i < flags.size(); ++i) flags[i] = outside[i] ? 0 : clouds[i] ? 1 : 4;
    return flags;
  }
};

}  // namespace

const OpticalLayout& theia_l2a() {
  static const OpticalLayout layout{
      .sensor = "sentinel2_theia",
      .folder = "l2a",
      .name = [](const Pass& pass, const std::string& tile) { return pass.product_name(tile); },
      .open = [](const std::string& folder, const std::string& name, const Tile& tile, const Pass&) -> std::unique_ptr<ProductFiles> {
        return std::make_unique<MuscateFiles>(folder, name, tile.grid, "FRE",
                                              std::vector<std::string>(kMaskNames.begin(), kMaskNames.end()));
      }};
  return layout;
}

const OpticalLayout& theia_l3a() {
  static const OpticalLayout layout{
      .sensor = "sentinel2_l3a",
      .folder = "l3a",
      .name = [](const Pass& pass,
                 const std::string& tile) { return join_text("SENTINEL2X_", pass.date.compact(), "-000000-000_L3A_", tile, "_C_V1-0"); },
      .open = [](const std::string& folder, const std::string& name, const Tile& tile, const Pass&) -> std::unique_ptr<ProductFiles> {
        return std::make_unique<SynthesisFiles>(folder, name, tile.grid);
      }};
  return layout;
}

}  // namespace millesime::simulated
