#pragma once
// Small Sentinel-2 products in the layout of THEIA (MUSCATE), for tests, of any size and with any damage.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/core/grid.h"

namespace millesime::testing {

enum class Storage { tiles, strips, jpeg2000 };

struct MuscateProduct {
  std::string platform = "SENTINEL2A", date = "20180511", time = "105804-037", tile = "T31TCJ", version = "1-7";
  Grid grid{"EPSG:32631", 300000, 4900020, 10, 10, 24, 20};  // of 10 m bands and masks; 20 m bands have half as many pixels, rounded down
  std::vector<std::string> bands = {"B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12"};
  // Value of a band at (col, row) of its own grid; default: 100 * number in the band's name + col + row.
  std::function<std::int16_t(const std::string& band, int col, int row)> value;
  // Value of a mask (CLM, SAT, EDG) at a 10 m pixel; default: 0.
  std::function<std::uint8_t(const std::string& mask, int col, int row)> mask;

  // How the files are stored: in tiles of block x block pixels (TIFF or JPEG 2000), or in strips of `block` rows.
  Storage storage = Storage::tiles;
  int block = 256;

  std::string name() const;  // SENTINEL2A_20180511-105804-037_L2A_T31TCJ_D_V1-7
};

// The bands that have 10 m pixels.
bool is_10m(const std::string& band);

// Writes it to <root>/<tile>/<name>, and returns that folder.
std::string write_product(const std::string& root, const MuscateProduct& product);

// How the images of a product are stored otherwise than as int16 reflectance x 10000.
struct StoredAs {
  std::string type;                            // of GDAL: "Float32", "UInt16"...
  std::function<double(std::int16_t)> number;  // of a pixel
  std::optional<double> nodata;
  double scale = 1, offset = 0;  // stated by the file where they are not these
};
void store_bands(const std::string& folder, const StoredAs& storage);

// Packs a product's folder into <folder>.zip (with the folder, or its content at the root) and removes the folder. Returns the zip.
std::string zip_product(const std::string& folder, bool with_folder = true);

// Cuts a file to its first `bytes`.
void cut_file(const std::string& path, std::uintmax_t bytes);

// The folder of the real products ($MILLESIME_REAL_DATA, or ../shared/real-data beside the source tree); "" if they are absent.
std::string real_data(const std::string& folder);

}  // namespace millesime::testing
