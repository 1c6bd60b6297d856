#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/side_by_side.h"
#include "pipeline/io/jpeg2000.h"
#include "pipeline/io/raster_file.h"
#include "pipeline/simulate/product_files.h"

namespace millesime::simulated {
namespace {

// SCL, the scene classification of Sen2Cor.
enum SceneClass : std::uint8_t { kNoData = 0, kSaturated = 1, kCloudShadow = 3, kVegetation = 4, kCloudHigh = 9, kThinCirrus = 10 };

constexpr int kOffset = 1000;  // DN = reflectance x 10000 + kOffset from baseline 04.00 on

// Satellite A flies with a baseline before 04.00, B with a later one, so that a world has both; a faulty product is the oldest.
std::string baseline_of(const Pass& pass) { return pass.faulty ? "0214" : pass.satellite == 'A' ? "0301" : "0400"; }
bool has_offset(const Pass& pass) { return baseline_of(pass) >= "0400"; }

std::string sensing_time(const Pass& pass) { return pass.date.compact() + "T" + pass.time.substr(0, 6); }

std::string safe_name(const Pass& pass, const std::string& tile) {
  char orbit[8];
  std::snprintf(orbit, sizeof orbit, "R%03d", pass.orbit);
  return join_text("S2", pass.satellite, "_MSIL2A_", sensing_time(pass), "_N", baseline_of(pass), "_", orbit, "_", tile, "_",
                   pass.date.compact(), pass.faulty ? "T130000" : "T140000", ".SAFE");
}

std::string band_of(int band) {  // B02, B8A
  const std::string& name = band_names()[static_cast<std::size_t>(band)];
  return name.size() == 2 ? "B0" + name.substr(1) : name;
}

class SafeFiles : public ProductFiles {
 public:
  SafeFiles(const std::string& folder, const std::string& name, const Tile& tile, const Pass& pass)
      : offset_(has_offset(pass) ? kOffset : 0) {
    const std::string granule = join_text("L2A_", tile.name, "_A0", 10000 + pass.date.days % 30000, "_", sensing_time(pass));
    const std::string relative = join_text("GRANULE/", granule, "/IMG_DATA/"), stem = tile.name + "_" + sensing_time(pass) + "_";
    std::string listed;
    const auto add = [&](const std::string& band, bool coarse_band, PixelType type) {
      const std::string entry = join_text(relative, coarse_band ? "R20m/" : "R10m/", stem, band, coarse_band ? "_20m" : "_10m");
      listed += "            <IMAGE_FILE>" + entry + "</IMAGE_FILE>\n";
      files_.push_back(join_text(folder, "/", name, "/", entry));
      const Grid grid = coarse_band ? coarse(tile.grid) : tile.grid;
      RasterOptions options;
      options.block = block_of(std::max(grid.cols, grid.rows), coarse_band ? kStripRows / 2 : kStripRows);
      writers_.emplace_back(files_.back() + ".tif", grid, type, 1, options);
    };
    for (int band = 0; band < kBands; ++band) add(band_of(band), is_20m(band), PixelType::u16);
    add("SCL", true, PixelType::u8);
    metadata_file_ = join_text(folder, "/", name, "/MTD_MSIL2A.xml");
    metadata_ = metadata(name, granule, baseline_of(pass), pass, listed);
  }

  void write(const Window& window, const Strip& strip, int threads) override {
    side_by_side(kBands + 1, threads, [&](std::int64_t file) {
      RasterWriter& writer = writers_[static_cast<std::size_t>(file)];
      if (file == kBands) return writer.write(coarse(window), 0, scenes(strip).data());
      const auto& band = strip.bands[static_cast<std::size_t>(file)];
      std::vector<std::int32_t> numbers(band.size());
      std::ranges::transform(band, numbers.begin(), [this](std::int16_t value) { return value == kNodata ? 0 : value + offset_; });
      writer.write(is_20m(static_cast<int>(file)) ? coarse(window) : window, 0, numbers.data());
    });
  }

  void commit(int threads) override {
    side_by_side(static_cast<std::int64_t>(writers_.size()), threads, [&](std::int64_t i) {
      const std::string& file = files_[static_cast<std::size_t>(i)];
      writers_[static_cast<std::size_t>(i)].commit();
      write_jpeg2000(file + ".tif", file + ".jp2");
      std::filesystem::remove(file + ".tif");
    });
    write_text(metadata_file_, metadata_);
  }

 private:
  static std::vector<std::uint8_t> scenes(const Strip& strip) {
    const auto& [clouds, saturated, outside] = strip.masks[1];
    std::vector<std::uint8_t> scene(clouds.size(), kVegetation);
    for (std::size_t i = 0; i < scene.size(); ++i) {
      if (clouds[i] & kClouds)
        scene[i] = clouds[i] & kHighClouds ? kThinCirrus : kCloudHigh;
      else if (clouds[i])
        scene[i] = kCloudShadow;
      if (saturated[i]) scene[i] = kSaturated;
      if (outside[i]) scene[i] = kNoData;
    }
    return scene;
  }

  // The parts of MTD_MSIL2A.xml that programs read.
  std::string metadata(const std::string& name, const std::string& granule, const std::string& baseline, const Pass& pass,
                       const std::string& files) const {
    std::string offsets;
    if (offset_ != 0) {
      offsets = "      <BOA_ADD_OFFSET_VALUES_LIST>\n";
      for (int band = 0; band < 13; ++band)
        offsets += join_text("        <BOA_ADD_OFFSET band_id=\"", band, "\">", -offset_, "</BOA_ADD_OFFSET>\n");
      offsets += "      </BOA_ADD_OFFSET_VALUES_LIST>\n";
    }
    return join_text(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\n<n1:Level-2A_User_Product "
        "xmlns:n1=\"https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-2A.xsd\">\n  <n1:General_Info>\n    <Product_Info>\n"
        "      <PRODUCT_START_TIME>",
        pass.date.iso(), "T", pass.time.substr(0, 2), ":", pass.time.substr(2, 2), ":", pass.time.substr(4, 2),
        ".000Z</PRODUCT_START_TIME>\n      <PRODUCT_URI>", name,
        "</PRODUCT_URI>\n      <PROCESSING_LEVEL>Level-2A</PROCESSING_LEVEL>\n      <PROCESSING_BASELINE>", baseline.substr(0, 2), ".",
        baseline.substr(2),
        "</PROCESSING_BASELINE>\n      <Product_Organisation>\n        <Granule_List>\n          <Granule granuleIdentifier=\"", granule,
        "\" imageFormat=\"JPEG2000\">\n", files,
        "          </Granule>\n        </Granule_List>\n      </Product_Organisation>\n    </Product_Info>\n    "
        "<Product_Image_Characteristics>\n"
        "      <Special_Values>\n        <SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT>\n        "
        "<SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX>\n"
        "      </Special_Values>\n      <Special_Values>\n        <SPECIAL_VALUE_TEXT>SATURATED</SPECIAL_VALUE_TEXT>\n"
        "        <SPECIAL_VALUE_INDEX>65535</SPECIAL_VALUE_INDEX>\n      </Special_Values>\n      <QUANTIFICATION_VALUES_LIST>\n"
        "        <BOA_QUANTIFICATION_VALUE unit=\"none\">10000</BOA_QUANTIFICATION_VALUE>\n      </QUANTIFICATION_VALUES_LIST>\n",
        offsets, "    </Product_Image_Characteristics>\n  </n1:General_Info>\n</n1:Level-2A_User_Product>\n");
  }

  int offset_;
  std::vector<std::string> files_;
  std::vector<RasterWriter> writers_;
  std::string metadata_file_, metadata_;
};

}  // namespace

const OpticalLayout& sen2cor() {
  static const OpticalLayout layout{
      .sensor = "sentinel2_sen2cor",
      .folder = "safe",
      .name = safe_name,
      .open = [](const std::string& folder, const std::string& name, const Tile& tile, const Pass& pass) -> std::unique_ptr<ProductFiles> {
        return std::make_unique<SafeFiles>(folder, name, tile, pass);
      }};
  return layout;
}

}  // namespace millesime::simulated
